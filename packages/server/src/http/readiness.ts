import type { ObjectStore } from '@graft-ts/storage-adapters'
import type { Timers } from '@graft-ts/volume'
import { isTypedError } from '@graft-ts/volume'

// An answer about this key shows that the store can be reached; nobody ever writes it.
const PROBE_KEY = 'readyz'

/** What {@link Readiness} goes by. */
export interface ReadinessOptions {
  readonly stores: readonly ObjectStore[]
  readonly nowMs: () => number
  readonly timers: Timers
  /** A store that needs longer is not ready. */
  readonly timeoutMs: number
  /** An answer is given again for this long, so that probes cannot become a load on the store. */
  readonly answerAgeMsMax: number
}

/** Whether requests can be served, and if not, why: `DRAINING`, `STORE_SLOW`, or the code of the store's error. */
export type ReadinessAnswer = { readonly isReady: true } | { readonly isReady: false; readonly reason: string }

/** Tells whether the object stores answer a cheap read, sharing one read among all who ask at about the same time. */
export class Readiness {
  readonly #options: ReadinessOptions
  #isDraining = false
  #latest: { readonly askedMs: number; readonly answer: Promise<ReadinessAnswer> } | undefined

  constructor(options: ReadinessOptions) {
    this.#options = options
  }

  /** From here on the answer is no. */
  drain(): void {
    this.#isDraining = true
  }

  /** Whether {@link Readiness.drain} was called. */
  get isDraining(): boolean {
    return this.#isDraining
  }

  async check(): Promise<ReadinessAnswer> {
    if (this.#isDraining) return { isReady: false, reason: 'DRAINING' }
    const nowMs = this.#options.nowMs()
    if (this.#latest === undefined || nowMs - this.#latest.askedMs >= this.#options.answerAgeMsMax) {
      this.#latest = { askedMs: nowMs, answer: this.#ask() }
    }
    return this.#latest.answer
  }

  async #ask(): Promise<ReadinessAnswer> {
    const { stores, timers, timeoutMs } = this.#options
    const abort = new AbortController()
    const cancel = timers.start(() => abort.abort(), timeoutMs)
    const tooSlow = new Promise<ReadinessAnswer>((resolve) => {
      abort.signal.addEventListener('abort', () => resolve({ isReady: false, reason: 'STORE_SLOW' }), { once: true })
    })
    try {
      return await Promise.race([tooSlow, askStores(stores, abort.signal)])
    } finally {
      cancel()
    }
  }
}

async function askStores(stores: readonly ObjectStore[], signal: AbortSignal): Promise<ReadinessAnswer> {
  const outcomes = await Promise.allSettled(stores.map((store) => store.head(PROBE_KEY, { signal })))
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue
    return { isReady: false, reason: isTypedError(outcome.reason) ? outcome.reason.code : 'STORE_FAILED' }
  }
  return { isReady: true }
}
