import { lowestBit } from '../bits.ts'
import { CAPACITY, KIND_BITMAP, KIND_FULL, KIND_RUN, KIND_TREE, KIND_VEC, SEGMENT_LIST_MAX } from '../format.ts'
import { bitsAt, type PartitionBytes, restOf, runOf, segmentAt, TreeIndex, uint24 } from './partition.ts'

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
  switch (width) {
    case 1:
      for (let i = 0; i < length; i++) out[at + i] = base + bytes[place + i]!
      return
    case 2:
      for (let i = 0; i < length; i++) out[at + i] = base + view.getUint16(place + 2 * i, false)
      return
    case 3:
      for (let i = 0; i < length; i++) out[at + i] = base + uint24(bytes, place + 3 * i)
      return
    default:
      for (let i = 0; i < length; i++) out[at + i] = view.getUint32(place + 4 * i, false)
  }
}

/** How many runs are read before they are looked at: reading them one by one takes longer. */
const RUNS_AT_ONCE = 256
// Written of each run in any case.
const RUN_WRITTEN = 4
const readNumbers = new Uint32Array(2 * RUNS_AT_ONCE)

/** Reads up to {@link RUNS_AT_ONCE} runs, two numbers each. They stay where they are until the next call. */
function readRuns(source: PartitionBytes, width: number, place: number, numbers: number): Uint32Array {
  copyVec(source, width, place, numbers, 0, readNumbers, 0)
  return readNumbers
}

function copyRuns(
  source: PartitionBytes,
  width: number,
  end: number,
  base: number,
  from: number,
  out: Uint32Array,
  at: number,
): number {
  const { index, runs, start } = runOf(source, width, end, from)
  let next = at
  for (let done = index; done < runs && next < out.length; done += RUNS_AT_ONCE) {
    const length = 2 * Math.min(RUNS_AT_ONCE, runs - done)
    const numbers = readRuns(source, width, start + 2 * done * width, length)
    if (done === index) numbers[0] = Math.max(numbers[0]!, from)
    for (let i = 0; i < length && next < out.length; i += 2) next = copyRun(base + numbers[i]!, base + numbers[i + 1]!, out, next)
  }
  return next
}

function copyRun(first: number, last: number, out: Uint32Array, at: number): number {
  const length = Math.min(last - first + 1, out.length - at)
  let i = 0
  // As if every run were that long at least: how long the next one is cannot be predicted, and a wrong guess costs more. What
  // is too much is written over by the next run, or not counted.
  if (at + RUN_WRITTEN <= out.length) for (; i < RUN_WRITTEN; i++) out[at + i] = first + i
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
    const childBase = base + segment * size
    // Most children of most sets are short vecs of single bytes.
    const count = source.bytes[childEnd - 2]! + 1
    if (width === 2 && rest === 0 && source.bytes[childEnd - 1] === KIND_VEC && count <= out.length - next) {
      for (let at = childEnd - 2 - count; at < childEnd - 2; at++) out[next++] = childBase + source.bytes[at]!
    } else next = copyPartition(source, width - 1, childEnd, childBase, rest, out, next)
  }
  return next
}
