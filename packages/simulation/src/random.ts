import { seededRandom } from '@graft-ts/storage-adapters/testing'

/** Everything that a run leaves to chance, drawn from one seed: the same numbers in the same order, every time. */
export class Random {
  readonly #next: () => number

  /** @param seed A whole number. */
  constructor(seed: number) {
    this.#next = seededRandom(seed)
  }

  /** From 0 up to 1. */
  number(): number {
    return this.#next()
  }

  /** A whole number from 0 up to `below`, which it does not reach. */
  below(below: number): number {
    return Math.floor(this.#next() * below)
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** True in a given share of all cases. */
  chance(share: number): boolean {
    return this.#next() < share
  }

  /** One of several; there must be one. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('nothing to pick from')
    return items[this.below(items.length)] as T
  }

  /** One of several, by weights that add up to anything. */
  weighted<T>(items: readonly (readonly [weight: number, item: T])[]): T {
    let left = this.#next() * items.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, item] of items) {
      left -= weight
      if (left < 0) return item
    }
    return (items.at(-1) as readonly [number, T])[1]
  }

  /** Fresh bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256))
  }

  /** Another source, so that how often one part draws does not change what another part gets. */
  fork(): Random {
    return new Random(this.below(2 ** 32))
  }
}
