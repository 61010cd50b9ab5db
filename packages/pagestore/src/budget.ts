import { PagestoreError, requestAborted, throwIfAborted } from './errors.ts'

interface Waiter {
  readonly amount: number
  readonly admit: () => void
}

/**
 * Admits work up to an amount (bytes, or a count); the rest waits in the order of its arrival, up to a second amount, and
 * what would wait beyond that is refused.
 */
export class Budget {
  readonly #max: number
  readonly #waitingMax: number
  readonly #retryAfterMs: number
  readonly #waiters = new Set<Waiter>()
  #used = 0
  #waiting = 0

  constructor(options: { max: number; waitingMax: number; retryAfterMs: number }) {
    this.#max = options.max
    this.#waitingMax = options.waitingMax
    this.#retryAfterMs = options.retryAfterMs
  }

  /** What is in use. */
  get used(): number {
    return this.#used
  }

  /** What is waiting. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Waits for room.
   *
   * @returns Gives the amount back; to be called once, further calls do nothing.
   * @throws {@link PagestoreError} `PAGESTORE_BUSY` with `retryAfterMs`, or `REQUEST_ABORTED` while waiting.
   */
  async acquire(amount: number, signal?: AbortSignal): Promise<() => void> {
    throwIfAborted(signal)
    // Nobody overtakes a waiter, or a big request would starve behind small ones.
    if (this.#waiters.size === 0 && this.#fits(amount)) return this.#take(amount)
    if (this.#waiting + amount > this.#waitingMax) {
      throw new PagestoreError('PAGESTORE_BUSY', `too much is waiting already, waiting=${this.#waiting}`, {
        retryAfterMs: this.#retryAfterMs,
      })
    }
    return this.#wait(amount, signal)
  }

  #fits(amount: number): boolean {
    // Something that is larger than the whole budget goes alone, or it would wait for ever.
    return this.#used === 0 || this.#used + amount <= this.#max
  }

  #take(amount: number): () => void {
    this.#used += amount
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#used -= amount
      this.#admitWaiters()
    }
  }

  #wait(amount: number, signal: AbortSignal | undefined): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(waiter)
        this.#waiting -= amount
        signal?.removeEventListener('abort', abort)
      }
      const waiter: Waiter = {
        amount,
        admit: () => {
          leave()
          resolve(this.#take(amount))
        },
      }
      const abort = (): void => {
        leave()
        reject(requestAborted(signal))
        // The one that left may have been what kept the next ones back.
        this.#admitWaiters()
      }
      this.#waiters.add(waiter)
      this.#waiting += amount
      signal?.addEventListener('abort', abort)
    })
  }

  #admitWaiters(): void {
    for (const waiter of this.#waiters) {
      if (!this.#fits(waiter.amount)) return
      waiter.admit()
    }
  }
}
