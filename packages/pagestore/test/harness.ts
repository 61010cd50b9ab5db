import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { type Client, createClient } from '@connectrpc/connect'
import { type CommitLogs, createCommitLogs } from '@graft-ts/commit-log'
import { ageOnlyRefSigner, allowEverybody, inProcessTransport, PageService } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { type MeteredStore, metered, type ObjectStore } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import {
  concatBytes,
  decodeSegmentRef,
  type FrameCodec,
  type IdSource,
  idToBytes,
  isTypedError,
  LSN_NONE,
  type Lsn,
  newClientId,
  newCommitId,
  newVolumeId,
  parsePageSize,
  type SegmentRef,
  type Timers,
  type VolumeId,
} from '@graft-ts/volume'
import { createPagestore, type Pagestore, type PagestoreEvent, type PagestoreOptions } from '../src/index.ts'

/** Time that moves only when a test says so. */
export class VirtualTimers implements Timers {
  nowMs = 0
  readonly #timers = new Set<{ atMs: number; run: () => void }>()

  get waiting(): number {
    return this.#timers.size
  }

  start(run: () => void, delayMs: number): () => void {
    const timer = { atMs: this.nowMs + delayMs, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Moves time on, and lets everything happen that it makes happen. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.nowMs + byMs
    for (;;) {
      await settle()
      const next = [...this.#timers].sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined || next.atMs > endMs) break
      this.nowMs = next.atMs
      this.#timers.delete(next)
      next.run()
    }
    this.nowMs = endMs
    await settle()
  }
}

/** Compresses at once: web streams take threads and turns of the event loop, which no test can count. */
export const syncCodec: FrameCodec = {
  deflateRaw: async (raw) => Uint8Array.from(deflateRawSync(raw)),
  inflateRaw: async (stored, rawBytes) => Uint8Array.from(inflateRawSync(stored, { maxOutputLength: rawBytes })),
}

/** Lets everything happen that does not wait for a timer. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Ids that are the same in every run. */
export function countingIdSource(): IdSource {
  let next = 1
  return {
    nowMs: () => 1_700_000_000_000 + next,
    randomBytes: (length) => Uint8Array.from({ length }, (_, i) => (next++ * 31 + i) & 0xff),
  }
}

/** A page store over a memory store, the client's view of it, and a log to commit to. */
export interface Harness {
  readonly memory: MemoryStore
  /** What the page store and the log see. */
  readonly store: MeteredStore
  readonly logs: CommitLogs
  readonly timers: VirtualTimers
  readonly ids: IdSource
  readonly pagestore: Pagestore
  readonly client: Client<typeof PageService>
  readonly events: PagestoreEvent[]
  newVolume(): VolumeId
  write(volumeId: VolumeId, pages: Pages, pageBytes?: number): Promise<SegmentRef>
  commit(volumeId: VolumeId, commit: CommitSpec): Promise<Lsn>
  read(volumeId: VolumeId, lsn: number, wanted: Iterable<number>, useful?: Iterable<number>): Promise<Map<number, PageRead>>
}

/** Pages by index. */
export type Pages = ReadonlyMap<number, Uint8Array>
export interface PageRead {
  readonly lsn: number
  /** `undefined`: a zero page. */
  readonly bytes: Uint8Array | undefined
}
export interface CommitSpec {
  readonly base: number
  readonly pageCount: number
  readonly refs?: readonly SegmentRef[]
  readonly own?: Iterable<number>
  readonly floor?: number
  readonly inline?: Pages
  readonly pageBytes?: number
}

export interface HarnessOptions extends Partial<Omit<PagestoreOptions, 'logs' | 'segments' | 'commits'>> {
  /** Puts something between the page store and the memory store. */
  readonly wrap?: (store: ObjectStore) => ObjectStore
}

export function openHarness(options: HarnessOptions = {}): Harness {
  const { wrap, ...pagestoreOptions } = options
  const memory = new MemoryStore()
  const store = metered(wrap === undefined ? memory : wrap(memory))
  const timers = new VirtualTimers()
  const ids = countingIdSource()
  const logs = createCommitLogs({ store, nowMs: ids.nowMs, codec: syncCodec })
  const events: PagestoreEvent[] = []
  const pagestore = createPagestore({
    logs,
    segments: store,
    commits: store,
    authorize: allowEverybody,
    refs: ageOnlyRefSigner({ nowMs: ids.nowMs }),
    idSource: ids,
    codec: syncCodec,
    timers,
    log: (event) => void events.push(event),
    ...pagestoreOptions,
  })
  const client = createClient(PageService, inProcessTransport({ meta: () => undefined, pages: pagestore.routes }).pages)
  return {
    memory,
    store,
    logs,
    timers,
    ids,
    pagestore,
    client,
    events,
    newVolume: () => newVolumeId(ids),
    write: (volumeId, pages, pageBytes = 512) => writePages(client, volumeId, pages, pageBytes),
    commit: (volumeId, spec) => appendCommit(logs, ids, volumeId, spec),
    read: (volumeId, lsn, wanted, useful = []) => readPages(client, { volumeId, lsn, wanted, useful }),
  }
}

/** A page whose bytes tell it apart; compressible. */
export function page(seed: number, pageBytes = 512): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: pageBytes }, (_, i) => (i < 8 ? (seed >> ((i % 4) * 8)) & 0xff : i & 0x0f))
}

