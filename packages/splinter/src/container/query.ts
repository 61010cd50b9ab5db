import { bitsFrom, countBits, countBitsBetween, lowestBit, popcount, selectBit } from '../bits.ts'
import { BucketIndex, isIndexDue, lowerBoundInBucket, SCAN_MAX } from './bucket-index.ts'
import {
  BITMAP,
  type BitmapContainer,
  type Container,
  LIST,
  type ListContainer,
  RANK_WORDS,
  RUNS,
  type RunContainer,
  segmentOf,
  TREE,
  type TreeContainer,
} from './container.ts'
import { firstRunEndingFrom, includes, lowerBound, runsStartingUpTo } from './search.ts'

/** Whether a value is in a container. */
export function containerHas(root: Container, value: number): boolean {
  let container = root
  while (container.kind === TREE) {
    const child: Container | undefined = container.children[segmentOf(value, container.width)]
    if (child === undefined) return false
    container = child
  }
  if (container.kind === LIST) return listHas(container, value)
  // Bitmaps are found below trees only, so the value is one of this block.
  if (container.kind === BITMAP) return ((container.words[(value & 0xffff) >>> 5]! >>> value) & 1) === 1
  const runs = runsUpTo(container, value)
  return runs > 0 && container.data[2 * runs - 1]! >= value
}

function listHas(list: ListContainer, value: number): boolean {
  const { data, index } = list
  if (index === undefined) {
    noteListSearch(list)
    return includes(data, list.count, value)
  }
  const bucket = (value - data[0]!) >>> index.shift
  if (bucket >= index.buckets) return false
  const end = index.starts[bucket + 1]!
  const at = lowerBoundInBucket(data, index.starts[bucket]!, end, value)
  return at < end && data[at] === value
}

function noteListSearch(list: ListContainer): void {
  if (isIndexDue(list, list.count)) list.index = new BucketIndex(list.data, list.count, 1)
}

/** How many of a list's values are at or below `value`. */
function listRank(list: ListContainer, value: number): number {
  const { data, count, index } = list
  if (index === undefined) {
    noteListSearch(list)
    return lowerBound(data, 0, count, value + 1)
  }
  if (value < data[0]!) return 0
  const bucket = (value - data[0]!) >>> index.shift
  if (bucket >= index.buckets) return count
  return lowerBoundInBucket(data, index.starts[bucket]!, index.starts[bucket + 1]!, value + 1)
}

/** How many runs start at or below `value`. */
function runsUpTo(container: RunContainer, value: number): number {
  const { data, runs, index } = container
  if (index === undefined) {
    if (isIndexDue(container, runs)) container.index = new BucketIndex(data, runs, 2)
    return runsStartingUpTo(data, runs, value)
  }
  if (value < data[0]!) return 0
  const bucket = (value - data[0]!) >>> index.shift
  if (bucket >= index.buckets) return runs
  const end = index.starts[bucket + 1]!
  let run = index.starts[bucket]!
  if (end - run > SCAN_MAX) return run + runsStartingUpTo(data.subarray(2 * run), end - run, value)
  while (run < end && data[2 * run]! <= value) run++
  return run
}

/** How many members are at or below a value that the container could hold. */
export function containerRank(container: Container, value: number): number {
  switch (container.kind) {
    case LIST:
      return listRank(container, value)
    case RUNS: {
      const { data } = container
      const runs = runsUpTo(container, value)
      if (runs === 0) return 0
      return ranksOfRuns(container)[runs - 1]! + Math.min(value, data[2 * runs - 1]!) - data[2 * runs - 2]! + 1
    }
    case BITMAP: {
      const bit = value & 0xffff
      const stretch = Math.floor(bit / (32 * RANK_WORDS))
      return ranksOf(container)[stretch]! + countBitsBetween(container.words, 32 * RANK_WORDS * stretch, bit)
    }
    default: {
      const segment = segmentOf(value, container.width)
      const rank = ranksOfTree(container)[segment]!
      const child = container.children[segment]
      return child === undefined ? rank : rank + containerRank(child, value)
    }
  }
}

function ranksOfRuns(container: RunContainer): Uint32Array {
  if (container.ranks !== undefined) return container.ranks
  const { data, runs } = container
  const ranks = new Uint32Array(runs)
  for (let i = 1; i < runs; i++) ranks[i] = ranks[i - 1]! + data[2 * i - 1]! - data[2 * i - 2]! + 1
  container.ranks = ranks
  return ranks
}

function ranksOfTree(tree: TreeContainer): Uint32Array {
  if (tree.ranks !== undefined) return tree.ranks
  const ranks = new Uint32Array(256)
  for (let s = 1; s < 256; s++) ranks[s] = ranks[s - 1]! + (tree.children[s - 1]?.count ?? 0)
  tree.ranks = ranks
  return ranks
}

