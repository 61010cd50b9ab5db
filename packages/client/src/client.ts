import {
  type ClientId,
  LSN_NONE,
  newVolumeId,
  PAGE_SIZE_DEFAULT,
  type PageSize,
  parsePageSize,
  parseVolumeId,
  type Snapshot,
  systemIdSource,
  type VolumeId,
} from '@graft-ts/volume'
import { type ClientOptions, checkClientOptions, contextOf } from './client-options.ts'
import type { ClientContext } from './context.ts'
import { ClientError, type Failure, failureOf, throwIfAborted, untilAborted } from './errors.ts'
import { Directory } from './local/directory.ts'
import { Evictor } from './local/evictor.ts'
import { Ledger } from './local/ledger.ts'
import type { LocalBytes } from './local/local-bytes.ts'
import { LocalDatabase } from './local/local-store.ts'
import { MemoryLocalStore } from './local/memory-local-store.ts'
import { runtimeLocks } from './local/owner-lock.ts'
import { askToPersist, type Persistence } from './local/persistence.ts'
import { VolumeStore } from './local/volume-store.ts'
import { checkNames, type OptionNames } from './option-checks.ts'
import { retried } from './retry.ts'
import { newVolumeState, type VolumeState } from './state/volume-state.ts'
import { Volume } from './volume.ts'
import { VolumeCore } from './volume-core.ts'
import type { VolumeStatus } from './volume-status.ts'

/** Options of {@link Client.createVolume}. */
export interface CreateVolumeOptions {
  /** Default: a new one. */
  readonly volumeId?: VolumeId
  /** Bytes of each page, for good. Default 4,096. */
  readonly pageSize?: PageSize
}

/** Options of {@link Client.forget}. */
export interface ForgetOptions {
  /** Whether local commits that are not pushed yet go too. Default: no. */
  readonly discardPending?: boolean
}

/** Where a client stands, over all its volumes. */
export interface ClientStatus {
  /** What pages take up in the local store. */
  readonly localBytes: LocalBytes
  /** The limit on that; infinite: none. */
  readonly localBytesMax: number
  /** What happens to the local store when the device runs short of space, as far as `storageManager` has said. */
  readonly persistence: Persistence
  /** Why making room failed the last time; `undefined`: it did not. */
  readonly evictionError: Failure | undefined
}

const CREATE_NAMES: OptionNames<CreateVolumeOptions> = { volumeId: true, pageSize: true }
const OPEN_NAMES: OptionNames<{ readonly signal?: AbortSignal }> = { signal: true }
const FORGET_NAMES: OptionNames<ForgetOptions> = { discardPending: true }

/** One local store, and the volumes that are replicated into it as far as they are read. */
export class Client {
  readonly clientId: ClientId
  readonly #database: LocalDatabase
  readonly #directory: Directory
  readonly #context: ClientContext
  readonly #closing: AbortController
  readonly #ledger: Ledger
  readonly #evictor: Evictor
  // What each volume has in the local store, open or not.
  readonly #stores = new Map<VolumeId, VolumeStore>()
  readonly #volumes = new Map<VolumeId, Promise<Volume>>()
  #persistence: Persistence = 'unknown'
  #closed: Promise<void> | undefined

  private constructor(options: {
    clientId: ClientId
    database: LocalDatabase
    ledger: Ledger
    context: Omit<ClientContext, 'roomMade'>
    closing: AbortController
  }) {
    this.clientId = options.clientId
    this.#database = options.database
    this.#directory = new Directory(options.database)
    this.#context = { ...options.context, roomMade: () => this.#evictor.idle() }
    this.#closing = options.closing
    this.#ledger = options.ledger
    this.#evictor = new Evictor(options.ledger, (volumeId) => this.#store(volumeId), options.closing.signal)
    options.database.onFull = () => this.#evictor.shrink()
  }

