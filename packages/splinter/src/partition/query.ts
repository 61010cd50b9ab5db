import { bitsUpTo, countBitsOfBytes, lowestBit, popcount, selectBit } from '../bits.ts'
import {
  CAPACITY,
  KIND_BITMAP,
  KIND_FULL,
  KIND_RUN,
  KIND_TREE,
  KIND_VEC,
  SEGMENT_LIST_MAX,
  SEGMENTS_MAX,
  treeIndexBytes,
} from '../format.ts'
import { bitsAt, type PartitionBytes, restOf, runOf, segmentAt, TreeIndex } from './partition.ts'

/*
 * Questions asked of a sound partition in place. Values are those of the partition's own level: what the levels above add
 * is known to the caller.
 */

/** How many values are at or below `value`. */
export function partitionRank(source: PartitionBytes, width: number, end: number, value: number): number {
  switch (source.bytes[end - 1]) {
    case KIND_FULL:
      return value + 1
    case KIND_BITMAP:
      return rankBits(source, bitsAt(width, end), value)
    case KIND_VEC: {
      const count = source.count(width, end)
      return source.countBelow(end - 1 - width - count * width, count, width, width, value + 1)
    }
    case KIND_RUN: {
      const { index, first, start } = runOf(source, width, end, value)
      let rank = first <= value ? value - first + 1 : 0
      for (let i = 0, at = start; i < index; i++, at += 2 * width) {
        rank += source.number(at + width, width) - source.number(at, width) + 1
      }
      return rank
    }
    case KIND_TREE: {
      const index = new TreeIndex(source, width, end)
      const segment = segmentAt(value, width)
      const below = index.childrenBelow(segment)
      const before = index.countUpTo(below - 1)
      if (index.childOf(segment) < 0) return before
      return before + partitionRank(source, width - 1, index.childEnd(below), restOf(value, width))
    }
    default:
      return 0
  }
}

function rankBits({ view }: PartitionBytes, start: number, value: number): number {
  const end = start + 4 * (value >>> 5)
  return countBitsOfBytes(view, start, end) + popcount(view.getInt32(end, true) & bitsUpTo(value & 31))
}

/** The value at an index below the partition's count. */
export function partitionSelect(source: PartitionBytes, width: number, end: number, position: number): number {
  switch (source.bytes[end - 1]) {
    case KIND_FULL:
      return position
    case KIND_BITMAP: {
      let rest = position
      for (let i = 0, start = bitsAt(width, end); ; i++) {
        const word = source.view.getInt32(start + 4 * i, true)
        const bits = popcount(word)
        if (rest < bits) return 32 * i + selectBit(word, rest)
        rest -= bits
      }
    }
    case KIND_VEC: {
      const count = source.count(width, end)
      return source.number(end - 1 - width - (count - position) * width, width)
    }
    case KIND_RUN: {
      const runs = source.count(width, end)
      let rest = position
      let at = end - 1 - width - 2 * runs * width
      // The last run is not asked for its length, so the loop ends whatever the bytes say.
      for (let i = 1; i < runs; i++, at += 2 * width) {
        const length = source.number(at + width, width) - source.number(at, width) + 1
        if (rest < length) break
        rest -= length
      }
      return source.number(at, width) + rest
    }
    default: {
      const index = new TreeIndex(source, width, end)
      // Cumulative cardinalities are stored less one: the child is the first whose number is not below the position.
      const child = source.countBelow(index.cardinalitiesAt, index.children, width, width, position)
      const rest = position - index.countUpTo(child - 1)
      const segment = index.segment(child)
      return segment * CAPACITY[width - 1]! + partitionSelect(source, width - 1, index.childEnd(child), rest)
    }
  }
}

/** The lowest value of a partition that has any. */
export function partitionFirst(bytes: Uint8Array, rootWidth: number, rootEnd: number): number {
  let width = rootWidth
  let end = rootEnd
  let base = 0
  while (bytes[end - 1] === KIND_TREE) {
    const children = bytes[end - 2]! + 1
    const indexAt = end - 1 - treeIndexBytes(width, children)
    base += lowestSegment(bytes, end - 2, children) * CAPACITY[width - 1]!
    end = indexAt - numberAt(bytes, indexAt, width)
    width--
  }
  const kind = bytes[end - 1]
  if (kind === KIND_FULL) return base
  if (kind === KIND_BITMAP) {
    const start = bitsAt(width, end)
    let at = start
    while (bytes[at] === 0) at++
    return base + 8 * (at - start) + lowestBit(bytes[at]!)
  }
  const countAt = end - 1 - width
  const stride = kind === KIND_RUN ? 2 * width : width
  return base + numberAt(bytes, countAt - (numberAt(bytes, countAt, width) + 1) * stride, width)
}

/** The highest value of a partition that has any. */
export function partitionLast(bytes: Uint8Array, rootWidth: number, rootEnd: number): number {
  let width = rootWidth
  let end = rootEnd
  let base = 0
  while (bytes[end - 1] === KIND_TREE) {
    const children = bytes[end - 2]! + 1
    base += highestSegment(bytes, end - 2, children) * CAPACITY[width - 1]!
    // The last child ends where the index begins.
    end -= 1 + treeIndexBytes(width, children)
    width--
  }
  const kind = bytes[end - 1]
  if (kind === KIND_FULL) return base + CAPACITY[width]! - 1
  if (kind === KIND_BITMAP) {
    let at = end - 2
    while (bytes[at] === 0) at--
    return base + 8 * (at - bitsAt(width, end)) + 31 - Math.clz32(bytes[at]!)
  }
  // Before the count stands the last value, or the end of the last run.
  return base + numberAt(bytes, end - 1 - 2 * width, width)
}

/** `segmentsEnd`: behind the tree's segment store. */
function lowestSegment(bytes: Uint8Array, segmentsEnd: number, children: number): number {
  if (children === SEGMENTS_MAX) return 0
  if (children <= SEGMENT_LIST_MAX) return bytes[segmentsEnd - children]!
  let at = segmentsEnd - 32
  while (bytes[at] === 0) at++
  return 8 * (at - segmentsEnd + 32) + lowestBit(bytes[at]!)
}

function highestSegment(bytes: Uint8Array, segmentsEnd: number, children: number): number {
  if (children === SEGMENTS_MAX) return SEGMENTS_MAX - 1
  if (children <= SEGMENT_LIST_MAX) return bytes[segmentsEnd - 1]!
  let at = segmentsEnd - 1
  while (bytes[at] === 0) at--
  return 8 * (at - segmentsEnd + 32) + 31 - Math.clz32(bytes[at]!)
}

/** The big-endian number of `width` bytes at `at`. */
function numberAt(bytes: Uint8Array, at: number, width: number): number {
  let number = 0
  for (let i = at; i < at + width; i++) number = 256 * number + bytes[i]!
  return number
}

/** How many values a partition has. Bitmaps and runs are counted; the rest says it. */
export function partitionCount(source: PartitionBytes, width: number, end: number): number {
  switch (source.bytes[end - 1]) {
    case KIND_VEC:
      return source.count(width, end)
    case KIND_TREE: {
      const index = new TreeIndex(source, width, end)
      return index.countUpTo(index.children - 1)
    }
    default:
      return partitionRank(source, width, end, CAPACITY[width]! - 1)
  }
}
