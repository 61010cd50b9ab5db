import { ClientError } from '../errors.ts'
import type { Batch } from './batch.ts'
import type { KeyRange, LocalStore } from './level.ts'
import { MendingStore } from './mending-store.ts'
import { type LockManagerLike, lockNameOf, takeLock } from './owner-lock.ts'

export type { KeyRange, LocalStore } from './level.ts'

// One owner per store (I12): a second client on it would interleave its batches with the first one's.
const owned = new WeakSet<LocalStore>()

/** The local store of one client. Every failure is a {@link ClientError}; bytes that it gives are the store's own: not to be written to. */
export class LocalDatabase {
  readonly #store: LocalStore
  readonly #whole: MendingStore
  #isClosed = false
  /** Told when a batch found no room in the store. */
  onFull: () => void = () => undefined

  readonly #unlock: () => void

  private constructor(store: LocalStore, unlock: () => void) {
    this.#store = store
    this.#whole = new MendingStore(store)
    this.#unlock = unlock
  }

  /**
   * Opens the store and takes it over.
   *
   * @param locks Where others that might open the same store look, too.
   * @throws {@link ClientError} `LOCAL_STORE_LOCKED` if another process, tab or client has it, `LOCAL_STORE_FAILED`.
   */
  static async open(store: LocalStore, locks?: LockManagerLike): Promise<LocalDatabase> {
    if (owned.has(store)) throw new ClientError('LOCAL_STORE_LOCKED', 'another client of this process has the local store')
    owned.add(store)
    let unlock = (): void => undefined
    try {
      const name = lockNameOf(store)
      if (locks !== undefined && name !== undefined) unlock = await takeLock(locks, name)
      await store.open()
    } catch (cause) {
      // A database opens itself soon after it was made: it must not get hold of what another one lets go of.
      await store.close().catch(() => undefined)
      unlock()
      owned.delete(store)
      throw openError(cause)
    }
    return new LocalDatabase(store, unlock)
  }

  /** Closes the store. Calls that are under way may fail; later ones do, also if the store gets another owner. */
  async close(): Promise<void> {
    this.#isClosed = true
    await typed('close', this.#whole.close())
    this.#unlock()
    owned.delete(this.#store)
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return typed('get', this.#open().get(key))
  }

  /** Looks a key up without waiting; also `undefined` where the store cannot do that. */
  getNow(key: string): Uint8Array | undefined {
    try {
      return this.#open().getNow(key)
    } catch (cause) {
      throw storeError('getSync', cause)
    }
  }

  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return keys.length === 0 ? [] : typed('getMany', this.#open().getMany([...keys]))
  }

  /**
   * All or nothing.
   *
   * @param sync Whether it also survives a crash of the machine, where the store can do that.
   */
  async write({ operations }: Batch, options: { readonly sync: boolean }): Promise<void> {
    if (operations.length === 0) return
    try {
      await typed('batch', this.#open().batch(operations, options.sync))
    } catch (error) {
      if (error instanceof ClientError && error.code === 'LOCAL_STORE_FULL') this.onFull()
      throw error
    }
  }

  async *entries(range: KeyRange): AsyncGenerator<[string, Uint8Array], void, undefined> {
    try {
      yield* this.#open().iterator(range)
    } catch (cause) {
      throw storeError('iterator', cause)
    }
  }

  async *keys(range: KeyRange): AsyncGenerator<string, void, undefined> {
    try {
      yield* this.#open().keys(range)
    } catch (cause) {
      throw storeError('keys', cause)
    }
  }

  #open(): MendingStore {
    if (this.#isClosed) throw new ClientError('CLIENT_CLOSED', 'the local store is closed')
    return this.#whole
  }
}

async function typed<T>(what: string, call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (cause) {
    throw storeError(what, cause)
  }
}

function storeError(what: string, cause: unknown): ClientError {
  if (cause instanceof ClientError) return cause
  const isClosed = codeOf(cause) === 'LEVEL_DATABASE_NOT_OPEN'
  if (isClosed) return new ClientError('CLIENT_CLOSED', 'the local store is closed', { cause })
  if (codeOf(cause) === 'LEVEL_LOCKED') return openError(cause)
  if (isFull(cause)) return new ClientError('LOCAL_STORE_FULL', `the local store has no room left, call=${what}`, { cause })
  return new ClientError('LOCAL_STORE_FAILED', `the local store failed, call=${what}`, { cause })
}

const CAUSES_MAX = 4
const QUOTA_EXCEEDED_CODE = 22

/** Whether an error, or one that it wraps, says that the disk is full or that the quota of the origin is used up. */
function isFull(error: unknown): boolean {
  let cause = error
  for (let depth = 0; depth < CAUSES_MAX && typeof cause === 'object' && cause !== null; depth++) {
    const { name, code, message } = cause as { name?: unknown; code?: unknown; message?: unknown }
    if (name === 'QuotaExceededError' || code === QUOTA_EXCEEDED_CODE || code === 'ENOSPC' || code === 'EDQUOT') return true
    // LevelDB gives no code, but what the operating system says.
    if (typeof message === 'string' && /No space left on device|Disk quota exceeded/.test(message)) return true
    cause = (cause as { cause?: unknown }).cause
  }
  return false
}

function openError(cause: unknown): ClientError {
  if (cause instanceof ClientError) return cause
  // abstract-level wraps the reason: LEVEL_DATABASE_NOT_OPEN, caused by LEVEL_LOCKED.
  const isLocked = codeOf(cause) === 'LEVEL_LOCKED' || (cause instanceof Error && codeOf(cause.cause) === 'LEVEL_LOCKED')
  if (isLocked) return new ClientError('LOCAL_STORE_LOCKED', 'another process has the local store open', { cause })
  return new ClientError('LOCAL_STORE_FAILED', 'the local store could not be opened', { cause })
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? (error as { code?: unknown }).code : undefined
}
