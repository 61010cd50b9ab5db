import { abortedError, isStoreError, StoreError } from './errors.ts'
import type {
  CallOptions,
  CompareAndSwapOptions,
  DeleteOptions,
  GetOptions,
  ListOptions,
  ListPage,
  ObjectInfo,
  ObjectStore,
  StoreCapabilities,
  StoredObject,
  WriteResult,
} from './object-store.ts'

/** Options of {@link retrying}. */
export interface RetryingOptions {
  /** How often a call is made at most, the first time included; default 5. */
  readonly attemptsMax?: number | undefined
  /** The longest wait before the second attempt, in milliseconds; default 50. It doubles with each attempt. */
  readonly delayMsFirst?: number | undefined
  /** The longest wait of all, default 5,000. A store that asks to wait longer gets no further attempt. */
  readonly delayMsMax?: number | undefined
  /** Waits; may return early when the signal fires. Default: a timer. */
  readonly delay?: ((ms: number, signal: AbortSignal | undefined) => Promise<void>) | undefined
  /** A number from 0 up to 1, by which each wait is multiplied; default `Math.random`. */
  readonly random?: (() => number) | undefined
}

/**
 * Repeats calls that failed and may be made again, with jittered back-off.
 *
 * - `unavailable` and `STORE_THROTTLED`: nothing was written, so every call is repeated.
 * - `unknown`: `put`, `delete` without etag and `deleteMany` are repeated, so they may take effect twice. Conditional
 *   writes are not: a repetition that meets its own effect would call it a conflict. The caller has to look.
 * - All other kinds are passed on at once.
 *
 * A call whose last attempt failed is `unknown` if any attempt was.
 */
export function retrying(store: ObjectStore, options: RetryingOptions = {}): ObjectStore {
  return new RetryingStore(store, options)
}

class RetryingStore implements ObjectStore {
  readonly #store: ObjectStore
  readonly #options: { readonly [K in keyof RetryingOptions]-?: NonNullable<RetryingOptions[K]> }

  constructor(store: ObjectStore, options: RetryingOptions) {
    this.#store = store
    this.#options = {
      attemptsMax: options.attemptsMax ?? 5,
      delayMsFirst: options.delayMsFirst ?? 50,
      delayMsMax: options.delayMsMax ?? 5000,
      delay: options.delay ?? timer,
      random: options.random ?? Math.random,
    }
  }

  get capabilities(): StoreCapabilities {
    return this.#store.capabilities
  }

  get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    return this.#repeat('repeatable', options, () => this.#store.get(key, options))
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#repeat('repeatable', options, () => this.#store.head(key, options))
  }

  put(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    return this.#repeat('repeatable', options, () => this.#store.put(key, body, options))
  }

  create(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    return this.#repeat('conditional', options, () => this.#store.create(key, body, options))
  }

  compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    return this.#repeat('conditional', options, () => this.#store.compareAndSwap(key, body, options))
  }

  delete(key: string, options?: DeleteOptions): Promise<void> {
    const nature = options?.etag === undefined ? 'repeatable' : 'conditional'
    return this.#repeat(nature, options, () => this.#store.delete(key, options))
  }

  deleteMany(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.#repeat('repeatable', options, () => this.#store.deleteMany(keys, options))
  }

  list(options: ListOptions): Promise<ListPage> {
    return this.#repeat('repeatable', options, () => this.#store.list(options))
  }

  async #repeat<T>(nature: 'repeatable' | 'conditional', options: CallOptions | undefined, call: () => Promise<T>): Promise<T> {
    let mayHaveHappened = false
    for (let attempt = 1; ; attempt++) {
      try {
        return await call()
      } catch (error) {
        if (!isStoreError(error)) throw error
        mayHaveHappened ||= error.kind === 'unknown'
        const delayMs = this.#delayBeforeNext(error, nature, attempt)
        if (delayMs === undefined) throw mayHaveHappened ? asUnknown(error) : error
        await this.#options.delay(delayMs, options?.signal)
        if (options?.signal?.aborted === true) throw mayHaveHappened ? asUnknown(error) : abortedError(options.signal)
      }
    }
  }

  /** How long to wait before the next attempt; `undefined` if there must be none. */
  #delayBeforeNext(error: StoreError, nature: 'repeatable' | 'conditional', attempt: number): number | undefined {
    const { attemptsMax, delayMsFirst, delayMsMax, random } = this.#options
    const isHarmless = error.kind === 'unavailable' || error.code === 'STORE_THROTTLED'
    if (!isHarmless && (error.kind !== 'unknown' || nature === 'conditional')) return undefined
    const askedMs = error.retryAfterMs ?? 0
    if (attempt >= attemptsMax || askedMs > delayMsMax) return undefined
    return Math.max(askedMs, random() * Math.min(delayMsMax, delayMsFirst * 2 ** (attempt - 1)))
  }
}

/** What the last attempt says of itself does not hold for all of them. */
function asUnknown(error: StoreError): StoreError {
  if (error.kind === 'unknown') return error
  const text = `an earlier attempt may have happened; the last one: ${error.message}`
  return new StoreError('STORE_OUTCOME_UNKNOWN', text, { cause: error })
}

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timeout)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timeout = setTimeout(end, ms)
    signal?.addEventListener('abort', end)
    if (signal?.aborted === true) end()
  })
}
