import { type Container, LIST, segmentOf } from '../container/container.ts'
import { Crc64State } from '../crc64-state.ts'
import {
  BITMAP_BYTES,
  CAPACITY,
  FOOTER_BYTES,
  fastKind,
  KIND_BITMAP,
  KIND_EMPTY,
  KIND_FULL,
  KIND_RUN,
  KIND_TREE,
  KIND_VEC,
  lowestKind,
  MAGIC,
  optimizedKind,
  runBytes,
  treeIndexBytes,
  vecBytes,
} from '../format.ts'
import { INDEXES } from './index-builder.ts'
import { encodeList } from './list.ts'
import { ListSource } from './list-source.ts'
import { Output } from './output.ts'
import type { DividedSource, Source } from './source.ts'
import { sourceOf } from './tree-source.ts'

const SPARE_BYTES_MAX = 2 ** 16

// The buffer of the last call, so that small sets cost one allocation: their own bytes.
let spare: Output | undefined

/**
 * Encodes a set. Which kinds the partitions get depends on the values alone, so equal sets have equal bytes.
 *
 * @param optimize Whether to choose again from real sizes, with runs as a further kind; without, the fast choice stays.
 * @returns Fresh bytes.
 */
export function encodeSet(container: Container | undefined, optimize: boolean): Uint8Array<ArrayBuffer> {
  const output = spare ?? new Output(1024)
  spare = undefined
  output.length = 0
  if (container === undefined) putKind(output, KIND_EMPTY)
  else if (container.kind === LIST) encodeList(output, container.data, 0, container.count, 4, optimize)
  else encodePartition(output, sourceOf(container), 4, optimize)
  putFooter(output)
  const bytes = output.bytes.slice(0, output.length)
  if (output.bytes.length <= SPARE_BYTES_MAX) spare = output
  return bytes
}

function putFooter(output: Output): void {
  const checksum = new Crc64State()
  checksum.update(output.view, 0, output.length)
  output.reserve(FOOTER_BYTES)
  checksum.put(output.view, output.length)
  output.view.setUint32(output.length + 8, MAGIC, false)
  output.length += FOOTER_BYTES
}

function putKind(output: Output, kind: number): void {
  output.reserve(1)
  output.putByte(kind)
}

/**
 * Appends a partition. The tree of a block is measured before it is written; a larger one is written before it is compared:
 * if something else is smaller, it is cut off again.
 *
 * @returns How many maximal runs the values form, if `optimize`.
 */
function encodePartition(output: Output, source: Source, width: number, optimize: boolean): number {
  if (source instanceof ListSource) return encodeList(output, source.data, 0, source.count, width, optimize)
  return encodeDivided(output, source as DividedSource, width, optimize)
}

function encodeDivided(output: Output, source: DividedSource, width: number, optimize: boolean): number {
  if (width === 1) return encodeLowest(output, source, optimize)
  const { count } = source
  if (count === CAPACITY[width]) {
    putKind(output, KIND_FULL)
    return 1
  }
  const segments = source.segments(width)
  let kind = fastKind(width, count, segments)
  let runs = 0
  if (optimize && (kind !== KIND_TREE || width === 2 || isCertainlyRun(source, width, segments))) {
    runs = source.runs()
    const treeBytes = kind === KIND_TREE && width === 2 ? source.blockTreeBytes!(segments) : Infinity
    kind = optimizedKind(width, count, runs, treeBytes)
    if (kind === KIND_TREE) encodeTree(output, source.split(width), width, optimize)
  } else if (kind === KIND_TREE) {
    const start = output.length
    runs = encodeTree(output, source.split(width), width, optimize)
    if (optimize) kind = optimizedKind(width, count, runs, output.length - start)
    if (kind !== KIND_TREE) output.length = start
  }
  putLeaf(output, source, width, kind, runs)
  putKind(output, kind)
  return runs
}

/** Appends what is no tree, without its kind. */
function putLeaf(output: Output, source: DividedSource, width: number, kind: number, runs: number): void {
  if (kind === KIND_VEC) encodeVec(output, source, width)
  else if (kind === KIND_RUN) encodeRuns(output, source, width, runs)
  else if (kind === KIND_BITMAP) source.putBits(output, output.putZeros(BITMAP_BYTES[width]!), width)
}

/** The same at width 1, where there is no tree, numbers are bytes, and 256 values need 33 bytes at most. */
function encodeLowest(output: Output, source: DividedSource, optimize: boolean): number {
  output.reserve(1 + BITMAP_BYTES[1]!)
  const { count } = source
  const runs = optimize ? source.runs() : 0
  const kind = lowestKind(count, runs)
  if (kind === KIND_VEC) {
    source.putValues(output, 1)
    output.putByte(count - 1)
  } else if (kind === KIND_RUN) {
    source.putRuns(output, 1)
    output.putByte(runs - 1)
  } else if (kind === KIND_BITMAP) source.putBits(output, output.putZeros(BITMAP_BYTES[1]!), 1)
  output.putByte(kind)
  return runs
}

/** Whether runs win however small the children become: one byte each at least. */
function isCertainlyRun({ count, runsKnown }: DividedSource, width: number, segments: number): boolean {
  if (runsKnown === undefined) return false
  const others = Math.min(treeIndexBytes(width, segments) + segments, vecBytes(width, count), BITMAP_BYTES[width]!)
  return runBytes(width, runsKnown) < others
}

function encodeVec(output: Output, source: Source, width: number): void {
  output.reserve(vecBytes(width, source.count))
  source.putValues(output, width)
  output.put(source.count - 1, width)
}

function encodeRuns(output: Output, source: DividedSource, width: number, runs: number): void {
  output.reserve(runBytes(width, runs))
  source.putRuns(output, width)
  output.put(runs - 1, width)
}

/** Appends a tree without its kind. Gives the number of runs, if `optimize`. */
function encodeTree(output: Output, children: readonly Source[], width: number, optimize: boolean): number {
  const index = INDEXES[width]!
  index.clear()
  let runs = 0
  let before = -2
  for (const child of children) {
    runs += encodePartition(output, child, width - 1, optimize)
    index.add(output.length, child.count, segmentOf(child.first, width))
    // A run that goes on in the next child was counted twice.
    if (child.first === before + 1) runs--
    before = child.last
  }
  index.put(output, width)
  return runs
}
