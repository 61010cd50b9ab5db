import { createCommitLogs } from '@graft-ts/commit-log'
import { createMetastore, type MetastoreOptions } from '@graft-ts/metastore'
import { createPagestore } from '@graft-ts/pagestore'
import {
  ageOnlyRefSigner,
  allowEverybody,
  type GraftTransport,
  inProcessTransport,
  type MetaLimits,
  type PageLimits,
  RemoteError,
} from '@graft-ts/protocol'
import { type MeteredStore, metered } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { type IdSource, isTypedError, parsePageSize, type Timers, type VolumeId } from '@graft-ts/volume'
import { MemoryLevel } from 'memory-level'
import { expect } from 'vitest'
import {
  Client,
  type ClientOptions,
  type Connectivity,
  type LocalOperation,
  type LocalStore,
  type Volume,
  type VolumeSnapshot,
} from '../src/index.ts'
import { VolumeKeys } from '../src/local/keys.ts'
import { decodePageEntry } from '../src/local/page-entry.ts'
import { decodeUsageInfo } from '../src/local/records.ts'

export const PAGE_SIZE = parsePageSize(512)

/** Ids and times that are the same in every run. */
export function countingIdSource(seed = 1): IdSource & { tick(byMs: number): void } {
  let next = seed
  let nowMs = 1_700_000_000_000
  return {
    tick: (byMs) => void (nowMs += byMs),
    nowMs: () => ++nowMs,
    randomBytes: (length) => {
      next++
      return Uint8Array.from({ length }, (_, i) => (Math.imul(next + i * 7919, 2654435761) >>> 13) & 0xff)
    },
  }
}

/** Timers that fire at once: waits take no time, but still let others go first. */
export const immediateTimers: Timers = {
  start(run) {
    const timer = setImmediate(run)
    return () => clearImmediate(timer)
  },
}

/** Timers that a test moves by hand. */
export class ManualTimers implements Timers {
  #nowMs = 0
  readonly #due = new Set<{ readonly atMs: number; readonly run: () => void }>()

  get nowMs(): number {
    return this.#nowMs
  }

  start(run: () => void, delayMs: number): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run }
    this.#due.add(timer)
    return () => void this.#due.delete(timer)
  }

  /** Lets time pass, timer by timer, and everything go on in between. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs
    for (;;) {
      await settle()
      const next = [...this.#due].sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined || next.atMs > untilMs) break
      this.#nowMs = next.atMs
      this.#due.delete(next)
      next.run()
    }
    this.#nowMs = untilMs
  }
}

// Requests that a store is answering. It compresses on other threads, which no number of turns is sure to wait for.
let answering = 0

/** Lets everything go on that waits for no timer. */
export async function settle(): Promise<void> {
  for (let quiet = 0; quiet < 25; quiet++) {
    await new Promise(setImmediate)
    if (answering > 0) quiet = 0
  }
}

/** A network that a test unplugs. */
export function switchable(): Connectivity & { set(isOnline: boolean): void } {
  let isOnline = true
  const listeners = new Set<() => void>()
  return {
    isOnline: () => isOnline,
    subscribe: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    set: (value) => {
      isOnline = value
      for (const listener of listeners) listener()
    },
  }
}

/** Something that goes wrong with a call to a server. */
export type Fault =
  /** The request never arrives. */
  | 'lost-request'
  /** It takes effect, and the answer never arrives. */
  | 'lost-reply'

/** Both stores over memory, and a way to count and to disturb what is asked of them. */
export interface World {
  readonly store: MeteredStore
  readonly ids: ReturnType<typeof countingIdSource>
  readonly transport: GraftTransport
  /** Calls since the last time that it was emptied, by name. */
  readonly calls: string[]
  /** Decides for each call what goes wrong. */
  fault: (method: string) => Fault | undefined
  /** Whether a call gets no answer until its caller gives up. */
  hang: (method: string) => boolean
  /** What happens right before a call is carried out. */
  before: (method: string) => Promise<void>
  /** What happens before its answer arrives. */
  after: (method: string) => Promise<void>
  /** Breaks every watch that is open, as a lost connection does. */
  cutWatches: () => void
  /** Watches that the meta store believes to be open. */
  watchesOpen: () => number
  open(options?: Partial<ClientOptions>): Promise<TestClient>
  /** A client on a local store that is there already. */
  openOn(local: CrashableStore, options?: Partial<ClientOptions>): Promise<TestClient>
}

export interface TestClient {
  readonly client: Client
  readonly local: CrashableStore
  /** What the client read of its pages, once it is opened again on the same local store. */
  reopen(options?: Partial<ClientOptions>): Promise<TestClient>
}

interface AnyTransport {
  unary: (...args: unknown[]) => Promise<unknown>
  stream: (...args: unknown[]) => Promise<unknown>
}

/** How a world is set up. */
export interface WorldOptions {
  readonly meta?: Partial<MetaLimits>
  readonly pages?: Partial<PageLimits>
  /** Those of the meta store. Default: the system's. */
  readonly timers?: Timers
  readonly watch?: MetastoreOptions['watch']
}