  /**
   * Opens the local store and takes it over. No server is asked.
   *
   * @throws {@link ClientError} `LOCAL_STORE_LOCKED` if another process, tab or client has it, `LOCAL_STORE_VERSION`,
   * `LOCAL_STORE_CORRUPT`, `LOCAL_STORE_FAILED`, `CLIENT_OPTIONS` for options that are not supported.
   */
  static async open(options: ClientOptions): Promise<Client> {
    checkClientOptions(options)
    const closing = new AbortController()
    const idSource = options.idSource ?? systemIdSource
    const shared = contextOf(options, idSource, closing.signal)
    const ledger = new Ledger(shared.localBytesMax)
    const { locks = runtimeLocks() } = options
    const store = options.store === 'memory' ? new MemoryLocalStore() : options.store
    const database = await LocalDatabase.open(store, locks === 'none' ? undefined : locks)
    try {
      const clientId = await new Directory(database).identify(idSource)
      await ledger.load(database)
      const client = new Client({ clientId, database, ledger, context: { ...shared, clientId }, closing })
      await client.#finishForgetting()
      if (options.storageManager !== undefined) {
        void askToPersist(options.storageManager).then((persistence) => (client.#persistence = persistence))
      }
      return client
    } catch (error) {
      await database.close()
      throw error
    }
  }

  /** Where the client stands, over all its volumes. Costs no I/O. */
  status(): ClientStatus {
    const { failure } = this.#evictor
    return {
      localBytes: this.#ledger.total,
      localBytesMax: this.#ledger.bytesMax,
      persistence: this.#persistence,
      evictionError: failure === undefined ? undefined : failureOf(failure),
    }
  }

  /** The volumes that the local store knows. */
  async volumes(): Promise<VolumeId[]> {
    this.#check()
    return this.#directory.volumes()
  }

  /**
   * Makes a volume. It is local until its first push.
   *
   * @throws {@link ClientError} `VOLUME_EXISTS` if the local store knows one with that id.
   */
  async createVolume(options: CreateVolumeOptions = {}): Promise<Volume> {
    this.#check()
    checkNames('createVolume', options, CREATE_NAMES)
    const volumeId = options.volumeId === undefined ? newVolumeId(this.#context.idSource) : parseVolumeId(options.volumeId)
    const pageSize = parsePageSize(options.pageSize ?? PAGE_SIZE_DEFAULT)
    if (this.#volumes.has(volumeId)) throw existsError(volumeId)
    return this.#opening(volumeId, async (store) => {
      if ((await store.queue.run(() => store.load())) !== undefined) throw existsError(volumeId)
      const base: Snapshot = { volumeId, lsn: LSN_NONE, pageCount: 0, pageSize, timestampMs: 0 }
      return this.#add(store, base, undefined)
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
    checkNames('openVolume', options, OPEN_NAMES)
    throwIfAborted(options.signal)
    const opening =
      this.#volumes.get(parseVolumeId(volumeId)) ??
      this.#opening(volumeId, async (store) => {
        const known = await store.queue.run(() => store.load())
        if (known !== undefined) return known
        const { remote, retry, closing: signal, idSource } = this.#context
        // Not a pull: nothing is here that what changed could concern.
        const newest = await retried(retry, signal, () => remote.snapshotAt(volumeId, LSN_NONE, { signal }))
        return this.#add(store, newest, idSource.nowMs())
      })
    // Others may be opening it too, so no single caller's signal ends that.
    return untilAborted(opening, options.signal)
  }

  /**
   * Drops everything that the local store has of a volume, in steps: a crash in between is made good when the store is
   * opened next. The remote log is not touched; the volume can be opened again. What uses it now ends with
   * `VOLUME_FORGOTTEN`. Does nothing if the local store does not know it.
   *
   * @throws {@link ClientError} `VOLUME_PENDING` if local commits are not pushed yet and `discardPending` is not set: then
   * nothing happens. `LOCAL_STORE_…`.
   */
  async forget(volumeId: VolumeId, options: ForgetOptions = {}): Promise<void> {
    this.#check()
    const { discardPending = false } = checkNames('forget', options, FORGET_NAMES)
    const isKnown = await this.#directory.has(parseVolumeId(volumeId))
    if (!isKnown && !this.#volumes.has(volumeId)) return
    try {
      await (await this.openVolume(volumeId)).forget({ discardPending })
    } catch (error) {
      const code = error instanceof ClientError ? error.code : undefined
      // Somebody else has forgotten it meanwhile.
      if (code === 'VOLUME_FORGOTTEN') return this.#store(volumeId).queue.idle()
      if (code !== 'LOCAL_STORE_CORRUPT' || !discardPending) throw error
      const damaged = this.#store(volumeId)
      await damaged.queue.run(() => damaged.forget())
    }
    // Whoever opens the volume from now on waits in the line of the new store until the old pages are gone.
    const store = new VolumeStore(this.#database, volumeId, this.#ledger)
    this.#stores.set(volumeId, store)
    this.#volumes.delete(volumeId)
    await store.queue.run(() => store.removeAll())
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
      if (volume.status === 'rejected') continue
      await volume.value.idle()
      await volume.value.keepConfirmation()
    }
    await this.#evictor.idle()
    for (const store of this.#stores.values()) await store.queue.idle()
    await this.#database.close()
  }

  #opening(volumeId: VolumeId, load: (store: VolumeStore) => Promise<VolumeState>): Promise<Volume> {
    const store = this.#store(volumeId)
    const opening = load(store).then((state) => new Volume(new VolumeCore({ volumeId, client: this.#context, store, state })))
    this.#volumes.set(volumeId, opening)
    opening.catch(() => this.#volumes.delete(volumeId))
    return opening
  }

  #store(volumeId: VolumeId): VolumeStore {
    let store = this.#stores.get(volumeId)
    if (store === undefined) {
      store = new VolumeStore(this.#database, volumeId, this.#ledger)
      this.#stores.set(volumeId, store)
    }
    return store
  }

  /** Goes on with what a crash interrupted. */
  async #finishForgetting(): Promise<void> {
    for await (const volumeId of this.#directory.forgotten()) {
      const store = this.#store(volumeId)
      await store.queue.run(() => store.removeAll())
    }
  }

  /** @param confirmedAtMs When a meta store said that the base is the newest commit. */
  async #add(store: VolumeStore, base: Snapshot, confirmedAtMs: number | undefined): Promise<VolumeState> {
    const state = newVolumeState(base, confirmedAtMs)
    await store.queue.run(() => store.create(state))
    return state
  }

  #check(): void {
    if (this.#closing.signal.aborted) throw new ClientError('CLIENT_CLOSED', 'the client is closed')
  }
}

function existsError(volumeId: VolumeId): ClientError {
  return new ClientError('VOLUME_EXISTS', `the local store has that volume already, volume=${volumeId}`)
}
