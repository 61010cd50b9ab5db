import { AroundCalls, type StoreCall } from './around-calls.ts'
import { abortedError, StoreError, throwIfAborted } from './errors.ts'
import type { ObjectStore } from './object-store.ts'

/** Options of {@link limited}: a bound of its own, or the bound of another store. */
export type LimitedOptions =
  | {
      /** How many calls may be under way at a time: 1 or more. */
      readonly inFlightMax: number
      /** How many may wait for their turn: 0 or more; default 16,384. */
      readonly waitingMax?: number | undefined
    }
  | {
      /** Counts calls together with those of this store, which {@link limited} has made. */
      readonly sharedWith: LimitedStore
    }

/** A store with a bound on its calls, and how far that is used. */
export interface LimitedStore extends ObjectStore {
  /** Calls under way, of all stores that share the bound. */
  readonly inFlight: number
  /** Calls that wait for their turn, of all stores that share the bound. */
  readonly waiting: number
}

const WAITING_MAX_DEFAULT = 16_384
// About what a call takes, after which there is room to wait again.
const RETRY_AFTER_MS = 100

/**
 * Lets only so many calls of a store be under way at a time; the others wait, in the order in which they were made. For
 * what has few connections, such as a Worker, and for stores that slow down whoever asks too much of them at once.
 *
 * A call that is aborted while it waits has had no effect (`STORE_ABORTED`). One that would be more than may wait fails at once with
 * `STORE_THROTTLED`, and may be made again.
 *
 * A `put` keeps its turn while its body is read. A body that comes out of the same store needs another turn meanwhile, so with
 * as many such writes as there are turns all of them would wait for ever.
 *
 * Put this around a `deadline`, so that the time counts from a call's turn and a store that never answers cannot keep all
 * turns for ever; and put `hedged` and `retrying` around this, so that each of their attempts takes its own turn.
 *
 * @throws {@link StoreError} `STORE_ARGUMENT` if a bound is not in its range, or shared with a store that has none.
 */
export function limited(store: ObjectStore, options: LimitedOptions): LimitedStore {
  return new Limiter(store, options)
}

class Limiter extends AroundCalls implements LimitedStore {
  readonly #turns: Turns

  constructor(store: ObjectStore, options: LimitedOptions) {
    super(store)
    this.#turns = 'sharedWith' in options ? Limiter.#turnsOf(options.sharedWith) : new Turns(options)
  }

  static #turnsOf(store: LimitedStore): Turns {
    if (store instanceof Limiter) return store.#turns
    throw new StoreError('STORE_ARGUMENT', 'a bound can be shared with a limited store only')
  }

  get inFlight(): number {
    return this.#turns.inFlight
  }

  get waiting(): number {
    return this.#turns.waiting
  }

  protected async around<T>(call: StoreCall, run: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
    throwIfAborted(call.signal)
    await this.#turns.take(call.signal)
    try {
      return await run(call.signal)
    } finally {
      this.#turns.release()
    }
  }
}

class Turns {
  readonly #inFlightMax: number
  readonly #waitingMax: number
  readonly #waiters = new Set<() => void>()
  #inFlight = 0

  constructor({ inFlightMax, waitingMax = WAITING_MAX_DEFAULT }: { inFlightMax: number; waitingMax?: number | undefined }) {
    if (!Number.isSafeInteger(inFlightMax) || inFlightMax < 1) {
      throw new StoreError('STORE_ARGUMENT', `calls at a time are 1 or more, inFlightMax=${inFlightMax}`)
    }
    if (!Number.isSafeInteger(waitingMax) || waitingMax < 0) {
      throw new StoreError('STORE_ARGUMENT', `calls that wait are 0 or more, waitingMax=${waitingMax}`)
    }
    this.#inFlightMax = inFlightMax
    this.#waitingMax = waitingMax
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get waiting(): number {
    return this.#waiters.size
  }

  /** Waits for a turn, which has to be released. */
  async take(signal: AbortSignal | undefined): Promise<void> {
    if (this.#inFlight < this.#inFlightMax) {
      this.#inFlight++
      return
    }
    if (this.#waiters.size >= this.#waitingMax) {
      throw new StoreError('STORE_THROTTLED', `too many calls wait for the store already, most=${this.#waitingMax}`, {
        retryAfterMs: RETRY_AFTER_MS,
      })
    }
    await this.#wait(signal)
  }

  release(): void {
    const [next] = this.#waiters
    // A turn goes from hand to hand, so that nobody who comes in between can take it.
    if (next === undefined) this.#inFlight--
    else next()
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(go)
        signal?.removeEventListener('abort', abort)
      }
      const go = (): void => {
        leave()
        resolve()
      }
      const abort = (): void => {
        leave()
        reject(abortedError(signal as AbortSignal))
      }
      this.#waiters.add(go)
      signal?.addEventListener('abort', abort)
    })
  }
}
