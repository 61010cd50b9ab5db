import type { Container } from '../container/container.ts'
import { segmentOf } from '../container/container.ts'
import { RunSink } from '../container/run-sink.ts'
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
  MAGIC,
  optimizedKind,
  SEGMENT_LIST_MAX,
  SEGMENTS_MAX,
  treeIndexBytes,
  vecBytes,
} from '../format.ts'
import { Output } from './output.ts'
import { type Source, sourceOf } from './source.ts'

const ROOM_MIN = 64
// More than most sets of pages need; larger ones grow the buffer.
const ROOM_PER_VALUE = 3
const ROOM_MAX = 2 ** 16

/**
 * Encodes a set. Which kinds the partitions get depends on the values alone, so equal sets have equal bytes.
 *
 * @param optimize Whether to choose again from real sizes, with runs as a further kind; without, the fast choice stays.
 * @returns Fresh bytes.
 */
export function encodeSet(container: Container | undefined, optimize: boolean): Uint8Array<ArrayBuffer> {
  const output = new Output(Math.min(ROOM_MAX, ROOM_MIN + ROOM_PER_VALUE * (container?.count ?? 0)))
  if (container === undefined) putKind(output, KIND_EMPTY)
  else encodePartition(output, sourceOf(container), 4, optimize)
  const checksum = new Crc64State()
  checksum.update(output.view, 0, output.length)
  output.reserve(FOOTER_BYTES)
  checksum.put(output.view, output.length)
  output.view.setUint32(output.length + 8, MAGIC, false)
  return output.bytes.slice(0, output.length + FOOTER_BYTES)
}

function putKind(output: Output, kind: number): void {
  output.reserve(1)
  output.put(kind, 1)
}

/** Appends a partition. A tree is written before it is compared: if something else is smaller, it is cut off again. */
function encodePartition(output: Output, source: Source, width: number, optimize: boolean): void {
  const { count } = source
  if (count === CAPACITY[width]) {
    putKind(output, KIND_FULL)
    return
  }
  let kind = fastKind(width, count, width === 1 ? 0 : source.segments(width))
  const start = output.length
  if (kind === KIND_TREE) encodeTree(output, source.split(width), width, optimize)
  if (optimize) {
    const treeBytes = kind === KIND_TREE ? output.length - start : Infinity
    kind = optimizedKind(width, count, source.runs(), treeBytes)
    if (kind !== KIND_TREE) output.length = start
  }
  if (kind === KIND_VEC) encodeVec(output, source, width)
  else if (kind === KIND_RUN) encodeRuns(output, source, width)
  else if (kind === KIND_BITMAP) {
    const bitsAt = output.putZeros(BITMAP_BYTES[width]!)
    source.putBits(output.bytes, bitsAt, width)
  }
  putKind(output, kind)
}

function encodeVec(output: Output, source: Source, width: number): void {
  output.reserve(vecBytes(width, source.count))
  source.putValues(output, width)
  output.put(source.count - 1, width)
}

function encodeRuns(output: Output, source: Source, width: number): void {
  const sink = new RunSink(ROOM_MIN)
  source.collectRuns(sink)
  output.reserve((2 * sink.runs + 1) * width)
  for (let i = 0; i < 2 * sink.runs; i++) output.put(sink.data[i]!, width)
  output.put(sink.runs - 1, width)
}

function encodeTree(output: Output, children: Source[], width: number, optimize: boolean): void {
  const ends: number[] = []
  for (const child of children) {
    encodePartition(output, child, width - 1, optimize)
    ends.push(output.length)
  }
  output.reserve(treeIndexBytes(width, children.length))
  // An offset always fits: no child is larger than its bitmap, and 256 of those are far below 2^(8 * width) bytes.
  const childrenEnd = output.length
  for (const end of ends) output.put(childrenEnd - end, width)
  let cumulative = -1
  for (const child of children) {
    cumulative += child.count
    output.put(cumulative, width)
  }
  encodeSegments(output, children, width)
  output.put(children.length - 1, 1)
}

function encodeSegments(output: Output, children: Source[], width: number): void {
  if (children.length === SEGMENTS_MAX) return
  if (children.length <= SEGMENT_LIST_MAX) {
    for (const child of children) output.put(segmentOf(child.first, width), 1)
    return
  }
  const start = output.putZeros(32)
  for (const child of children) {
    const segment = segmentOf(child.first, width)
    output.bytes[start + (segment >>> 3)]! |= 1 << (segment & 7)
  }
}
