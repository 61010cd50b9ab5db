import type { LocalOperation } from './batch.ts'
import { ENCODINGS, type KeyRange, type LocalStore } from './level.ts'

// Removed again as soon as the store is whole; no other key begins so.
const ROOM_KEY = 'room'
// What LevelDB holds back in memory by default, and writes when it is opened.
const ROOM_BYTES = 4 * 2 ** 20

/**
 * A local store that keeps what it acknowledges, also after a write has failed.
 *
 * LevelDB appends to a file. Where that fails half-way, because the disk is full, say, it goes on behind the piece that it has
 * written, and acknowledges what the next process will not be able to read. So nothing is acknowledged after such a failure until
 * the store has been opened anew, which begins another file.
 */
export class MendingStore {
  readonly #store: LocalStore
  // What a write failed with that left the store's file in doubt.
  #failure: { readonly cause: unknown } | undefined
  // Why it could not be opened again. Somebody else may have it by now, so that it is not tried another time.
  #end: { readonly cause: unknown } | undefined
  #mending: Promise<void> | undefined
  #timesMended = 0

  /** @param store One that is open. */
  constructor(store: LocalStore) {
    this.#store = store
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#on((store) => store.get(key, ENCODINGS))
  }

  getMany(keys: string[]): Promise<(Uint8Array | undefined)[]> {
    return this.#on((store) => store.getMany(keys, ENCODINGS))
  }

  /** Looks a key up without waiting; also `undefined` where the store cannot do that, or not now. */
  getNow(key: string): Uint8Array | undefined {
    const { supports, getSync } = this.#store
    const { getSync: isSupported } = (supports ?? {}) as { readonly getSync?: unknown }
    if (isSupported !== true || getSync === undefined || !this.#isReady) return undefined
    return getSync.call(this.#store, key, ENCODINGS)
  }

  async *iterator(range: KeyRange): AsyncGenerator<[string, Uint8Array], void, undefined> {
    yield* (await this.#whole()).iterator({ ...ENCODINGS, ...range })
  }

  async *keys(range: KeyRange): AsyncGenerator<string, void, undefined> {
    yield* (await this.#whole()).keys({ keyEncoding: ENCODINGS.keyEncoding, ...range })
  }

  /** All or nothing. */
  async batch(operations: LocalOperation[], sync: boolean): Promise<void> {
    for (;;) {
      if (!this.#isReady) await this.#whole()
      if (this.#failure !== undefined) await this.#mend()
      const timesMended = this.#timesMended
      try {
        await this.#store.batch(operations, { ...ENCODINGS, sync })
      } catch (cause) {
        if (isInDoubt(cause)) this.#failure ??= { cause }
        throw cause
      }
      // Where another one failed meanwhile, this one may lie behind the piece that is left of it: written again, it does not.
      if (this.#failure === undefined && timesMended === this.#timesMended) return
    }
  }

  async close(): Promise<void> {
    await this.#mending?.catch(() => undefined)
    await this.#store.close()
  }

  get #isReady(): boolean {
    return this.#end === undefined && this.#mending === undefined
  }

  /** Calls the store; at once, if there is nothing to wait for. */
  #on<T>(call: (store: LocalStore) => Promise<T>): Promise<T> {
    return this.#isReady ? call(this.#store) : this.#whole().then(call)
  }

  /** The store, when it is open. */
  async #whole(): Promise<LocalStore> {
    // Where there is no room yet for mending it, it can be read all the same.
    await this.#mending?.catch(() => undefined)
    if (this.#end !== undefined) throw this.#end.cause
    return this.#store
  }

  #mend(): Promise<void> {
    this.#mending ??= this.#openAnew().finally(() => {
      this.#mending = undefined
    })
    return this.#mending
  }

  async #openAnew(): Promise<void> {
    const store = this.#store
    const unsynced = { ...ENCODINGS, sync: false }
    // It needs room to open again. Where there is none yet, reads had better go on.
    await store.batch([{ type: 'put', key: ROOM_KEY, value: new Uint8Array(ROOM_BYTES) }], unsynced)
    await store.close()
    try {
      await store.open()
    } catch (error) {
      // abstract-level wraps the reason.
      const cause = (error as { readonly cause?: unknown }).cause ?? error
      this.#end = { cause }
      throw cause
    }
    await store.batch([{ type: 'del', key: ROOM_KEY }], unsynced)
    this.#failure = undefined
    this.#timesMended++
  }
}

/** Whether a failed write may have left a piece of itself: the store could not write to its file. */
function isInDoubt(error: unknown): boolean {
  return (error as { readonly code?: unknown } | null)?.code === 'LEVEL_IO_ERROR'
}
