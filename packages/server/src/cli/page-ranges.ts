import type { PageSet } from '@graft-ts/volume'

/** A page set for people and programs: how many, and the first ranges. */
export interface PageRanges {
  readonly count: number
  /** First and last page of each range, ascending. */
  readonly ranges: readonly (readonly [number, number])[]
  /** Whether further ranges were left out. */
  readonly isCut: boolean
}

/** The first ranges of a set, each found by searching, so that its cost does not grow with their length. */
export function pageRanges(pages: PageSet, rangesMax: number): PageRanges {
  const ranges: [number, number][] = []
  let listed = 0
  while (listed < pages.size && ranges.length < rangesMax) {
    const first = pages.select(listed) as number
    const count = runLength(pages, listed, first)
    ranges.push([first, first + count - 1])
    listed += count
  }
  return { count: pages.size, ranges, isCut: listed < pages.size }
}

/** How many consecutive pages begin at a position of the set. */
function runLength(pages: PageSet, position: number, first: number): number {
  // The page at position + n is first + n exactly as long as none is missing in between.
  let known = 1
  let tooMany = pages.size - position + 1
  while (known + 1 < tooMany) {
    const middle = Math.floor((known + tooMany) / 2)
    if (pages.select(position + middle - 1) === first + middle - 1) known = middle
    else tooMany = middle
  }
  return known
}

/** The ranges as text: `1-3 7 9-12 …`. */
export function rangesText({ ranges, isCut }: PageRanges): string {
  const parts = ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
  return [...parts, ...(isCut ? ['…'] : [])].join(' ')
}