function ranksOf(bitmap: BitmapContainer): Uint16Array {
  if (bitmap.ranks !== undefined) return bitmap.ranks
  const { words } = bitmap
  const ranks = new Uint16Array(words.length / RANK_WORDS)
  for (let i = 1; i < ranks.length; i++) {
    ranks[i] = ranks[i - 1]! + countBits(words, RANK_WORDS * (i - 1), RANK_WORDS * i)
  }
  bitmap.ranks = ranks
  return ranks
}

/** The member at an index from 0 to `count - 1`. */
export function containerSelect(container: Container, index: number): number {
  switch (container.kind) {
    case LIST:
      return container.data[index]!
    case RUNS: {
      const ranks = ranksOfRuns(container)
      const run = lowerBound(ranks, 0, ranks.length, index + 1) - 1
      return container.data[2 * run]! + index - ranks[run]!
    }
    case BITMAP: {
      const ranks = ranksOf(container)
      let stretch = ranks.length - 1
      while (ranks[stretch]! > index) stretch--
      let rest = index - ranks[stretch]!
      for (let i = RANK_WORDS * stretch; ; i++) {
        const bits = popcount(container.words[i]!)
        if (rest < bits) return container.base + 32 * i + selectBit(container.words[i]!, rest)
        rest -= bits
      }
    }
    default: {
      // Of the slots with so few values below them the last: those before it are empty or too low.
      const ranks = ranksOfTree(container)
      const segment = lowerBound(ranks, 0, 256, index + 1) - 1
      return containerSelect(container.children[segment]!, index - ranks[segment]!)
    }
  }
}

/** The lowest member. */
export function firstValue(container: Container): number {
  switch (container.kind) {
    case LIST:
    case RUNS:
      return container.data[0]!
    case BITMAP: {
      let i = 0
      while (container.words[i] === 0) i++
      return container.base + 32 * i + lowestBit(container.words[i]!)
    }
    default: {
      let s = container.low
      while (container.children[s] === undefined) s++
      return firstValue(container.children[s]!)
    }
  }
}

/** The highest member. */
export function lastValue(container: Container): number {
  switch (container.kind) {
    case LIST:
      return container.data[container.count - 1]!
    case RUNS:
      return container.data[2 * container.runs - 1]!
    case BITMAP: {
      let i = container.words.length - 1
      while (container.words[i] === 0) i--
      return container.base + 32 * i + (31 - Math.clz32(container.words[i]!))
    }
    default: {
      let s = container.high
      while (container.children[s] === undefined) s--
      return lastValue(container.children[s]!)
    }
  }
}

/** Writes all members to `out` from `at` on, in order. Gives the index behind the last. */
export function copyValues(container: Container, out: Uint32Array, at: number): number {
  return copyValuesFrom(container, 0, out, at)
}

/**
 * Writes members to `out` from `at` on, in order, until it is full.
 *
 * @param from The lowest member wanted: 0, or a value that the container could hold.
 * @returns The index behind the last value written.
 */
export function copyValuesFrom(container: Container, from: number, out: Uint32Array, at: number): number {
  switch (container.kind) {
    case LIST: {
      const start = from === 0 ? 0 : lowerBound(container.data, 0, container.count, from)
      const end = Math.min(container.count, start + out.length - at)
      for (let i = start; i < end; i++) out[at++] = container.data[i]!
      return at
    }
    case RUNS:
      return copyRuns(container, from, out, at)
    case BITMAP:
      return copyBits(container, from, out, at)
    default: {
      let next = at
      const segment = segmentOf(from, container.width)
      for (let s = Math.max(container.low, segment); s <= container.high && next < out.length; s++) {
        const child = container.children[s]
        if (child !== undefined) next = copyValuesFrom(child, s === segment ? from : 0, out, next)
      }
      return next
    }
  }
}

function copyRuns({ data, runs }: RunContainer, from: number, out: Uint32Array, at: number): number {
  let next = at
  for (let i = firstRunEndingFrom(data, runs, from); i < runs && next < out.length; i++) {
    const start = Math.max(from, data[2 * i]!)
    const length = Math.min(out.length - next, data[2 * i + 1]! - start + 1)
    for (let k = 0; k < length; k++) out[next++] = start + k
  }
  return next
}

function copyBits({ base, words }: BitmapContainer, from: number, out: Uint32Array, at: number): number {
  let next = at
  const first = from > base ? from - base : 0
  for (let i = first >>> 5, mask = bitsFrom(first & 31); i < words.length; i++, mask = -1) {
    let word = words[i]! & mask
    while (word !== 0) {
      if (next === out.length) return next
      const bit = word & -word
      out[next++] = base + 32 * i + (31 - Math.clz32(bit))
      word ^= bit
    }
  }
  return next
}
