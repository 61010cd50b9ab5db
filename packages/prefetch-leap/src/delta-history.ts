/**
 * The differences between the newest reads of a stream, and the trend in them (Leap, section 3.2.1, Algorithm 1).
 *
 * Where the paper is silent: windows are looked at only when they are full, doubling is clamped to the capacity so that the
 * whole history is always tried, and a difference of 0 is no trend (it predicts nothing).
 */
export class DeltaHistory {
  // Newest at `#newest`, older ones before it, round the end. Differences of u32s are exact in a double.
  readonly #deltas: Float64Array
  readonly #firstWindow: number
  #newest = -1
  #count = 0

  /**
   * @param capacity How many differences are remembered.
   * @param split The first window is the capacity divided by this, at least 1: from the capacity, not from what is held.
   */
  constructor(capacity: number, split: number) {
    this.#deltas = new Float64Array(capacity)
    this.#firstWindow = Math.max(1, Math.floor(capacity / split))
  }

  /** The newest difference. */
  get newest(): number | undefined {
    return this.#count === 0 ? undefined : this.#deltas[this.#newest]
  }

  /** Adds a difference; the oldest one is forgotten when there is no more room. */
  push(delta: number): void {
    this.#newest = (this.#newest + 1) % this.#deltas.length
    this.#deltas[this.#newest] = delta
    this.#count = Math.min(this.#count + 1, this.#deltas.length)
  }

  /** The difference that more than half of the newest ones have, in the smallest window in which there is one. */
  findTrend(): number | undefined {
    const capacity = this.#deltas.length
    for (let window = this.#firstWindow; window <= this.#count; window = Math.min(2 * window, capacity)) {
      const trend = this.#strictMajority(window)
      if (trend !== undefined && trend !== 0) return trend
      if (window === capacity) return undefined
    }
    return undefined
  }

  /** Boyer and Moore's vote over the newest differences. The vote always elects somebody, so the votes are counted again. */
  #strictMajority(window: number): number | undefined {
    let candidate = 0
    let lead = 0
    for (let age = 0; age < window; age++) {
      const delta = this.#at(age)
      if (lead === 0) candidate = delta
      lead += delta === candidate ? 1 : -1
    }
    let votes = 0
    for (let age = 0; age < window; age++) if (this.#at(age) === candidate) votes += 1
    return votes > window / 2 ? candidate : undefined
  }

  #at(age: number): number {
    const capacity = this.#deltas.length
    return this.#deltas[(this.#newest - age + capacity) % capacity] as number
  }
}
