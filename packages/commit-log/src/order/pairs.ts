// Which half of a 64-bit number a 32-bit array shows first depends on the machine.
const LOW = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 0 : 1
const HIGH = 1 - LOW

/** A growing list of pairs of integers from 0 to 2^32 - 1, which can be put in order at the speed of numbers. */
export class Pairs {
  #halves = new Uint32Array(32)
  #length = 0

  /** How many pairs there are. */
  get length(): number {
    return this.#length
  }

  /** Adds a pair. */
  push(key: number, value: number): void {
    const at = 2 * this.#length++
    if (at === this.#halves.length) {
      const halves = new Uint32Array(2 * at)
      halves.set(this.#halves)
      this.#halves = halves
    }
    this.#halves[at + HIGH] = key
    this.#halves[at + LOW] = value
  }

  /** Puts the pairs in ascending order of key, then value. */
  sort(): void {
    new BigUint64Array(this.#halves.buffer, 0, this.#length).sort()
  }

  /** The key of a pair. */
  key(index: number): number {
    return this.#halves[2 * index + HIGH]!
  }

  /** The value of a pair. */
  value(index: number): number {
    return this.#halves[2 * index + LOW]!
  }
}
