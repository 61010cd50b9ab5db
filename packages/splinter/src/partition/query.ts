import { bitsUpTo, countBitsOfBytes, popcount, selectBit } from '../bits.ts'
import { CAPACITY, KIND_BITMAP, KIND_FULL, KIND_RUN, KIND_TREE, KIND_VEC } from '../format.ts'
import { bitsAt, type PartitionBytes, restOf, runOf, segmentAt, TreeIndex, uint24 } from './partition.ts'

/*
 * Questions asked of a sound partition in place. Values are those of the partition's own level: what the levels above add
 * is known to the caller.
 */

/** Whether a value is in a partition. */
export function partitionHas(source: PartitionBytes, rootWidth: number, rootEnd: number, rootValue: number): boolean {
  let width = rootWidth
  let end = rootEnd
  let value = rootValue
  for (;;) {
    switch (source.bytes[end - 1]) {
      case KIND_FULL:
        return true
      case KIND_BITMAP:
        return ((source.bytes[bitsAt(width, end) + (value >>> 3)]! >>> (value & 7)) & 1) === 1
      case KIND_VEC: {
        const count = source.count(width, end)
        return vecHas(source, width, end - 1 - width - count * width, count, value)
      }
      case KIND_RUN: {
        const run = runOf(source, width, end, value)
        return run.first <= value
      }
      case KIND_TREE:
        end = source.childEnd(width, end, segmentAt(value, width))
        if (end < 0) return false
        value = restOf(value, width)
        width--
        break
      default:
        return false
    }
  }
}

/**
 * Whether one of the ascending numbers at `start`, at least one, is `value`. No branches on what is found, see the search in
 * lists. The loops differ in how they read a number only.
 */
function vecHas({ bytes, view }: PartitionBytes, width: number, start: number, count: number, value: number): boolean {
  let low = start
  let length = count
  switch (width) {
    case 1:
      while (length > 1) {
        const half = length >>> 1
        low += half & -Number(bytes[low + half]! <= value)
        length -= half
      }
      return bytes[low] === value
    case 2:
      while (length > 1) {
        const half = length >>> 1
        low += (2 * half) & -Number(view.getUint16(low + 2 * half, false) <= value)
        length -= half
      }
      return view.getUint16(low, false) === value
    case 3:
      while (length > 1) {
        const half = length >>> 1
        low += (3 * half) & -Number(uint24(bytes, low + 3 * half) <= value)
        length -= half
      }
      return uint24(bytes, low) === value
    default:
      while (length > 1) {
        const half = length >>> 1
        low += (4 * half) & -Number(view.getUint32(low + 4 * half, false) <= value)
        length -= half
      }
      return view.getUint32(low, false) === value
  }
}

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

/** The highest value of a partition that has any. */
export function partitionLast(source: PartitionBytes, width: number, end: number): number {
  switch (source.bytes[end - 1]) {
    case KIND_FULL:
      return CAPACITY[width]! - 1
    case KIND_BITMAP: {
      let at = end - 5
      while (source.view.getInt32(at, true) === 0) at -= 4
      return 8 * (at - bitsAt(width, end)) + 31 - Math.clz32(source.view.getInt32(at, true))
    }
    case KIND_VEC:
    case KIND_RUN:
      // Before the count stands the last value, or the end of the last run.
      return source.number(end - 1 - 2 * width, width)
    default: {
      const index = new TreeIndex(source, width, end)
      const segment = index.segment(index.children - 1)
      return segment * CAPACITY[width - 1]! + partitionLast(source, width - 1, index.offsetsAt)
    }
  }
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