export function openWorld(options: WorldOptions = {}): World {
  const store = metered(new MemoryStore())
  const ids = countingIdSource()
  const logs = createCommitLogs({ store, nowMs: ids.nowMs })
  const refs = ageOnlyRefSigner({ nowMs: ids.nowMs, uploadWindowMs: 3_600_000 })
  const metastore = createMetastore({
    ...{ logs, authorize: allowEverybody, refs, limits: options.meta ?? {}, nowMs: ids.nowMs },
    ...(options.timers !== undefined && { timers: options.timers }),
    ...(options.watch !== undefined && { watch: options.watch }),
  })
  const pagestore = createPagestore({
    logs,
    segments: store,
    commits: store,
    authorize: allowEverybody,
    refs,
    idSource: ids,
    limits: options.pages ?? {},
  })
  const inner = inProcessTransport({ meta: metastore.routes, pages: pagestore.routes })
  const cuts = new Set<() => void>()
  const world: World = {
    store,
    ids,
    calls: [],
    fault: () => undefined,
    hang: () => false,
    before: async () => undefined,
    after: async () => undefined,
    cutWatches: () => {
      for (const cut of cuts) cut()
    },
    watchesOpen: () => metastore.metrics().watchesOpenNow,
    transport: { meta: disturbed(inner.meta as never), pages: disturbed(inner.pages as never) },
    open: (clientOptions) => openClient(world, new CrashableStore(), clientOptions),
    openOn: (local, clientOptions) => openClient(world, local, clientOptions),
  }
  function disturbed(transport: AnyTransport): GraftTransport['meta'] {
    const call =
      (kind: 'unary' | 'stream') =>
      async (...args: unknown[]) => {
        const method = (args[0] as { name: string }).name
        world.calls.push(method)
        if (world.hang(method)) await never(args[1] as AbortSignal | undefined)
        await world.before(method)
        const fault = world.fault(method)
        if (fault === 'lost-request') throw lost()
        answering++
        const answer = await transport[kind](...args).finally(() => answering--)
        await world.after(method)
        if (fault === 'lost-reply') throw lost()
        if (method !== 'Watch') return answer
        const stream = answer as { message: AsyncIterable<unknown> }
        return { ...stream, message: cuttable(stream.message, cuts) }
      }
    return { unary: call('unary'), stream: call('stream') } as never
  }
  return world
}

async function* cuttable(messages: AsyncIterable<unknown>, cuts: Set<() => void>): AsyncGenerator {
  let cut = (): void => undefined
  const isCut = new Promise<never>((_, reject) => {
    cut = () => reject(new RemoteError('unavailable', 'NO_ANSWER', 'the connection was lost'))
  })
  isCut.catch(() => undefined)
  cuts.add(cut)
  const iterator = messages[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), isCut])
      if (next.done === true) return
      yield next.value
    }
  } finally {
    cuts.delete(cut)
  }
}

/** Ends only when the caller gives up. */
function never(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(new RemoteError('aborted', 'ABORTED', 'the caller gave up'))
    if (signal?.aborted === true) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  })
}

function lost(): RemoteError {
  return new RemoteError('unknown', 'OUTCOME_UNKNOWN', 'the connection was lost')
}

async function openClient(world: World, local: CrashableStore, options: Partial<ClientOptions> = {}): Promise<TestClient> {
  const client = await Client.open({
    transport: world.transport,
    store: local,
    idSource: world.ids,
    timers: immediateTimers,
    ...options,
  })
  return {
    client,
    local,
    reopen: async (again) => openClient(world, local.recovered(), again ?? options),
  }
}

/** A local store that can stop working before or after its n-th batch, as if the process had died there. */
export class CrashableStore implements LocalStore {
  readonly #level: MemoryLevel<string, Uint8Array>
  /** How many batches still work; after that every call fails. */
  batchesLeft = Number.POSITIVE_INFINITY
  batches = 0
  /** Whether the last batch was to survive a crash of the machine. */
  isLastSynced = false
  isDead = false
  /** Whether it answers look-ups at once, as LevelDB does. */
  isImmediate = false
  /** What happens right before a call is carried out. */
  before: (call: string) => Promise<void> = async () => undefined
  /** What happens before the answer to a look-up arrives. */
  after: (call: string) => Promise<void> = async () => undefined
  /** What happens when a batch has been written, and before that is known. */
  afterBatch: () => Promise<void> = async () => undefined

  constructor(level: MemoryLevel<string, Uint8Array> = new MemoryLevel({ keyEncoding: 'utf8', valueEncoding: 'view' })) {
    this.#level = level
  }

