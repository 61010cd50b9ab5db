/** Counts things by name: faults that were injected, branches that were taken, checks that were made. */
export class Tally {
  readonly #counts = new Map<string, number>()

  /** One more, or several. */
  add(name: string, count = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count)
  }

  /** How many; 0 for what never happened. */
  count(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /** The sum over all names. */
  get total(): number {
    let sum = 0
    for (const count of this.#counts.values()) sum += count
    return sum
  }

  /** Adds all of another one. */
  addAll(other: Tally): void {
    for (const [name, count] of other.#counts) this.add(name, count)
  }

  /** As it is now. */
  copy(): Tally {
    const copy = new Tally()
    copy.addAll(this)
    return copy
  }

  /** Names and counts, sorted by name. */
  entries(): [string, number][] {
    return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1))
  }
}
