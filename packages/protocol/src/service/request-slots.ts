import { ProtocolError } from '../errors.ts'

/** What calls may take of a store that has not looked at them yet. */
export interface RequestLimits {
  /** Calls of the handler under way at a time. */
  readonly requestsMax: number
  /** Calls of one principal under way at a time. */
  readonly requestsPerPrincipalMax: number
  /** How long a request body may take to arrive, milliseconds. */
  readonly bodyMsMax: number
  /** Bytes of the request bodies of all calls under way. */
  readonly bodiesBytesMax: number
}

// About what a request takes while a store is busy.
const RETRY_AFTER_MS = 250

/** Bounds the calls that are under way at the same time. */
export class RequestSlots {
  readonly #max: number
  readonly #perPrincipalMax: number
  readonly #inAll = new Set<AbortSignal>()
  readonly #of = new Map<string, number>()

  constructor(limits: Pick<RequestLimits, 'requestsMax' | 'requestsPerPrincipalMax'>) {
    this.#max = limits.requestsMax
    this.#perPrincipalMax = limits.requestsPerPrincipalMax
  }

  /** Calls that arrived and are not over. */
  get count(): number {
    return this.#inAll.size
  }

  /** Principals that have calls under way; of the others nothing is kept. */
  get principals(): number {
    return this.#of.size
  }

  /**
   * Counts a call of which nothing is known yet, until its signal fires.
   *
   * @throws {@link ProtocolError} `REQUESTS_TOO_MANY`.
   */
  enter(signal: AbortSignal): void {
    if (this.#inAll.size >= this.#max) throw tooMany(`requests=${this.#max}`)
    if (signal.aborted) return
    this.#inAll.add(signal)
    signal.addEventListener('abort', () => this.leave(signal), { once: true })
  }

  /** Counts a call no longer. */
  leave(signal: AbortSignal): void {
    this.#inAll.delete(signal)
  }

  /**
   * Counts a call of a principal.
   *
   * @returns Ends that; to be called once.
   * @throws {@link ProtocolError} `REQUESTS_TOO_MANY`.
   */
  enterAs(principal: string): () => void {
    const count = this.#of.get(principal) ?? 0
    if (count >= this.#perPrincipalMax) throw tooMany(`requests=${this.#perPrincipalMax} of this caller`)
    this.#of.set(principal, count + 1)
    return () => {
      const left = (this.#of.get(principal) as number) - 1
      if (left === 0) this.#of.delete(principal)
      else this.#of.set(principal, left)
    }
  }
}

function tooMany(most: string): ProtocolError {
  return new ProtocolError('REQUESTS_TOO_MANY', `too many requests at a time, most ${most}`, { retryAfterMs: RETRY_AFTER_MS })
}