/** A page of noise; does not compress. */
export function noisePage(seed: number, pageBytes = 512): Uint8Array<ArrayBuffer> {
  let state = seed >>> 0
  return Uint8Array.from({ length: pageBytes }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

/** Pages of the given indexes, each told apart by index and seed. */
export function pagesOf(indexes: Iterable<number>, seed = 0, make = page, pageBytes = 512): Pages {
  return new Map([...indexes].sort((a, b) => a - b).map((index) => [index, make(index * 1000 + seed, pageBytes)]))
}

/** The whole numbers from `from` to `to`, both included. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

export function concat(pages: Pages): Uint8Array<ArrayBuffer> {
  return concatBytes([...pages.values()])
}

async function writePages(
  client: Client<typeof PageService>,
  volumeId: VolumeId,
  pages: Pages,
  pageSize: number,
): Promise<SegmentRef> {
  const answer = await client.writePages({
    volumeId: idToBytes(volumeId),
    pageSize,
    pages: Splinter.from(pages.keys()).toBytes(),
    data: concat(pages),
  })
  if (answer.refs.length !== 1) throw new Error(`one ref expected, got ${answer.refs.length}`)
  return decodeSegmentRef((answer.refs[0] as { ref: Uint8Array }).ref)
}

async function appendCommit(logs: CommitLogs, ids: IdSource, volumeId: VolumeId, spec: CommitSpec): Promise<Lsn> {
  const refs = spec.refs ?? []
  const own = spec.own === undefined ? Splinter.unionAll(refs.map((ref) => ref.pages)) : Splinter.from(spec.own)
  if (spec.own === undefined) for (const index of spec.inline?.keys() ?? []) own.add(index)
  const outcome = await logs.volume(volumeId).append({
    baseLsn: spec.base as Lsn,
    commitId: newCommitId(ids),
    clientId: newClientId(ids),
    pageSize: parsePageSize(spec.pageBytes ?? 512),
    pageCount: spec.pageCount,
    floor: spec.floor,
    own,
    refs,
    ...(spec.inline !== undefined && { inline: { pages: Splinter.from(spec.inline.keys()), data: concat(spec.inline) } }),
  })
  if (outcome.type !== 'committed') throw new Error('the commit of a test must not conflict')
  return outcome.snapshot.lsn
}

async function readPages(
  client: Client<typeof PageService>,
  request: { volumeId: VolumeId; lsn: number; wanted: Iterable<number>; useful: Iterable<number> },
): Promise<Map<number, PageRead>> {
  const pages = new Map<number, PageRead>()
  const answer = client.readPages({
    volumeId: idToBytes(request.volumeId),
    lsn: BigInt(request.lsn),
    wanted: Splinter.from(request.wanted).toBytes(),
    alsoUseful: Splinter.from(request.useful).toBytes(),
  })
  for await (const group of answer) {
    const indexes = [...Splinter.fromBytes(group.pages)]
    const stored = group.writtenLsns.filter((lsn) => lsn !== 0n).length
    const pageBytes = stored === 0 ? 0 : group.data.length / stored
    let offset = 0
    for (const [i, index] of indexes.entries()) {
      if (pages.has(index)) throw new Error(`page ${index} came twice`)
      const lsn = Number(group.writtenLsns[i])
      const bytes = lsn === LSN_NONE ? undefined : group.data.slice(offset, offset + pageBytes)
      if (bytes !== undefined) offset += pageBytes
      pages.set(index, { lsn, bytes })
    }
    if (group.writtenLsns.length !== indexes.length || offset !== group.data.length) throw new Error('a group does not add up')
  }
  return pages
}

/** How a call ended: 'ok', or kind and code of its typed error. Anything else is a failure of the test. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'ok'
  } catch (error) {
    if (isTypedError(error)) return `${error.kind} ${error.code}`
    throw error
  }
}
