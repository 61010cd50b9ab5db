import { bitsUpTo, countBitsOfBytes, popcount, selectBit } from '../bits.ts'
import { CAPACITY, KIND_BITMAP, KIND_FULL, KIND_RUN, KIND_TREE, KIND_VEC } from '../format.ts'
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
