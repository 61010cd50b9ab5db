import { SEGMENT_LIST_MAX, SEGMENTS_MAX, treeIndexBytes } from '../format.ts'
import type { Output } from './output.ts'

/** Collects what the index of a tree says about its children, and writes it behind them. */
export class IndexBuilder {
  readonly #ends = new Uint32Array(SEGMENTS_MAX)
  readonly #cumulative = new Uint32Array(SEGMENTS_MAX)
  readonly #segments = new Uint8Array(SEGMENTS_MAX)
  #children = 0
  #count = 0

  /** Begins another tree. */
  clear(): void {
    this.#children = 0
    this.#count = 0
  }

  /** Notes a child that was written just now. `end`: where in the output it ends. */
  add(end: number, count: number, segment: number): void {
    const index = this.#children++
    this.#count += count
    this.#ends[index] = end
    this.#cumulative[index] = this.#count - 1
    this.#segments[index] = segment
  }

  /** Appends the index, without the tree's kind. */
  put(output: Output, width: number): void {
    const children = this.#children
    output.reserve(treeIndexBytes(width, children))
    // An offset always fits: no child is larger than its bitmap, and 256 of those are far below 2^(8 * width) bytes.
    const childrenEnd = output.length
    const ends = this.#ends
    for (let i = 0; i < children; i++) ends[i] = childrenEnd - ends[i]!
    output.putAll(ends, 0, children, width)
    output.putAll(this.#cumulative, 0, children, width)
    this.#putSegments(output)
    output.putByte(children - 1)
  }

  #putSegments(output: Output): void {
    const children = this.#children
    if (children === SEGMENTS_MAX) return
    if (children <= SEGMENT_LIST_MAX) {
      for (let i = 0; i < children; i++) output.putByte(this.#segments[i]!)
      return
    }
    const start = output.putZeros(32)
    for (let i = 0; i < children; i++) {
      const segment = this.#segments[i]!
      output.bytes[start + (segment >>> 3)]! |= 1 << (segment & 7)
    }
  }
}

/** One for each width of a tree: those below a tree are built while its own is. */
export const INDEXES: readonly (IndexBuilder | undefined)[] = [
  undefined,
  undefined,
  new IndexBuilder(),
  new IndexBuilder(),
  new IndexBuilder(),
]