  /** The same content for the next process. */
  recovered(): CrashableStore {
    this.isDead = true
    const store = new CrashableStore(this.#level)
    store.isImmediate = this.isImmediate
    return store
  }

  async keyCount(): Promise<number> {
    return (await this.#level.keys().all()).length
  }

  async keyList(): Promise<string[]> {
    return this.#level.keys().all()
  }

  async entryList(): Promise<[string, Uint8Array][]> {
    return this.#level.iterator().all()
  }

  open = (): Promise<void> => this.#level.open()
  // The content lives on for the next process.
  close = async (): Promise<void> => void (this.isDead = true)
  get supports(): { readonly getSync: boolean } {
    return { getSync: this.isImmediate }
  }
  getSync = (key: string, options: Parameters<LocalStore['get']>[1]): Uint8Array | undefined =>
    this.#alive().getSync(key, options)
  get: LocalStore['get'] = async (key, options) => (await this.#turn('get')).get(key, options)
  getMany: LocalStore['getMany'] = async (keys, options) => {
    const found = await (await this.#turn('getMany')).getMany(keys, options)
    await this.after('getMany')
    return found
  }
  keys: LocalStore['keys'] = (options) => this.#alive().keys(options)
  iterator: LocalStore['iterator'] = (options) => this.#alive().iterator(options)

  async batch(operations: LocalOperation[], options: Parameters<LocalStore['batch']>[1]): Promise<void> {
    if (this.batchesLeft <= 0) this.isDead = true
    this.batchesLeft--
    this.batches++
    this.isLastSynced = options.sync
    await (await this.#turn('batch')).batch(operations, options)
    await this.afterBatch()
  }

  async #turn(call: string): Promise<MemoryLevel<string, Uint8Array>> {
    await this.before(call)
    return this.#alive()
  }

  #alive(): MemoryLevel<string, Uint8Array> {
    if (this.isDead) throw new Error('the process is dead')
    return this.#level
  }
}

/** A page whose bytes tell it apart. */
export function page(stamp: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PAGE_SIZE)
  new DataView(bytes.buffer).setUint32(0, stamp, true)
  bytes.fill(stamp & 0xff, 4)
  return bytes
}

/** The stamp of a page; 0: zeros. */
export function stampOf(bytes: Uint8Array): number {
  if (bytes.length !== PAGE_SIZE) throw new Error(`a page of ${bytes.length} bytes`)
  const stamp = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  if (bytes.subarray(4).some((byte) => byte !== (stamp & 0xff))) throw new Error('a page that nobody wrote')
  return stamp
}

/** Writes pages in one transaction. */
export async function write(volume: Volume, pages: Record<number, number>): Promise<void> {
  await volume.transact((tx) => {
    for (const [pageIndex, stamp] of Object.entries(pages)) tx.write(Number(pageIndex), page(stamp))
  })
}

/** The stamps of a snapshot's pages, one after the other. */
export async function stamps(snapshot: VolumeSnapshot, pages: number = snapshot.pageCount): Promise<number[]> {
  const read: number[] = []
  for (let pageIndex = 1; pageIndex <= pages; pageIndex++) read.push(stampOf(await snapshot.read(pageIndex)))
  return read
}

/** The stamps of the local head. */
export async function headStamps(volume: Volume, pages?: number): Promise<number[]> {
  const snapshot = volume.snapshot()
  try {
    return await stamps(snapshot, pages)
  } finally {
    snapshot.close()
  }
}

/** A volume with some pages that is pushed. */
export async function pushedVolume(client: Client, pages: Record<number, number>): Promise<Volume> {
  const volume = await client.createVolume({ pageSize: PAGE_SIZE })
  await write(volume, pages)
  await volume.push()
  return volume
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

/**
 * Compares what a local store says that its pages take up with what they do: `cached` is what open entries are and lead to,
 * `kept` all other pages.
 */
export async function expectExactUsage(local: CrashableStore, client?: Client): Promise<void> {
  const records = new Map(await local.entryList())
  const counted = new Map<string, { cached: number; kept: number }>()
  const count = (volume: string, sort: 'cached' | 'kept', bytes: number): void => {
    const usage = counted.get(volume) ?? { cached: 0, kept: 0 }
    usage[sort] += bytes
    counted.set(volume, usage)
  }
  const adopted = new Set<string>()
  for (const [key, value] of records) {
    const [, volume, sort, page] = key.split('/') as [string, string, string, string]
    if (!key.startsWith('v/') || sort !== 'o') continue
    count(volume, 'cached', key.length + value.length)
    const { content } = decodePageEntry(value)
    if (content.type !== 'local') continue
    const place = new VolumeKeys(volume as VolumeId).localPage(content.sequence, Number.parseInt(page, 16))
    adopted.add(place)
  }
  for (const [key, value] of records) {
    const [, volume, sort] = key.split('/') as [string, string, string]
    if (!key.startsWith('v/') || (sort !== 'l' && sort !== 'i')) continue
    count(volume, adopted.has(key) ? 'cached' : 'kept', key.length + value.length)
  }
  const told = new Map<string, { cached: number; kept: number }>()
  for (const [key, value] of records) {
    if (!key.startsWith('u/')) continue
    const usage = decodeUsageInfo(value)
    if (usage.cached + usage.kept > 0) told.set(key.slice(2), { ...usage })
  }
  expect(told).toEqual(counted)
  const total = { cached: 0, kept: 0 }
  for (const { cached, kept } of counted.values()) {
    total.cached += cached
    total.kept += kept
  }
  if (client !== undefined) expect(client.status().localBytes).toEqual(total)
}

export type { VolumeId }
