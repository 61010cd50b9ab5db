import { countBitsOfBytes, lowestBit } from '../bits.ts'
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
import { bitsAt, type PartitionBytes, TreeIndex } from './partition.ts'
import { partitionRank } from './rank.ts'

/*
 * The ends and the size of a sound partition, in place. Values are those of the partition's own level: what the levels above add
 * is known to the caller.
 */

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
    case KIND_BITMAP:
      return countBitsOfBytes(source.view, bitsAt(width, end), end - 1)
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
