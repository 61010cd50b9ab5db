import type { GraftTransport } from '@graft-ts/protocol'
import {
  type ClientId,
  type IdSource,
  LSN_NONE,
  newClientId,
  newVolumeId,
  PAGE_SIZE_DEFAULT,
  type PageSize,
  parsePageSize,
  parseVolumeId,
  type Snapshot,
  systemIdSource,
  systemTimers,
  type Timers,
  type VolumeId,
} from '@graft-ts/volume'
import type { ClientContext, Durability } from './context.ts'
import { ClientError, throwIfAborted, untilAborted } from './errors.ts'
import { Listeners } from './listeners.ts'
import { type Connectivity, runtimeConnectivity } from './live/connectivity.ts'
import { HeadWatch } from './live/head-watch.ts'
import { type SyncOptions, syncSettings } from './live/sync-settings.ts'
import { Batch } from './local/batch.ts'
import { afterVolume, INFO_KEY, VOLUMES_RANGE, volumeInfoKey } from './local/keys.ts'
import { LocalDatabase, type LocalStore } from './local/local-store.ts'
import { decodeStoreInfo, encodeStoreInfo } from './local/records.ts'
import { VolumeStore } from './local/volume-store.ts'
import { checkDurability, checkIsolation } from './options.ts'
import type { MergePage } from './push/merge-hook.ts'
import { PageCache } from './read/page-cache.ts'
import type { PrefetcherFactory } from './read/prefetcher.ts'
import { Remote } from './remote.ts'
import { type RetryPolicy, retried } from './retry.ts'
import type { Isolation } from './state/local-commit.ts'
import type { VolumeState } from './state/volume-state.ts'
import { Volume } from './volume.ts'
import { VolumeCore } from './volume-core.ts'
import type { VolumeStatus } from './volume-status.ts'

const MEMORY_CACHE_BYTES_DEFAULT = 32 * 2 ** 20
const TRANSACTION_BYTES_DEFAULT = 2 ** 30
const ATTEMPTS_DEFAULT = 4
const RETRY_DELAY_MS_DEFAULT = 100

/** What a client is made of. Everything that touches the world comes in here. */
export interface ClientOptions {
  /** How the stores are reached: `httpTransport` of `@graft-ts/protocol`, or `embedded`. */
  readonly transport: GraftTransport
  /** Holds pages and local commits: an `abstract-level` database, opened and closed by the client. One client each. */
  readonly store: LocalStore
  /** Predicts what is read next, one for each snapshot and transaction. Default: none. */
  readonly prefetcher?: PrefetcherFactory
  /** What transactions are checked against. Default: `serializable`. */
  readonly isolation?: Isolation
  /** Settles conflicts about single pages, before transactions run again. Default: none. */
  readonly merge?: MergePage
  /** When a local commit counts as done. Default: `local`. */
  readonly durability?: Durability
  /** Bound on pages in memory, over all volumes. Default 32 MiB. */
  readonly memoryCacheBytesMax?: number
  /** Bound on the pages that one transaction writes. Default 1 GiB. */
  readonly transactionBytesMax?: number
  /** How often a call to a server is tried that failed for a passing reason. Default 4. */
  readonly attemptsMax?: number
  /** First pause between two tries in milliseconds; it doubles each time, less a random half. Default 100. */
  readonly retryDelayMs?: number
  /** Pulls and pushes by itself. Default: nothing goes on by itself. */
  readonly sync?: SyncOptions
  /** Whether there is a network, for what goes on by itself. Default: what the runtime says, where it says something. */
  readonly connectivity?: Connectivity
  /** Clock and randomness. Default: the system's. */
  readonly idSource?: IdSource
  /** Default: the runtime's timers. */
  readonly timers?: Timers
}

/** Options of {@link Client.createVolume}. */
export interface CreateVolumeOptions {
  /** Default: a new one. */
  readonly volumeId?: VolumeId
  /** Bytes of each page, for good. Default 4,096. */
  readonly pageSize?: PageSize
}

