/*
 * Encodes ascending values, what most small sets are kept as. Kinds are chosen from counts, and those are taken while walking
 * along the values, by arithmetic: which way branches on them would go cannot be predicted.
 */
import { countRuns, writeRuns } from '../container/build.ts'
import { lowerBound } from '../container/search.ts'
import {
  BITMAP_BYTES,
  CAPACITY,
  fastKind,
  KIND_BITMAP,
  KIND_FULL,
  KIND_RUN,
  KIND_TREE,
  KIND_VEC,
  lowestBytes,
  lowestKind,
  optimizedKind,
  runBytes,
  treeIndexBytes,
  vecBytes,
} from '../format.ts'
import { INDEXES } from './index-builder.ts'
import type { Output } from './output.ts'
import { bitOf } from './source.ts'

// From so many values for each segment on, its end is searched for.
const VALUES_PER_SEARCH = 16

// Where the segments of the values end, by the width of their tree.
const ENDS: readonly Uint32Array[] = Array.from({ length: 5 }, () => new Uint32Array(257))

// How many runs begin in the segments of a block up to each of its segments; one that goes on in the next begins there again.
const RUNS_BEGUN = new Uint32Array(257)

// Where the runs of a block end.
let runEnds = new Uint32Array(1024)

// Where runs are laid out before they are written.
let scratch = new Uint32Array(1024)

/**
 * Appends a partition of width 2 or more with the values `start` to `end - 1`, at least one.
 *
 * @returns How many maximal runs they form, if `optimize`.
 */
export function encodeList(
  output: Output,
  data: Uint32Array,
  start: number,
  end: number,
  width: number,
  optimize: boolean,
): number {
  if (width === 2) return encodeBlock(output, data, start, end, optimize)
  const count = end - start
  const segments = findSegments(data, start, end, width)
  let kind = fastKind(width, count, segments)
  let runs = 0
  if (kind === KIND_TREE) {
    const treeStart = output.length
    runs = encodeTree(output, data, start, segments, width, optimize)
    if (optimize) kind = optimizedKind(width, count, runs, output.length - treeStart)
    if (kind !== KIND_TREE) output.length = treeStart
  } else if (optimize) {
    runs = countRuns(data, start, end)
    kind = optimizedKind(width, count, runs, Infinity)
  }
  if (kind !== KIND_TREE) putLeaf(output, data, start, end, width, kind, runs)
  output.reserve(1)
  output.putByte(kind)
  return runs
}

/** Notes in `ENDS` where the segments of the values end. Gives how many there are. */
function findSegments(data: Uint32Array, start: number, end: number, width: number): number {
  const ends = ENDS[width]!
  const shift = (width - 1) << 3
  let segment = data[start]! >>> shift
  const steps = (data[end - 1]! >>> shift) - segment
  let segments = 0
  if (steps * VALUES_PER_SEARCH < end - start) {
    for (let from = start; segment < data[end - 1]! >>> shift; segment = data[from]! >>> shift) {
      from = lowerBound(data, from, end, (segment + 1) * CAPACITY[width - 1]!)
      ends[segments++] = from
    }
  } else {
    for (let i = start + 1; i < end; i++) {
      const next = data[i]! >>> shift
      // Written each time, kept where a segment begins.
      ends[segments] = i
      segments += (segment - next) >>> 31
      segment = next
    }
  }
  ends[segments] = end
  return segments + 1
}

/** Appends a tree without its kind, whose segments have been found. Gives the number of runs, if `optimize`. */
function encodeTree(
  output: Output,
  data: Uint32Array,
  start: number,
  segments: number,
  width: number,
  optimize: boolean,
): number {
  const ends = ENDS[width]!
  const index = INDEXES[width]!
  const shift = (width - 1) << 3
  index.clear()
  let runs = 0
  for (let i = 0, from = start; i < segments; i++) {
    const to = ends[i]!
    runs += encodeList(output, data, from, to, width - 1, optimize)
    index.add(output.length, to - from, (data[from]! >>> shift) & 255)
    // A run that goes on in this child was counted twice.
    if (i > 0 && data[from] === data[from - 1]! + 1) runs--
    from = to
  }
  index.put(output, width)
  return runs
}

