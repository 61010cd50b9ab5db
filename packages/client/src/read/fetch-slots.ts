/** How many requests for pages may be under way at a time. Others wait, in the order in which they came. */
export class FetchSlots {
  readonly #slotsMax: number
  readonly #waiting: (() => void)[] = []
  #taken = 0

  constructor(slotsMax: number) {
    this.#slotsMax = slotsMax
  }

  /** Whether a request would have to wait. */
  get isFull(): boolean {
    return this.#taken >= this.#slotsMax
  }

  /** Runs a request when it is its turn. */
  async run<T>(request: () => Promise<T>): Promise<T> {
    if (this.isFull) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#taken++
    try {
      return await request()
    } finally {
      // Handed on as it is, so that nobody who comes now gets in between.
      const next = this.#waiting.shift()
      if (next === undefined) this.#taken--
      else next()
    }
  }
}