/** One local store, and the volumes that are replicated into it as far as they are read. */
export class Client {
  readonly clientId: ClientId
  readonly #database: LocalDatabase
  readonly #context: ClientContext
  readonly #closing: AbortController
  readonly #volumes = new Map<VolumeId, Promise<Volume>>()
  #closed: Promise<void> | undefined

  private constructor(options: {
    clientId: ClientId
    database: LocalDatabase
    context: ClientContext
    closing: AbortController
  }) {
    this.clientId = options.clientId
    this.#database = options.database
    this.#context = options.context
    this.#closing = options.closing
  }

  /**
   * Opens the local store and takes it over. No server is asked.
   *
   * @throws {@link ClientError} `LOCAL_STORE_LOCKED` if another process, tab or client has it, `LOCAL_STORE_VERSION`,
   * `LOCAL_STORE_CORRUPT`, `LOCAL_STORE_FAILED`, `CLIENT_OPTIONS` for options that are not supported.
   */
  static async open(options: ClientOptions): Promise<Client> {
    const closing = new AbortController()
    const idSource = options.idSource ?? systemIdSource
    const shared = contextOf(options, idSource, closing.signal)
    const database = await LocalDatabase.open(options.store)
    try {
      const clientId = await identify(database, idSource)
      return new Client({ clientId, database, context: { ...shared, clientId }, closing })
    } catch (error) {
      await database.close()
      throw error
    }
  }

