import { AroundCalls, type StoreCall } from './around-calls.ts'
import { StoreError } from './errors.ts'
import { follow } from './follow.ts'
import type { ObjectStore } from './object-store.ts'
import { type StoreTimers, systemTimers, TIMER_MS_MAX } from './timers.ts'

/** Options of {@link deadline}. */
export interface DeadlineOptions {
  /** How long one call may take, in milliseconds: 1 to 2^31 - 1. Enough for the largest body over the slowest line. */
  readonly ms: number
  /** Default: the runtime's timers. */
  readonly timers?: StoreTimers | undefined
}

/**
 * Lets no call take longer than a given time, so that a store which never answers cannot hold its callers for ever.
 *
 * A read that is not over by then fails with `STORE_UNAVAILABLE`, a write with `STORE_OUTCOME_UNKNOWN`: it may have
 * happened, or may still. The call of the store gets a signal that it has been given up, but is not waited for, so this
 * holds for stores that do not listen too. What it answers later is dropped.
 *
 * Put `retrying` around this, not the other way round: each attempt then has the time.
 *
 * @throws {@link StoreError} `STORE_ARGUMENT` if the time is not in its range.
 */
export function deadline(store: ObjectStore, options: DeadlineOptions): ObjectStore {
  const { ms, timers = systemTimers } = options
  if (!Number.isInteger(ms) || ms < 1 || ms > TIMER_MS_MAX) {
    throw new StoreError('STORE_ARGUMENT', `the deadline is not in 1..${TIMER_MS_MAX}, ms=${ms}`)
  }
  return new DeadlineStore(store, ms, timers)
}

class DeadlineStore extends AroundCalls {
  readonly #ms: number
  readonly #timers: StoreTimers

  constructor(store: ObjectStore, ms: number, timers: StoreTimers) {
    super(store)
    this.#ms = ms
    this.#timers = timers
  }

  protected around<T>(call: StoreCall, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { controller, letGo } = follow(call.signal)
      const cancel = this.#timers.start(() => {
        // First, so that nothing that the store says about being given up can be the answer.
        reject(this.#error(call))
        controller.abort()
      }, this.#ms)
      const settle = (): void => {
        cancel()
        letGo()
      }
      run(controller.signal).finally(settle).then(resolve, reject)
    })
  }

  #error({ name, subject, isWrite }: StoreCall): StoreError {
    const code = isWrite ? 'STORE_OUTCOME_UNKNOWN' : 'STORE_UNAVAILABLE'
    return new StoreError(code, `${name}: the store did not answer in time, key=${subject} ms=${this.#ms}`)
  }
}
