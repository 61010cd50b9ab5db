import { ProtocolError } from './errors.ts'

// About what a request takes while a store is busy.
const RETRY_AFTER_MS = 250

/** Bounds what the bodies of all calls of a handler take in memory, most of which nobody has let in yet. */
export class BodyRoom {
  readonly #max: number
  #used = 0

  constructor(max: number) {
    this.#max = max
  }

  /**
   * Takes room for some bytes that have arrived. A caller is refused rather than kept waiting: whoever waited would hold what
   * has arrived of it, and callers who send slowly could keep all others out.
   *
   * @throws {@link ProtocolError} `REQUESTS_TOO_MANY`.
   */
  take(bytes: number): void {
    if (this.#used + bytes > this.#max) {
      throw new ProtocolError('REQUESTS_TOO_MANY', `too many bytes of requests at a time, most=${this.#max}`, {
        retryAfterMs: RETRY_AFTER_MS,
      })
    }
    this.#used += bytes
  }

  /** Gives room back. */
  release(bytes: number): void {
    this.#used -= bytes
  }
}
