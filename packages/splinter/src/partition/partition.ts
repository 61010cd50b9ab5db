import { popcount } from '../bits.ts'
import { BITMAP_BYTES, SEGMENT_LIST_MAX, SEGMENTS_MAX, segmentStoreBytes } from '../format.ts'

/**
 * Bytes with a `DataView` that is kept, and the small steps of reading a partition. A partition is named by its width and
 * the offset behind its kind byte, its *end*.
 */
export class PartitionBytes {
  readonly bytes: Uint8Array
  readonly view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** The big-endian number of `width` bytes at `at`. */
  number(at: number, width: number): number {
    const { bytes } = this
    switch (width) {
      case 1:
        return bytes[at]!
      case 2:
        return (bytes[at]! << 8) | bytes[at + 1]!
      case 3:
        return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
      default:
        return this.view.getUint32(at, false)
    }
  }

  /** How many values a vec, or how many runs a run partition has. */
  count(width: number, end: number): number {
    return this.number(end - 1 - width, width) + 1
  }

  /** Of `count` ascending numbers with `stride` bytes from one to the next: how many are below `value`. */
  countBelow(at: number, count: number, width: number, stride: number, value: number): number {
    let low = 0
    let high = count
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.number(at + middle * stride, width) < value) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** A tree's parts. Offsets count from the start of the bytes. */
export class TreeIndex {
  readonly source: PartitionBytes
  readonly width: number
  readonly children: number
  /** Where the segment store begins. */
  readonly segmentsAt: number
  readonly cardinalitiesAt: number
  /** Where the child offsets begin, which is where the last child ends. */
  readonly offsetsAt: number

  constructor(source: PartitionBytes, width: number, end: number) {
    this.source = source
    this.width = width
    this.children = source.bytes[end - 2]! + 1
    this.segmentsAt = end - 2 - segmentStoreBytes(this.children)
    this.cardinalitiesAt = this.segmentsAt - this.children * width
    this.offsetsAt = this.cardinalitiesAt - this.children * width
  }

  /** Where child `index` ends. */
  childEnd(index: number): number {
    return this.offsetsAt - this.source.number(this.offsetsAt + index * this.width, this.width)
  }

  /** How many values children 0 to `index` have. */
  countUpTo(index: number): number {
    return index < 0 ? 0 : this.source.number(this.cardinalitiesAt + index * this.width, this.width) + 1
  }

  /** How many children have a segment below `segment`. */
  childrenBelow(segment: number): number {
    const { bytes, view } = this.source
    if (this.children === SEGMENTS_MAX) return segment
    let below = 0
    if (this.children <= SEGMENT_LIST_MAX) {
      while (below < this.children && bytes[this.segmentsAt + below]! < segment) below++
      return below
    }
    for (let word = 0; word < segment >>> 5; word++) below += popcount(view.getInt32(this.segmentsAt + 4 * word, true))
    const rest = view.getInt32(this.segmentsAt + 4 * (segment >>> 5), true)
    return below + popcount(rest & ~(-1 << (segment & 31)))
  }

  /** The child of a segment, or `-1`. */
  childOf(segment: number): number {
    if (this.children === SEGMENTS_MAX) return segment
    const { bytes } = this.source
    const index = this.childrenBelow(segment)
    if (this.children <= SEGMENT_LIST_MAX) {
      return index < this.children && bytes[this.segmentsAt + index] === segment ? index : -1
    }
    return ((bytes[this.segmentsAt + (segment >>> 3)]! >>> (segment & 7)) & 1) === 1 ? index : -1
  }

  /** All segments, ascending. */
  segments(): Uint8Array {
    const { bytes } = this.source
    if (this.children <= SEGMENT_LIST_MAX) return bytes.subarray(this.segmentsAt, this.segmentsAt + this.children)
    const segments = new Uint8Array(this.children)
    let at = 0
    for (let segment = 0; segment < SEGMENTS_MAX && at < this.children; segment++) {
      const isPresent =
        this.children === SEGMENTS_MAX || ((bytes[this.segmentsAt + (segment >>> 3)]! >>> (segment & 7)) & 1) === 1
      if (isPresent) segments[at++] = segment
    }
    return segments
  }
}

/** Where the bits of a bitmap begin. */
export function bitsAt(width: number, end: number): number {
  return end - 1 - BITMAP_BYTES[width]!
}
