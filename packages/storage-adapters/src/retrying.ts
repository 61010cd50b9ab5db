import { AroundCalls, type StoreCall } from './around-calls.ts'
import { abortedError, isStoreError, StoreError } from './errors.ts'
import type { ObjectStore } from './object-store.ts'
import { systemTimers, TIMER_MS_MAX, wait } from './timers.ts'

/** Options of {@link retrying}. */
export interface RetryingOptions {
  /** How often a call is made at most, the first time included: 1 or more, `Infinity` for no limit; default 5. */
  readonly attemptsMax?: number | undefined
  /** The longest wait before the second attempt, in milliseconds: 0 to 2^31 - 1; default 50. It doubles with each attempt. */
  readonly delayMsFirst?: number | undefined
  /** The longest wait of all, in the same range; default 5,000. A store that asks to wait longer gets no further attempt. */
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
 *
 * @throws {@link StoreError} `STORE_ARGUMENT` if an option is not in its range.
 */
export function retrying(store: ObjectStore, options: RetryingOptions = {}): ObjectStore {
  const { attemptsMax = 1 } = options
  // Not a number would be reached by no count.
  if (!(attemptsMax >= 1 && (Number.isInteger(attemptsMax) || attemptsMax === Number.POSITIVE_INFINITY))) {
    throw new StoreError('STORE_ARGUMENT', `attempts are 1 or more, attemptsMax=${attemptsMax}`)
  }
  for (const name of ['delayMsFirst', 'delayMsMax'] as const) {
    const ms = options[name] ?? 0
    if (!(ms >= 0 && ms <= TIMER_MS_MAX))
      throw new StoreError('STORE_ARGUMENT', `the delay is not in 0..${TIMER_MS_MAX}, ${name}=${ms}`)
  }
  return new RetryingStore(store, options)
}

class RetryingStore extends AroundCalls {
  readonly #options: { readonly [K in keyof RetryingOptions]-?: NonNullable<RetryingOptions[K]> }

  constructor(store: ObjectStore, options: RetryingOptions) {
    super(store)
    this.#options = {
      attemptsMax: options.attemptsMax ?? 5,
      delayMsFirst: options.delayMsFirst ?? 50,
      delayMsMax: options.delayMsMax ?? 5000,
      delay: options.delay ?? ((ms, signal) => wait(systemTimers, ms, signal)),
      random: options.random ?? Math.random,
    }
  }

  protected async around<T>(call: StoreCall, run: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
    const { signal } = call
    let mayHaveHappened = false
    for (let attempt = 1; ; attempt++) {
      try {
        return await run(signal)
      } catch (error) {
        if (!isStoreError(error)) throw error
        mayHaveHappened ||= error.kind === 'unknown'
        const delayMs = this.#delayBeforeNext(error, call, attempt)
        if (delayMs === undefined) throw mayHaveHappened ? asUnknown(error) : error
        await this.#options.delay(delayMs, signal)
        if (signal?.aborted === true) throw mayHaveHappened ? asUnknown(error) : abortedError(signal)
      }
    }
  }

  /** How long to wait before the next attempt; `undefined` if there must be none. */
  #delayBeforeNext(error: StoreError, { isConditional }: StoreCall, attempt: number): number | undefined {
    const { attemptsMax, delayMsFirst, delayMsMax, random } = this.#options
    const isHarmless = error.kind === 'unavailable' || error.code === 'STORE_THROTTLED'
    if (!isHarmless && (error.kind !== 'unknown' || isConditional)) return undefined
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
