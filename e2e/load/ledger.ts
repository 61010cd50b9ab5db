import type { Version } from './version.ts'

/** How an attempt of a writer at a version of an object ended. */
export interface Attempt {
  readonly key: string
  /** From 1. */
  readonly version: number
  readonly writer: number
  readonly isWon: boolean
  /** Whether it was open for some time, and a read decided it. */
  readonly wasUnknown: boolean
}

/** What all writers were told, and what has to be true in the end. */
export class Ledger {
  readonly problems: string[] = []
  readonly #attempts: Attempt[] = []
  // The newest version of each object that somebody was told has been written.
  readonly #newest = new Map<string, number>()
  readonly #waiting = new Map<number, () => void>()
  #won = 0

  /** How many versions were acknowledged. */
  get won(): number {
    return this.#won
  }

  /** Counts for people: versions acknowledged, attempts lost, outcomes that a read had to decide. */
  get summary(): string {
    const unknown = this.#attempts.filter(({ wasUnknown }) => wasUnknown)
    const landed = unknown.filter(({ isWon }) => isWon).length
    const lost = this.#attempts.length - this.#won
    return `${this.#won} writes acknowledged, ${lost} lost; ${unknown.length} were unknown for a while, ${landed} of them had landed`
  }

  record(attempt: Attempt): void {
    this.#attempts.push(attempt)
    if (!attempt.isWon) return
    this.#newest.set(attempt.key, Math.max(this.newestOf(attempt.key), attempt.version))
    this.#won++
    this.#waiting.get(this.#won)?.()
  }

  /** The newest acknowledged version of an object, 0 if there is none: whoever starts to read now must not see an older one. */
  newestOf(key: string): number {
    return this.#newest.get(key) ?? 0
  }

  /** Resolves as soon as so many versions were acknowledged. */
  async reached(won: number): Promise<void> {
    if (this.#won >= won) return
    await new Promise<void>((resolve) => this.#waiting.set(won, resolve))
  }

  /**
   * Compares what the writers were told with what is stored when all are done: each version of each object has exactly
   * one winner, and the object tells the same winners.
   *
   * @param read What is stored, `undefined` if nothing is.
   * @returns What is wrong.
   */
  check(read: (key: string) => Version | undefined): string[] {
    const winners = new Map<string, number[][]>()
    for (const { key, version, writer, isWon } of this.#attempts) {
      const versions = winners.get(key) ?? []
      winners.set(key, versions)
      const places = (versions[version - 1] ??= [])
      if (isWon) places.push(writer)
    }
    const problems = [...this.problems]
    for (const [key, versions] of winners) {
      const stored = read(key)
      const count = Math.max(versions.length, stored?.writers.length ?? 0)
      for (let i = 0; i < count; i++) {
        const told = versions[i] ?? []
        const actual = stored?.writers[i]
        if (told.length === 1 && told[0] === actual) continue
        problems.push(`${key}, version ${i + 1}: won by [${told.join(' ')}], stored is that of ${actual ?? 'nobody'}`)
      }
    }
    return problems
  }
}
