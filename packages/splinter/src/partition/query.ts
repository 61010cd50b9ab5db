import { lowestBit, popcount, selectBit } from '../bits.ts'
import { CAPACITY, KIND_BITMAP, KIND_FULL, KIND_RUN, KIND_TREE, KIND_VEC } from '../format.ts'
import { bitsAt, type PartitionBytes, TreeIndex } from './partition.ts'

/*
 * Questions asked of a sound partition in place. Values are those of the partition's own level: what the levels above add
 * is known to the caller.
 */

const shiftOf = (width: number): number => (width - 1) << 3
const segmentAt = (value: number, width: number): number => (value >>> shiftOf(width)) & 255
const restOf = (value: number, width: number): number => (value & ((1 << shiftOf(width)) - 1)) >>> 0

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
        const start = end - 1 - width - count * width
        const index = source.countBelow(start, count, width, width, value)
        return index < count && source.number(start + index * width, width) === value
      }
      case KIND_RUN: {
        const run = runOf(source, width, end, value)
        return run.first <= value
      }
      case KIND_TREE: {
        const index = new TreeIndex(source, width, end)
        const child = index.childOf(segmentAt(value, width))
        if (child < 0) return false
        value = restOf(value, width)
        end = index.childEnd(child)
        width--
        break
      }
      default:
        return false
    }
  }
}

/** The first run that ends at or above `value`, and its place; `first` is `Infinity` behind the last run. */
function runOf(
  source: PartitionBytes,
  width: number,
  end: number,
  value: number,
): { index: number; first: number; runs: number; start: number } {
  const runs = source.count(width, end)
  const start = end - 1 - width - 2 * runs * width
  const index = source.countBelow(start + width, runs, width, 2 * width, value)
  return { index, first: index < runs ? source.number(start + 2 * index * width, width) : Infinity, runs, start }
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
  const words = value >>> 5
  let rank = 0
  for (let i = 0, at = start; i < words; i++, at += 4) rank += popcount(view.getInt32(at, true))
  return rank + popcount(view.getInt32(start + 4 * words, true) & (-1 >>> (31 - (value & 31))))
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
      for (let at = end - 1 - width - 2 * runs * width; ; at += 2 * width) {
        const first = source.number(at, width)
        const length = source.number(at + width, width) - first + 1
        if (rest < length) return first + rest
        rest -= length
      }
    }
    default: {
      const index = new TreeIndex(source, width, end)
      // Cumulative cardinalities are stored less one: the child is the first whose number is not below the position.
      const child = source.countBelow(index.cardinalitiesAt, index.children, width, width, position)
      const rest = position - index.countUpTo(child - 1)
      const segment = index.segments()[child]!
      return segment * CAPACITY[width - 1]! + partitionSelect(source, width - 1, index.childEnd(child), rest)
    }
  }
}

/**
 * Writes values to `out` from `at` on, in order, until it is full.
 *
 * @param base What the levels above add to each value.
 * @param from The lowest value wanted, on the partition's own level.
 * @returns The index behind the last value written.
 */
export function copyPartition(
  source: PartitionBytes,
  width: number,
  end: number,
  base: number,
  from: number,
  out: Uint32Array,
  at: number,
): number {
  switch (source.bytes[end - 1]) {
    case KIND_FULL:
      return copyRun(base + from, base + CAPACITY[width]! - 1, out, at)
    case KIND_BITMAP:
      return copyBitmap(source, width, end, base, from, out, at)
    case KIND_VEC: {
      const count = source.count(width, end)
      const start = end - 1 - width - count * width
      const first = from === 0 ? 0 : source.countBelow(start, count, width, width, from)
      const stop = start + width * Math.min(count, first + out.length - at)
      let next = at
      for (let place = start + first * width; place < stop; place += width) out[next++] = base + source.number(place, width)
      return next
    }
    case KIND_RUN: {
      const { index, runs, start } = runOf(source, width, end, from)
      let next = at
      for (let i = index; i < runs && next < out.length; i++) {
        const first = Math.max(from, source.number(start + 2 * i * width, width))
        next = copyRun(base + first, base + source.number(start + (2 * i + 1) * width, width), out, next)
      }
      return next
    }
    case KIND_TREE:
      return copyTree(source, width, end, base, from, out, at)
    default:
      return at
  }
}

function copyRun(first: number, last: number, out: Uint32Array, at: number): number {
  const length = Math.min(last - first + 1, out.length - at)
  for (let i = 0; i < length; i++) out[at + i] = first + i
  return at + length
}

function copyBitmap(
  { view }: PartitionBytes,
  width: number,
  end: number,
  base: number,
  from: number,
  out: Uint32Array,
  at: number,
): number {
  const start = bitsAt(width, end)
  let next = at
  let mask = -1 << (from & 31)
  for (let low = from - (from & 31); low < CAPACITY[width]! && next < out.length; low += 32) {
    let word = view.getInt32(start + low / 8, true) & mask
    mask = -1
    while (word !== 0 && next < out.length) {
      out[next++] = base + low + lowestBit(word)
      word &= word - 1
    }
  }
  return next
}

function copyTree(
  source: PartitionBytes,
  width: number,
  end: number,
  base: number,
  from: number,
  out: Uint32Array,
  at: number,
): number {
  const index = new TreeIndex(source, width, end)
  const segments = index.segments()
  const size = CAPACITY[width - 1]!
  const wanted = segmentAt(from, width)
  let next = at
  for (let i = from === 0 ? 0 : index.childrenBelow(wanted); i < index.children && next < out.length; i++) {
    const segment = segments[i]!
    const rest = segment === wanted ? restOf(from, width) : 0
    next = copyPartition(source, width - 1, index.childEnd(i), base + segment * size, rest, out, next)
  }
  return next
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
