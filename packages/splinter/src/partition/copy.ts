import { lowestBit } from '../bits.ts'
import { CAPACITY, KIND_BITMAP, KIND_FULL, KIND_RUN, KIND_TREE, KIND_VEC, SEGMENT_LIST_MAX } from '../format.ts'
import { bitsAt, type PartitionBytes, restOf, segmentAt, TreeIndex } from './partition.ts'

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
      return copyRun((base + from) | 0, CAPACITY[width]! - 1 - from, out, at)
    case KIND_BITMAP:
      return copyBitmap(source, width, end, base, from, out, at)
    case KIND_VEC: {
      const count = source.count(width, end)
      const start = end - 1 - width - count * width
      const first = from === 0 ? 0 : source.countBelow(start, count, width, width, from)
      const length = Math.min(count - first, out.length - at)
      copyVec(source, width, start + first * width, length, base, out, at)
      return at + length
    }
    case KIND_RUN:
      return copyRuns(source, width, end, base, from, out, at)
    case KIND_TREE:
      return copyTree(source, width, end, base, from, out, at)
    default:
      return at
  }
}

/** Writes `length` numbers from `place` on to `out`. The loops differ in how they read a number only. */
export function copyVec(
  { bytes, view }: PartitionBytes,
  width: number,
  place: number,
  length: number,
  base: number,
  out: Uint32Array,
  at: number,
): void {
  // A base may be a floating-point number to the engine. Arrays of unsigned numbers take signed ones modulo 2^32.
  const low = base | 0
  const end = at + length
  switch (width) {
    case 1:
      for (let i = at, from = place; i < end; i++, from++) out[i] = low + bytes[from]!
      return
    case 2:
      for (let i = at, from = place; i < end; i++, from += 2) out[i] = low + view.getUint16(from, false)
      return
    case 3:
      // With the byte behind it, which is there: at least the count follows.
      for (let i = at, from = place; i < end; i++, from += 3) out[i] = low + (view.getInt32(from, false) >>> 8)
      return
    default:
      for (let i = at, from = place; i < end; i++, from += 4) out[i] = view.getInt32(from, false)
  }
}

// Written of each run in any case.
const RUN_WRITTEN = 4

function copyRuns(
  source: PartitionBytes,
  width: number,
  end: number,
  base: number,
  from: number,
  out: Uint32Array,
  at: number,
): number {
  const runs = source.count(width, end)
  const runsEnd = end - 1 - width
  const start = runsEnd - 2 * runs * width
  // The first run that ends at or above the lowest value wanted.
  const index = from === 0 ? 0 : source.countBelow(start + width, runs, width, 2 * width, from)
  const low = base | 0
  let place = start + 2 * index * width
  let next = at
  if (width === 2) {
    const { view } = source
    const lowest = from | 0
    for (; place < runsEnd && next < out.length; place += 4) {
      const run = view.getInt32(place, false)
      const last = run & 0xffff
      const first = Math.max(run >>> 16, lowest)
      next = copyRun((low + first) | 0, last - first, out, next)
    }
  } else {
    for (; place < runsEnd && next < out.length; place += 2 * width) {
      const first = Math.max(source.number(place, width), from)
      next = copyRun((low + first) | 0, source.number(place + width, width) - first, out, next)
    }
  }
  return next
}

/** `steps`: from the first value to the last. */
function copyRun(first: number, steps: number, out: Uint32Array, at: number): number {
  const room = out.length - at
  const length = steps < room ? steps + 1 : room
  let i = 0
  // As if every run were that long at least: how long the next one is cannot be predicted, and a wrong guess costs more. What
  // is too much is written over by the next run, or not counted.
  if (room >= RUN_WRITTEN) {
    out[at] = first
    out[at + 1] = first + 1
    out[at + 2] = first + 2
    out[at + 3] = first + 3
    i = RUN_WRITTEN
  }
  for (; i < length; i++) out[at + i] = first + i
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
  const lowest = base | 0
  let next = at
  let mask = -1 << (from & 31)
  for (let low = from - (from & 31); low < CAPACITY[width]! && next < out.length; low += 32) {
    let word = view.getInt32(start + low / 8, true) & mask
    mask = -1
    while (word !== 0 && next < out.length) {
      out[next++] = lowest + low + lowestBit(word)
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
  // A list of segments is read in place.
  const isList = index.children <= SEGMENT_LIST_MAX
  const segments = isList ? source.bytes : index.segments()
  const segmentsAt = isList ? index.segmentsAt : 0
  const size = CAPACITY[width - 1]!
  const wanted = segmentAt(from, width)
  let next = at
  for (let i = from === 0 ? 0 : index.childrenBelow(wanted); i < index.children && next < out.length; i++) {
    const segment = segments[segmentsAt + i]!
    const rest = segment === wanted ? restOf(from, width) : 0
    const childEnd = index.childEnd(i)
    const childBase = (base + segment * size) | 0
    // Most children of most sets are short vecs of single bytes.
    const count = source.bytes[childEnd - 2]! + 1
    if (width === 2 && rest === 0 && source.bytes[childEnd - 1] === KIND_VEC && count <= out.length - next) {
      for (let at = childEnd - 2 - count; at < childEnd - 2; at++) out[next++] = childBase + source.bytes[at]!
    } else next = copyPartition(source, width - 1, childEnd, childBase, rest, out, next)
  }
  return next
}
