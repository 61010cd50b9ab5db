import { bitsFrom, countBits, countBitsBetween, lowestBit, popcount, selectBit } from '../bits.ts'
import {
  BITMAP,
  type BitmapContainer,
  type Container,
  LIST,
  RANK_WORDS,
  RUNS,
  type RunContainer,
  segmentOf,
  TREE,
} from './container.ts'
import { firstRunEndingFrom, includes, lowerBound, runsStartingUpTo } from './search.ts'

/** Whether a value is in a container. */
export function containerHas(root: Container, value: number): boolean {
  let container: Container | undefined = root
  while (container !== undefined) {
    switch (container.kind) {
      case LIST:
        return includes(container.data, container.count, value)
      case RUNS: {
        const index = runsStartingUpTo(container.data, container.runs, value)
        return index > 0 && container.data[2 * index - 1]! >= value
      }
      case BITMAP:
        // Bitmaps are found below trees only, so the value is one of this block.
        return ((container.words[(value & 0xffff) >>> 5]! >>> value) & 1) === 1
      case TREE:
        container = container.children[segmentOf(value, container.width)]
    }
  }
  return false
}

/** How many members are at or below a value that the container could hold. */
export function containerRank(container: Container, value: number): number {
  switch (container.kind) {
    case LIST:
      return lowerBound(container.data, 0, container.count, value + 1)
    case RUNS: {
      const { data } = container
      const runs = runsStartingUpTo(data, container.runs, value)
      let rank = runs
      for (let i = 0; i < runs; i++) rank += data[2 * i + 1]! - data[2 * i]!
      return runs === 0 ? 0 : rank - Math.max(0, data[2 * runs - 1]! - value)
    }
    case BITMAP: {
      const bit = value & 0xffff
      const stretch = Math.floor(bit / (32 * RANK_WORDS))
      return ranksOf(container)[stretch]! + countBitsBetween(container.words, 32 * RANK_WORDS * stretch, bit)
    }
    default: {
      const segment = segmentOf(value, container.width)
      let rank = 0
      for (let s = container.low; s < segment && s <= container.high; s++) rank += container.children[s]?.count ?? 0
      const child = container.children[segment]
      return child === undefined ? rank : rank + containerRank(child, value)
    }
  }
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
      const { data } = container
      let rest = index
      for (let i = 0; ; i += 2) {
        const length = data[i + 1]! - data[i]! + 1
        if (rest < length) return data[i]! + rest
        rest -= length
      }
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
      let rest = index
      for (let s = container.low; ; s++) {
        const child = container.children[s]
        if (child === undefined) continue
        if (rest < child.count) return containerSelect(child, rest)
        rest -= child.count
      }
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
