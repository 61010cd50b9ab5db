import { type Client, createClient } from '@connectrpc/connect'
import { createCommitLogs } from '@graft-ts/commit-log'
import {
  ageOnlyRefSigner,
  allowEverybody,
  type CommitAnswer,
  type CommitRequest,
  commitAnswerFromWire,
  commitProposalToWire,
  inProcessTransport,
  MetaService,
  type PullAnswer,
  pullAnswerFromWire,
  type SignedSegmentRef,
} from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { type MeteredStore, metered, type ObjectStore } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import {
  type ClientId,
  type CommitId,
  encodeSegmentRef,
  type FrameCodec,
  idToBytes,
  type Lsn,
  newClientId,
  newCommitId,
  newSegmentId,
  newVolumeId,
  type PageSize,
  parsePageSize,
  type SegmentRef,
  type VolumeId,
} from '@graft-ts/volume'
import { createMetastore, type Metastore, type MetastoreEvent, type MetastoreOptions } from '../src/index.ts'
import { Clock, START_MS } from './clock.ts'

export const PAGE_SIZE: PageSize = parsePageSize(512)
export { START_MS } from './clock.ts'

let counter = 0
const idSource = {
  nowMs: () => START_MS,
  randomBytes: (length: number) => {
    counter++
    return Uint8Array.from({ length }, (_, i) => (counter / 256 ** i) % 256)
  },
}
export const newVolume = (): VolumeId => newVolumeId(idSource)
export const clientId = (): ClientId => newClientId(idSource)
export const commitId = (): CommitId => newCommitId(idSource)

/** Keeps tests quick: every frame is stored raw. */
export const rawCodec: FrameCodec = {
  deflateRaw: async (raw) => new Uint8Array(raw.length + 1),
  inflateRaw: async () => {
    throw new Error('nothing is compressed in this test')
  },
}

/** One meta store process over a store, and a client of it. */
export interface Node {
  readonly metastore: Metastore
  readonly client: Client<typeof MetaService>
  readonly events: MetastoreEvent[]
  commit(request: CommitRequest): Promise<CommitAnswer>
  pull(volumeId: VolumeId, since: number, atLeast?: number): Promise<PullAnswer>
}

/** A store, and any number of meta store processes over it. */
export interface Harness extends Node {
  readonly memory: MemoryStore
  /** What all processes see. */
  readonly store: MeteredStore
  /** Time of all processes; a test may move it. */
  readonly clock: Clock
  /** Another process, with nothing in memory. */
  other(options?: Partial<MetastoreOptions>): Node
}

export interface HarnessOptions extends Partial<Omit<MetastoreOptions, 'logs'>> {
  /** Puts something between the meta stores and the memory store. */
  readonly wrap?: (store: ObjectStore) => ObjectStore
}

export function openHarness(options: HarnessOptions = {}): Harness {
  const { wrap, ...given } = options
  const memory = new MemoryStore()
  const store = metered(wrap === undefined ? memory : wrap(memory))
  const clock = new Clock()
  const nowMs = () => clock.nowMs
  const other = (more: Partial<MetastoreOptions> = {}): Node => {
    const logs = createCommitLogs({ store, nowMs, codec: rawCodec })
    const shared = { logs, authorize: allowEverybody, refs: ageOnlyRefSigner({ nowMs }), timers: clock, nowMs }
    return openNode({ ...shared, ...given, ...more })
  }
  return { memory, store, clock, other, ...other() }
}

function openNode(options: MetastoreOptions): Node {
  const events: MetastoreEvent[] = []
  const metastore = createMetastore({ log: (event) => void events.push(event), ...options })
  const client = createClient(MetaService, inProcessTransport({ meta: metastore.routes, pages: () => undefined }).meta)
  return {
    metastore,
    client,
    events,
    commit: async (request) => commitAnswerFromWire(await client.commit(request)),
    pull: async (volumeId, since, atLeast = 0) =>
      pullAnswerFromWire(await client.pull({ volumeId: idToBytes(volumeId), since: BigInt(since), atLeast: BigInt(atLeast) })),
  }
}

/** A commit of a test. */
export interface CommitSpec {
  /** Inline pages; also the own set unless `own` says otherwise. */
  readonly pages?: readonly number[]
  readonly own?: readonly number[]
  readonly pageCount?: number
  readonly floor?: number
  readonly pageSize?: PageSize
  readonly refs?: readonly SignedSegmentRef[]
  readonly commitId?: CommitId
}

/** A commit request. Its inline pages hold the base, so that commits can be told apart. */
export function commitOf(volumeId: VolumeId, base: number, spec: CommitSpec = {}): CommitRequest {
  const { pages = [1], pageSize = PAGE_SIZE, refs = [] } = spec
  const inlinePages = Splinter.from(pages)
  const own = Splinter.from(spec.own ?? pages)
  return commitProposalToWire({
    volumeId,
    baseLsn: base as Lsn,
    commitId: spec.commitId ?? commitId(),
    clientId: clientId(),
    pageSize,
    pageCount: spec.pageCount ?? own.last() ?? 0,
    floor: spec.floor,
    own,
    refs,
    inline: pages.length === 0 ? undefined : { pages: inlinePages, data: new Uint8Array(pages.length * pageSize).fill(base + 1) },
  })
}

/** Commits one page each, `count` times, on top of what is there. */
export async function commitMany(node: Node, volumeId: VolumeId, count: number, base = 0): Promise<void> {
  for (let i = base; i < base + count; i++) await node.commit(commitOf(volumeId, i, { pages: [1 + (i % 50)], pageCount: 50 }))
}

/** A ref such as a page store makes for up to 64 pages, encoded. Nothing reads its segment here. */
export function refOf(pages: readonly number[], fields: Partial<SegmentRef> = {}): Uint8Array {
  const frames = { lengths: Uint32Array.of(100), checksums: BigUint64Array.of(1n) }
  return encodeSegmentRef({ segmentId: newSegmentId(idSource), pages: Splinter.from(pages), offset: 0, frames, ...fields })
}

/** The first message of a stream, or the error that it begins with. */
export async function firstOf<T>(stream: AsyncIterable<T>): Promise<T | undefined> {
  return (await stream[Symbol.asyncIterator]().next()).value as T | undefined
}