/** Appends a partition of width 2, the most frequent one: its tree is measured before it is written. */
function encodeBlock(output: Output, data: Uint32Array, start: number, end: number, optimize: boolean): number {
  const count = end - start
  const ends = ENDS[2]!
  if (runEnds.length < count) runEnds = new Uint32Array(2 * count)
  let segments = 0
  let runs = 0
  // How many runs go on from one segment to the next.
  let cut = 0
  let before = data[start]!
  for (let i = start + 1; i < end; i++) {
    const value = data[i]!
    const isGap = (before + 1 - value) >>> 31
    const isCut = ((before >>> 8) - (value >>> 8)) >>> 31
    // Written each time, kept where a segment or a run begins.
    ends[segments] = i
    RUNS_BEGUN[segments] = runs + cut + 1
    runEnds[runs] = i
    segments += isCut
    runs += isGap
    cut += isCut & ~isGap
    before = value
  }
  ends[segments++] = end
  RUNS_BEGUN[segments - 1] = runs + cut + 1
  runEnds[runs++] = end
  let kind = fastKind(2, count, segments)
  if (optimize) kind = optimizedKind(2, count, runs, kind === KIND_TREE ? measureBlockTree(start, segments) : Infinity)
  if (kind === KIND_TREE) encodeBlockTree(output, data, start, segments, optimize)
  else if (kind === KIND_RUN) putBlockRuns(output, data, start, runs)
  else putLeaf(output, data, start, end, 2, kind, runs)
  output.reserve(1)
  output.putByte(kind)
  return runs
}

/** Bytes of an optimized tree of the block whose segments have been noted, without its kind. */
function measureBlockTree(start: number, segments: number): number {
  const ends = ENDS[2]!
  let bytes = treeIndexBytes(2, segments)
  let from = start
  let begun = 0
  for (let i = 0; i < segments; i++) {
    bytes += lowestBytes(ends[i]! - from, RUNS_BEGUN[i]! - begun)
    from = ends[i]!
    begun = RUNS_BEGUN[i]!
  }
  return bytes
}

/** Appends a run partition of the block whose runs have been noted, without its kind. */
function putBlockRuns(output: Output, data: Uint32Array, start: number, runs: number): void {
  output.reserve(runBytes(2, runs))
  const { view } = output
  let at = output.length
  let from = start
  for (let i = 0; i < runs; i++, at += 4) {
    const to = runEnds[i]!
    view.setUint16(at, data[from]!, false)
    view.setUint16(at + 2, data[to - 1]!, false)
    from = to
  }
  view.setUint16(at, runs - 1, false)
  output.length = at + 2
}

/** Appends the tree without its kind: its children are a few values each, of one byte. */
function encodeBlockTree(output: Output, data: Uint32Array, start: number, segments: number, optimize: boolean): void {
  const ends = ENDS[2]!
  const index = INDEXES[2]!
  index.clear()
  let from = start
  let begun = 0
  for (let i = 0; i < segments; i++) {
    const to = ends[i]!
    encodeLowest(output, data, from, to, optimize ? RUNS_BEGUN[i]! - begun : 0)
    index.add(output.length, to - from, (data[from]! >>> 8) & 255)
    from = to
    begun = RUNS_BEGUN[i]!
  }
  index.put(output, 2)
}

/** Appends a partition of width 1, where 256 values need 33 bytes at most. `runs`: 0 for the fast choice. */
function encodeLowest(output: Output, data: Uint32Array, start: number, end: number, runs: number): void {
  output.reserve(1 + BITMAP_BYTES[1]!)
  const kind = lowestKind(end - start, runs)
  if (kind === KIND_VEC) {
    for (let i = start; i < end; i++) output.putByte(data[i]!)
    output.putByte(end - start - 1)
  } else if (kind !== KIND_FULL) putLeaf(output, data, start, end, 1, kind, runs)
  output.putByte(kind)
}

/** Appends what is no tree, without its kind. */
function putLeaf(output: Output, data: Uint32Array, start: number, end: number, width: number, kind: number, runs: number): void {
  if (kind === KIND_VEC) {
    output.reserve(vecBytes(width, end - start))
    output.putAll(data, start, end, width)
    output.put(end - start - 1, width)
  } else if (kind === KIND_RUN) {
    output.reserve(runBytes(width, runs))
    putListRuns(output, data, start, end, runs, width)
    output.put(runs - 1, width)
  } else if (kind === KIND_BITMAP) putListBits(output, data, start, end, output.putZeros(BITMAP_BYTES[width]!), width)
}

/** Appends the pairs of a run partition. Their room has been reserved. */
function putListRuns(output: Output, data: Uint32Array, start: number, end: number, runs: number, width: number): void {
  if (scratch.length < 2 * runs) scratch = new Uint32Array(4 * runs)
  writeRuns(data, start, end, scratch)
  output.putAll(scratch, 0, 2 * runs, width)
}

/** Sets the bits of the values in a bitmap that begins at `offset`. */
export function putListBits(
  { bytes }: Output,
  data: Uint32Array,
  start: number,
  end: number,
  offset: number,
  width: number,
): void {
  for (let i = start; i < end; i++) {
    const bit = bitOf(data[i]!, width)
    bytes[offset + (bit >>> 3)]! |= 1 << (bit & 7)
  }
}
