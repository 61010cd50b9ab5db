import { bitsUpTo, countBitsOfBytes, popcount, selectBit } from '../bits.ts'
import { lowerBound } from '../container/search.ts'
import {
  BITMAP_BYTES,
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
import { BITS_COUNTED_AT_ONCE, type PartitionBytes } from './partition.ts'

/*
 * Positions of values in a sound partition, in place. Values are those of the partition's own level: what the levels above add is
 * known to the caller. Numbers are read as four bytes whatever their width, and what is too much is shifted out: the checksum
 * follows the last one.
 */

/** How many values are at or below `rootValue`. */
export function partitionRank(source: PartitionBytes, rootWidth: number, rootEnd: number, rootValue: number): number {
  const { view } = source
  let width = rootWidth
  let end = rootEnd
  let value = rootValue
  let before = 0
  while (view.getUint8(end - 1) === KIND_TREE) {
    const unused = 32 - 8 * width
    const children = view.getUint8(end - 2) + 1
    const segment = (value >>> (24 - unused)) & 255
    const offsetsAt = end - 1 - treeIndexBytes(width, children)
    const child = segmentsBelow(view, end - 2, children, segment)
    if (child > 0) before += (view.getInt32(offsetsAt + (children + child - 1) * width, false) >>> unused) + 1
    if (child === children || !hasSegment(view, end - 2, children, segment, child)) return before
    end = offsetsAt - (view.getInt32(offsetsAt + child * width, false) >>> unused)
    value &= (1 << (24 - unused)) - 1
    width--
  }
  return before + rankInLeaf(source, width, end, value)
}

/** How many children of a tree have a lower segment. `segmentsEnd`: behind its segment store. */
function segmentsBelow(view: DataView, segmentsEnd: number, children: number, segment: number): number {
  if (children === SEGMENTS_MAX) return segment
  if (children <= SEGMENT_LIST_MAX) {
    let below = 0
    for (let at = segmentsEnd - children; at < segmentsEnd; at++) below += Number(view.getUint8(at) < segment)
    return below
  }
  const start = segmentsEnd - 32
  const last = start + 4 * (segment >>> 5)
  return countBitsOfBytes(view, start, last) + popcount(view.getInt32(last, true) & ~(-1 << (segment & 31)))
}

/** Whether a tree has a segment; `child`: how many lower ones. */
function hasSegment(view: DataView, segmentsEnd: number, children: number, segment: number, child: number): boolean {
  if (children === SEGMENTS_MAX) return true
  if (children <= SEGMENT_LIST_MAX) return view.getUint8(segmentsEnd - children + child) === segment
  return ((view.getUint8(segmentsEnd - 32 + (segment >>> 3)) >>> (segment & 7)) & 1) === 1
}

function rankInLeaf(source: PartitionBytes, width: number, end: number, value: number): number {
  const { view } = source
  const kind = view.getUint8(end - 1)
  const countAt = end - 1 - width
  switch (kind) {
    case KIND_FULL:
      return value + 1
    case KIND_BITMAP:
      return rankInBits(source, width, end - 1 - BITMAP_BYTES[width]!, value)
    case KIND_VEC:
    case KIND_RUN: {
      const count = (view.getInt32(countAt, false) >>> (32 - 8 * width)) + 1
      const stride = kind === KIND_RUN ? 2 * width : width
      const start = countAt - count * stride
      const upTo = numbersUpTo(view, start, count, width, stride, value)
      return kind === KIND_VEC ? upTo : rankInRuns(view, start, upTo, width, value)
    }
    default:
      return 0
  }
}

/** Of ascending numbers, one or more: how many are at or below `value`. No branches on what is found, see the search in lists. */
function numbersUpTo(view: DataView, start: number, count: number, width: number, stride: number, value: number): number {
  const unused = 32 - 8 * width
  // Signed numbers compare as unsigned ones do with their top bits turned round.
  const flip = width === 4 ? 1 << 31 : 0
  const wanted = value ^ flip
  let low = 0
  for (let length = count; length > 1; ) {
    const half = length >>> 1
    low += half & -Number(((view.getInt32(start + (low + half) * stride, false) >>> unused) ^ flip) <= wanted)
    length -= half
  }
  return low + Number(((view.getInt32(start + low * stride, false) >>> unused) ^ flip) <= wanted)
}

/** How many values at or below `value` are in runs of which the first `runs` start there. */
function rankInRuns(view: DataView, start: number, runs: number, width: number, value: number): number {
  if (runs === 0) return 0
  const unused = 32 - 8 * width
  const end = start + 2 * runs * width
  let rank = runs
  if (width === 2) {
    for (let at = start; at < end; at += 4) {
      const run = view.getInt32(at, false)
      rank += (run & 0xffff) - (run >>> 16)
    }
  } else {
    for (let at = start; at < end; at += 2 * width) {
      rank += (view.getInt32(at + width, false) >>> unused) - (view.getInt32(at, false) >>> unused)
    }
  }
  return rank - Math.max(0, (view.getInt32(end - width, false) >>> unused) - value)
}

function rankInBits(source: PartitionBytes, width: number, start: number, value: number): number {
  const { view } = source
  const end = start + 4 * (value >>> 5)
  const rest = popcount(view.getInt32(end, true) & bitsUpTo(value & 31))
  if (width === 1) return countBitsOfBytes(view, start, end) + rest
  const stretch = Math.floor((value >>> 0) / BITS_COUNTED_AT_ONCE)
  const counts = source.bitCounts(start, BITMAP_BYTES[width]!)
  return counts[stretch]! + countBitsOfBytes(view, start + (stretch * BITS_COUNTED_AT_ONCE) / 8, end) + rest
}

/** The value at an index below the partition's count. */
export function partitionSelect(source: PartitionBytes, rootWidth: number, rootEnd: number, index: number): number {
  const { view } = source
  let width = rootWidth
  let end = rootEnd
  let base = 0
  let rest = index
  while (view.getUint8(end - 1) === KIND_TREE) {
    const unused = 32 - 8 * width
    const children = view.getUint8(end - 2) + 1
    const offsetsAt = end - 1 - treeIndexBytes(width, children)
    const cardinalitiesAt = offsetsAt + children * width
    // Cumulative cardinalities are stored less one: the child is the first whose number is not below the position.
    const child = rest === 0 ? 0 : numbersUpTo(view, cardinalitiesAt, children, width, width, rest - 1)
    if (child > 0) rest -= (view.getInt32(cardinalitiesAt + (child - 1) * width, false) >>> unused) + 1
    base += segmentOfChild(view, end - 2, children, child) * CAPACITY[width - 1]!
    end = offsetsAt - (view.getInt32(offsetsAt + child * width, false) >>> unused)
    width--
  }
  return base + selectInLeaf(source, width, end, rest)
}

function segmentOfChild(view: DataView, segmentsEnd: number, children: number, child: number): number {
  if (children === SEGMENTS_MAX) return child
  if (children <= SEGMENT_LIST_MAX) return view.getUint8(segmentsEnd - children + child)
  return selectBitOfBytes(view, segmentsEnd - 32, child)
}

function selectInLeaf(source: PartitionBytes, width: number, end: number, index: number): number {
  const { view } = source
  const countAt = end - 1 - width
  const unused = 32 - 8 * width
  switch (view.getUint8(end - 1)) {
    case KIND_BITMAP:
      return selectInBits(source, width, end - 1 - BITMAP_BYTES[width]!, index)
    case KIND_VEC: {
      const count = (view.getInt32(countAt, false) >>> unused) + 1
      return view.getInt32(countAt - (count - index) * width, false) >>> unused
    }
    case KIND_RUN: {
      const runs = (view.getInt32(countAt, false) >>> unused) + 1
      return selectInRuns(view, countAt - 2 * runs * width, countAt - 2 * width, width, index)
    }
    default:
      return index
  }
}

/** The last run, at `last`, is not asked for its length, so the loop ends whatever the bytes say. */
function selectInRuns(view: DataView, start: number, last: number, width: number, index: number): number {
  const unused = 32 - 8 * width
  let rest = index
  let at = start
  if (width === 2) {
    for (; at < last; at += 4) {
      const run = view.getInt32(at, false)
      const length = (run & 0xffff) - (run >>> 16) + 1
      if (rest < length) break
      rest -= length
    }
  } else {
    for (; at < last; at += 2 * width) {
      const length = (view.getInt32(at + width, false) >>> unused) - (view.getInt32(at, false) >>> unused) + 1
      if (rest < length) break
      rest -= length
    }
  }
  return (view.getInt32(at, false) >>> unused) + rest
}

function selectInBits(source: PartitionBytes, width: number, start: number, index: number): number {
  if (width === 1) return selectBitOfBytes(source.view, start, index)
  const counts = source.bitCounts(start, BITMAP_BYTES[width]!)
  // The last stretch before which there are not more bits.
  const stretch = lowerBound(counts, 0, counts.length, index + 1) - 1
  const bits = stretch * BITS_COUNTED_AT_ONCE
  return bits + selectBitOfBytes(source.view, start + bits / 8, index - counts[stretch]!)
}

/** The position of the `index`-th set bit from `start` on, counted from 0; there are more than `index`. */
function selectBitOfBytes(view: DataView, start: number, index: number): number {
  let rest = index
  for (let at = start; ; at += 4) {
    const word = view.getInt32(at, true)
    const bits = popcount(word)
    if (rest < bits) return 8 * (at - start) + selectBit(word, rest)
    rest -= bits
  }
}
