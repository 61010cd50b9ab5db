import { countBitsOfBytes, popcount } from '../bits.ts'
import { BITMAP_BYTES, SEGMENT_LIST_MAX, SEGMENTS_MAX, segmentStoreBytes } from '../format.ts'

/** The big-endian number of three bytes at `at`. */
function uint24(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
}

/** Positions in a large bitmap are looked up to so many bits, and counted within them. */
export const BITS_COUNTED_AT_ONCE = 1024

// So few bytes are copied faster than a `DataView` is made of them.
const COPY_BYTES_MAX = 4096

/**
 * Bytes and the small steps of reading a partition. A partition is named by its width and the offset behind its kind byte, its
 * *end*.
 */
export class PartitionBytes {
  readonly bytes: Uint8Array
  #view: DataView | undefined = undefined
  #isAsked = false
  #bitCounts: Map<number, Uint32Array> | undefined = undefined

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** The same bytes. Made when it is first needed: that takes as long as checking a small set. */
  get view(): DataView {
    return (this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength))
  }

  /** As {@link view}, but good for a moment only: the first time it may be that of {@link forAMoment}. */
  get viewForAMoment(): DataView {
    return this.#view ?? this.#firstView()
  }

  #firstView(): DataView {
    if (this.#isAsked) return this.view
    this.#isAsked = true
    return this.forAMoment().view
  }

  /**
   * The same bytes with a `DataView` that is there already, if they are few; other bytes may follow them. Good until this is
   * called next, on whatever object.
   */
  forAMoment(): PartitionBytes {
    if (this.bytes.length > COPY_BYTES_MAX) return this
    copied.bytes.set(this.bytes)
    return copied
  }

  /**
   * How many bits of the bitmap at `start` are set before each stretch of {@link BITS_COUNTED_AT_ONCE}. Counted when they are
   * first asked for, and kept: a thirty-second of the bitmap's bytes.
   */
  bitCounts(start: number, length: number): Uint32Array {
    return this.#bitCounts?.get(start) ?? this.#countBits(start, length)
  }

  #countBits(start: number, length: number): Uint32Array {
    const stretch = BITS_COUNTED_AT_ONCE / 8
    const counts = new Uint32Array(length / stretch)
    for (let i = 1, at = start; i < counts.length; i++, at += stretch) {
      counts[i] = counts[i - 1]! + countBitsOfBytes(this.view, at, at + stretch)
    }
    this.#bitCounts ??= new Map()
    this.#bitCounts.set(start, counts)
    return counts
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
        return uint24(bytes, at)
      default:
        return this.view.getUint32(at, false)
    }
  }

  /** How many values a vec, or how many runs a run partition has. */
  count(width: number, end: number): number {
    return this.number(end - 1 - width, width) + 1
  }

  /**
   * Of `count` ascending numbers with `stride` bytes from one to the next: how many are below `value`. The loops differ in how
   * they read a number only.
   */
  countBelow(at: number, count: number, width: number, stride: number, value: number): number {
    if (count === 0) return 0
    const { bytes, view } = this
    let low = 0
    let length = count
    switch (width) {
      case 1:
        for (let half = 0; length > 1; length -= half) {
          half = length >>> 1
          low += half & -Number(bytes[at + (low + half - 1) * stride]! < value)
        }
        break
      case 2:
        for (let half = 0; length > 1; length -= half) {
          half = length >>> 1
          low += half & -Number(view.getUint16(at + (low + half - 1) * stride, false) < value)
        }
        break
      case 3:
        for (let half = 0; length > 1; length -= half) {
          half = length >>> 1
          low += half & -Number(uint24(bytes, at + (low + half - 1) * stride) < value)
        }
        break
      default:
        for (let half = 0; length > 1; length -= half) {
          half = length >>> 1
          low += half & -Number(view.getUint32(at + (low + half - 1) * stride, false) < value)
        }
    }
    return low + Number(this.number(at + low * stride, width) < value)
  }
}

const copied = new PartitionBytes(new Uint8Array(COPY_BYTES_MAX))

/** How many of the bits below `bit` are set, in 256 bits at `at`. */
function bitsBelow(view: DataView, at: number, bit: number): number {
  let below = popcount(view.getInt32(at + 4 * (bit >>> 5), true) & ~(-1 << (bit & 31)))
  for (let word = bit >>> 5; word > 0; word--) below += popcount(view.getInt32(at + 4 * word - 4, true))
  return below
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
    return bitsBelow(view, this.segmentsAt, segment)
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

/** The segment of a value on a level. */
export function segmentAt(value: number, width: number): number {
  return (value >>> ((width - 1) << 3)) & 255
}

/** What is left of a value below a tree of that width. */
export function restOf(value: number, width: number): number {
  return value & ((1 << ((width - 1) << 3)) - 1)
}
