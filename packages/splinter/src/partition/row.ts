import { setBits } from '../bits.ts'
import { BITMAP_BYTES, CAPACITY, KIND_BITMAP, KIND_FULL, KIND_RUN, KIND_TREE, KIND_VEC, SEGMENT_LIST_MAX } from '../format.ts'
import { bitsAt, type PartitionBytes, TreeIndex } from './partition.ts'

/*
 * Members of a sound partition as bits of a row, straight from the bytes. A row begins at a multiple of a block's 65,536 values and
 * has a bit for every member; partitions of width 3 and 4 may begin below it and end above.
 */

/**
 * Sets a bit for each member.
 *
 * @param from What the levels above add to the members, less what the row's lowest bit stands for.
 */
export function setRowBits(source: PartitionBytes, width: number, end: number, from: number, row: Uint32Array): void {
  // Modulo 2^32, as a number that the engine knows to be an integer: its sum with a member is exact all the same.
  const offset = from | 0
  switch (source.bytes[end - 1]) {
    case KIND_FULL:
      setBits(row, offset, offset + CAPACITY[width]! - 1)
      break
    case KIND_BITMAP:
      orBitmap(source.view, width, bitsAt(width, end), width === 4 ? from : offset, row)
      break
    case KIND_VEC: {
      const count = source.count(width, end)
      setValues(source, width, end - 1 - width - count * width, end - 1 - width, offset, row)
      break
    }
    case KIND_RUN: {
      const runs = source.count(width, end)
      setRuns(source, width, end - 1 - width - 2 * runs * width, end - 1 - width, offset, row)
      break
    }
    case KIND_TREE:
      setBitsOfTree(source, width, end, offset, row)
      break
    default:
    // The empty set.
  }
}

function setBitsOfTree(source: PartitionBytes, width: number, end: number, offset: number, row: Uint32Array): void {
  const index = new TreeIndex(source, width, end)
  // A list of segments is read in place.
  const isList = index.children <= SEGMENT_LIST_MAX
  const segments = isList ? source.bytes : index.segments()
  const segmentsAt = isList ? index.segmentsAt : 0
  const size = CAPACITY[width - 1]!
  for (let i = 0; i < index.children; i++) {
    setRowBits(source, width - 1, index.childEnd(i), offset + segments[segmentsAt + i]! * size, row)
  }
}

/** What of a bitmap lies outside the row has no bits set. */
function orBitmap(view: DataView, width: number, place: number, offset: number, row: Uint32Array): void {
  const first = offset / 32
  const end = Math.min(row.length, first + BITMAP_BYTES[width]! / 4)
  for (let i = Math.max(0, first), at = place + 4 * (i - first); i < end; i++, at += 4) row[i]! |= view.getInt32(at, true)
}

/** The loops differ in how they read a number only. */
function setValues(
  { bytes, view }: PartitionBytes,
  width: number,
  place: number,
  end: number,
  offset: number,
  row: Uint32Array,
): void {
  switch (width) {
    case 1:
      for (let at = place; at < end; at++) setBit(row, offset + bytes[at]!)
      break
    case 2:
      for (let at = place; at < end; at += 2) setBit(row, offset + view.getUint16(at, false))
      break
    case 3:
      for (let at = place; at < end; at += 3) setBit(row, offset + (view.getInt32(at, false) >>> 8))
      break
    default:
      for (let at = place; at < end; at += 4) setBit(row, offset + view.getInt32(at, false))
  }
}

function setBit(row: Uint32Array, bit: number): void {
  row[bit >>> 5]! |= 1 << bit
}

function setRuns(source: PartitionBytes, width: number, place: number, end: number, offset: number, row: Uint32Array): void {
  const { bytes, view } = source
  switch (width) {
    case 1:
      for (let at = place; at < end; at += 2) setRun(row, offset + bytes[at]!, offset + bytes[at + 1]!)
      break
    case 2:
      for (let at = place; at < end; at += 4) {
        const run = view.getInt32(at, false)
        setRun(row, offset + (run >>> 16), offset + (run & 0xffff))
      }
      break
    default:
      for (let at = place; at < end; at += 2 * width) {
        setRun(row, offset + source.number(at, width), offset + source.number(at + width, width))
      }
  }
}

function setRun(row: Uint32Array, first: number, last: number): void {
  const word = first >>> 5
  if (word === last >>> 5) row[word]! |= (-1 << first) & (-1 >>> ~last)
  else setBits(row, first, last)
}
