import type { Lsn } from '@graft-ts/volume'

/** A truncation: it happened in (after, until], and cut off what was above its floor. */
export interface Truncation {
  readonly after: Lsn
  readonly until: Lsn
  readonly floor: number
}

/**
 * The truncations that decide the lowest floor of a range that ends at the newest commit, oldest first: ascending by LSN and by
 * floor, for an older one that did not cut deeper than a newer one decides nothing.
 */
export class Floors {
  // Oldest first; intervals do not overlap.
  #kept: Truncation[] = []

  /** How many are kept. */
  get size(): number {
    return this.#kept.length
  }

  /** The lowest floor of all; `undefined`: nothing was cut off. */
  get lowest(): number | undefined {
    return this.#kept[0]?.floor
  }

  /** Takes in truncations newer than all known ones, newest first, each cutting deeper than the one before. */
  addNewer(newestFirst: readonly Truncation[]): void {
    const deepest = newestFirst[newestFirst.length - 1]
    if (deepest === undefined) return
    let left = this.#kept.length
    while (left > 0 && this.#kept[left - 1]!.floor >= deepest.floor) left--
    this.#kept.length = left
    for (let i = newestFirst.length - 1; i >= 0; i--) this.#kept.push(newestFirst[i]!)
  }

  /** Takes in truncations older than all known ones, newest first, each cutting deeper than all newer ones. */
  addOlder(newestFirst: readonly Truncation[]): void {
    for (const truncation of newestFirst) this.#kept.unshift(truncation)
  }

  /**
   * The lowest floor after an LSN. `undefined`: nothing was cut off; `'unclear'`: something was, and it is not known whether
   * before that LSN or after it.
   */
  lowestAfter(lsn: Lsn): number | undefined | 'unclear' {
    let low = 0
    for (let length = this.#kept.length; length > 0; ) {
      const half = length >>> 1
      if (this.#kept[low + half]!.until <= lsn) {
        low += half + 1
        length -= half + 1
      } else length = half
    }
    const first = this.#kept[low]
    return first === undefined || first.after >= lsn ? first?.floor : 'unclear'
  }
}