  /** The volumes that the local store knows. */
  async volumes(): Promise<VolumeId[]> {
    this.#check()
    const volumes: VolumeId[] = []
    // One look-up per volume, whatever it holds.
    for (let from = VOLUMES_RANGE.gte; ; ) {
      const key = await first(this.#database.keys({ gte: from, lt: VOLUMES_RANGE.lt }))
      if (key === undefined) return volumes
      const volumeId = key.split('/')[1] as VolumeId
      if ((await this.#database.get(volumeInfoKey(volumeId))) !== undefined) volumes.push(volumeId)
      from = afterVolume(volumeId)
    }
  }

  /**
   * Makes a volume. It is local until its first push.
   *
   * @throws {@link ClientError} `VOLUME_EXISTS` if the local store knows one with that id.
   */
  async createVolume(options: CreateVolumeOptions = {}): Promise<Volume> {
    this.#check()
    const volumeId = options.volumeId === undefined ? newVolumeId(this.#context.idSource) : parseVolumeId(options.volumeId)
    const pageSize = parsePageSize(options.pageSize ?? PAGE_SIZE_DEFAULT)
    if (this.#volumes.has(volumeId)) throw existsError(volumeId)
    return this.#opening(volumeId, async (store) => {
      if ((await store.load()) !== undefined) throw existsError(volumeId)
      const base: Snapshot = { volumeId, lsn: LSN_NONE, pageCount: 0, pageSize, timestampMs: 0 }
      return this.#add(store, base)
    })
  }

  /**
   * Opens a volume: as the local store has it, or else by asking for its metadata. The same object for as long as the
   * client is open.
   *
   * @throws `RemoteError` `VOLUME_UNKNOWN` if nobody has it; {@link ClientError} `LOCAL_STORE_…`.
   */
  async openVolume(volumeId: VolumeId, options: { readonly signal?: AbortSignal } = {}): Promise<Volume> {
    this.#check()
    throwIfAborted(options.signal)
    const opening =
      this.#volumes.get(parseVolumeId(volumeId)) ??
      this.#opening(volumeId, async (store) => {
        const known = await store.load()
        if (known !== undefined) return known
        const { remote, retry, closing: signal } = this.#context
        const { snapshot } = await retried(retry, signal, () => remote.pull(volumeId, { signal, since: LSN_NONE }))
        return this.#add(store, snapshot)
      })
    // Others may be opening it too, so no single caller's signal ends that.
    return untilAborted(opening, options.signal)
  }

  /**
   * Tells of every change of the status of any volume that is open.
   *
   * @returns Ends it.
   */
  onStatus(listener: (status: VolumeStatus) => void): () => void {
    return this.#context.live.statusListeners.add(listener)
  }

  /** Ends what is under way, and closes the local store. Everything that is pending stays there. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#closing.abort(new ClientError('CLIENT_CLOSED', 'the client is closed'))
    for (const volume of await Promise.allSettled(this.#volumes.values())) {
      if (volume.status === 'fulfilled') await volume.value.idle()
    }
    await this.#database.close()
  }

  #opening(volumeId: VolumeId, load: (store: VolumeStore) => Promise<VolumeState>): Promise<Volume> {
    const store = new VolumeStore(this.#database, volumeId)
    const opening = load(store).then((state) => new Volume(new VolumeCore({ volumeId, client: this.#context, store, state })))
    this.#volumes.set(volumeId, opening)
    opening.catch(() => this.#volumes.delete(volumeId))
    return opening
  }

  async #add(store: VolumeStore, base: Snapshot): Promise<VolumeState> {
    const state: VolumeState = {
      pageSize: base.pageSize,
      base,
      pending: [],
      nextSequence: 1,
      sent: [],
      isRefused: false,
      uploads: [],
      remote: undefined,
      divergence: undefined,
    }
    await store.create(state)
    return state
  }

  #check(): void {
    if (this.#closing.signal.aborted) throw new ClientError('CLIENT_CLOSED', 'the client is closed')
  }
}

function contextOf(options: ClientOptions, idSource: IdSource, closing: AbortSignal): Omit<ClientContext, 'clientId'> {
  const remote = new Remote(options.transport, closing)
  const retry = retryOf(options, idSource)
  const sync = syncSettings(options.sync)
  const connectivity = options.connectivity ?? runtimeConnectivity()
  const heads = new HeadWatch({ remote, retry, connectivity, intervalMs: sync.intervalMs, closing })
  return {
    remote,
    retry,
    live: { heads, sync, connectivity, statusListeners: new Listeners() },
    cache: new PageCache(positive('memoryCacheBytesMax', options.memoryCacheBytesMax ?? MEMORY_CACHE_BYTES_DEFAULT)),
    idSource,
    prefetcher: options.prefetcher,
    merge: options.merge,
    isolation: checkIsolation(options.isolation ?? 'serializable'),
    durability: checkDurability(options.durability ?? 'local'),
    transactionBytesMax: positive('transactionBytesMax', options.transactionBytesMax ?? TRANSACTION_BYTES_DEFAULT),
    closing,
  }
}

function retryOf(options: ClientOptions, idSource: IdSource): RetryPolicy {
  return {
    timers: options.timers ?? systemTimers,
    random: () => (idSource.randomBytes(1)[0] as number) / 255,
    attemptsMax: positive('attemptsMax', options.attemptsMax ?? ATTEMPTS_DEFAULT),
    delayMs: positive('retryDelayMs', options.retryDelayMs ?? RETRY_DELAY_MS_DEFAULT),
  }
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new ClientError('CLIENT_OPTIONS', `must be a positive whole number, ${name}=${value}`)
}

/** The client that a local store belongs to; a new store gets one. */
async function identify(database: LocalDatabase, idSource: IdSource): Promise<ClientId> {
  const known = await database.get(INFO_KEY)
  if (known !== undefined) return decodeStoreInfo(known)
  const clientId = newClientId(idSource)
  const batch = new Batch()
  batch.put(INFO_KEY, encodeStoreInfo(clientId))
  await database.write(batch, { sync: true })
  return clientId
}

function existsError(volumeId: VolumeId): ClientError {
  return new ClientError('VOLUME_EXISTS', `the local store has that volume already, volume=${volumeId}`)
}

async function first<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item
  return undefined
}
