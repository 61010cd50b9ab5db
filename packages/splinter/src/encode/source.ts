import { countBitRuns, countBits, lowestBit } from '../bits.ts'
import { countRuns } from '../container/build.ts'
import { BITMAP, baseOf, type Container, LIST, RUNS, segmentOf, type TreeContainer } from '../container/container.ts'
import type { RunSink } from '../container/run-sink.ts'
import { lowerBound } from '../container/search.ts'
import { CAPACITY } from '../format.ts'
import type { Output } from './output.ts'

/**
 * The values of one partition that is to be written, whatever container they are in. `width` is that of the partition;
 * a source itself does not know it.
 */
export interface Source {
  readonly count: number
  /** The lowest value. */
  readonly first: number
  /** The highest value. */
  readonly last: number
  /** How many children a tree of them would have. */
  segments(width: number): number
  /** The children of a tree of them. */
  split(width: number): Source[]
  /** How many maximal runs they form. */
  runs(): number
  collectRuns(sink: RunSink): void
  /** Appends the values of a vec. Their room has been reserved. */
  putValues(output: Output, width: number): void
  /** Sets the bits of a bitmap that begins at `start` and is all zero. */
  putBits(bytes: Uint8Array, start: number, width: number): void
}

/** What a container holds. */
export function sourceOf(container: Container): Source {
  switch (container.kind) {
    case LIST:
      return new ListSource(container.data, 0, container.count)
    case RUNS:
      return new RunSource(container.data, 0, container.runs, container.data[0]!, container.data[2 * container.runs - 1]!)
    case BITMAP:
      return new BitSource(container.words, container.base, 0, container.words.length)
    default:
      return new TreeSource(container)
  }
}

const WORDS_PER_SEGMENT = 8

/** Which bit of a bitmap of that width a value has. */
function bitOf(value: number, width: number): number {
  return width === 4 ? value : value & (CAPACITY[width]! - 1)
}

/** Sets the bits `first` to `last` of a bitmap that begins at `start`. */
function fillBits(bytes: Uint8Array, start: number, first: number, last: number): void {
  const firstByte = start + (first >>> 3)
  const lastByte = start + (last >>> 3)
  const head = (0xff << (first & 7)) & 0xff
  const tail = 0xff >>> (7 - (last & 7))
  if (firstByte === lastByte) {
    bytes[firstByte]! |= head & tail
    return
  }
  bytes[firstByte]! |= head
  bytes.fill(0xff, firstByte + 1, lastByte)
  bytes[lastByte]! |= tail
}

/** Ascending values. */
class ListSource implements Source {
  readonly data: Uint32Array
  readonly start: number
  readonly end: number

  constructor(data: Uint32Array, start: number, end: number) {
    this.data = data
    this.start = start
    this.end = end
  }

  get count(): number {
    return this.end - this.start
  }

  get first(): number {
    return this.data[this.start]!
  }

  get last(): number {
    return this.data[this.end - 1]!
  }

  segments(width: number): number {
    const { data } = this
    const shift = (width - 1) << 3
    let segments = 0
    let before = -1
    for (let i = this.start; i < this.end; i++) {
      const segment = data[i]! >>> shift
      if (segment !== before) segments++
      before = segment
    }
    return segments
  }

  split(width: number): ListSource[] {
    const { data, end } = this
    const size = CAPACITY[width - 1]!
    const sources: ListSource[] = []
    for (let start = this.start; start < end; ) {
      const next = lowerBound(data, start, end, baseOf(data[start]!, width - 1) + size)
      sources.push(new ListSource(data, start, next))
      start = next
    }
    return sources
  }

  runs(): number {
    return countRuns(this.data, this.start, this.end)
  }

  collectRuns(sink: RunSink): void {
    for (let i = this.start; i < this.end; i++) sink.append(this.data[i]!, this.data[i]!)
  }

  putValues(output: Output, width: number): void {
    for (let i = this.start; i < this.end; i++) output.put(this.data[i]!, width)
  }

  putBits(bytes: Uint8Array, start: number, width: number): void {
    for (let i = this.start; i < this.end; i++) {
      const bit = bitOf(this.data[i]!, width)
      bytes[start + (bit >>> 3)]! |= 1 << (bit & 7)
    }
  }
}

/** Maximal runs, the outer ones cut off at `first` and `last`. */
class RunSource implements Source {
  readonly data: Uint32Array
  readonly start: number
  readonly end: number
  readonly first: number
  readonly last: number
  readonly count: number

  constructor(data: Uint32Array, start: number, end: number, first: number, last: number) {
    this.data = data
    this.start = start
    this.end = end
    this.first = first
    this.last = last
    let count = 0
    for (let i = start; i < end; i++) count += this.#last(i) - this.#first(i) + 1
    this.count = count
  }

  #first(run: number): number {
    return Math.max(this.data[2 * run]!, this.first)
  }

  #last(run: number): number {
    return Math.min(this.data[2 * run + 1]!, this.last)
  }

  segments(width: number): number {
    let segments = 0
    let before = -1
    for (let i = this.start; i < this.end; i++) {
      const low = segmentOf(this.#first(i), width)
      const high = segmentOf(this.#last(i), width)
      segments += high - low + (low === before ? 0 : 1)
      before = high
    }
    return segments
  }

  split(width: number): RunSource[] {
    const size = CAPACITY[width - 1]!
    const sources: RunSource[] = []
    for (let run = this.start, first = this.first; run < this.end; ) {
      const end = baseOf(first, width - 1) + size
      let next = run
      while (next < this.end && this.#first(next) < end) next++
      const last = this.#last(next - 1)
      sources.push(new RunSource(this.data, run, next, first, Math.min(last, end - 1)))
      const isCut = last >= end
      run = isCut ? next - 1 : next
      first = isCut || run === this.end ? end : this.#first(run)
    }
    return sources
  }

  runs(): number {
    return this.end - this.start
  }

  collectRuns(sink: RunSink): void {
    for (let i = this.start; i < this.end; i++) sink.append(this.#first(i), this.#last(i))
  }

  putValues(output: Output, width: number): void {
    for (let i = this.start; i < this.end; i++) {
      for (let value = this.#first(i), last = this.#last(i); value <= last; value++) output.put(value, width)
    }
  }

  putBits(bytes: Uint8Array, start: number, width: number): void {
    for (let i = this.start; i < this.end; i++) {
      fillBits(bytes, start, bitOf(this.#first(i), width), bitOf(this.#last(i), width))
    }
  }
}

/** The bits of a block, or of a 256th of one. */
class BitSource implements Source {
  readonly words: Uint32Array
  /** What the lowest bit of word 0 stands for. */
  readonly base: number
  readonly start: number
  readonly end: number
  readonly count: number
  #children: BitSource[] = []

  constructor(words: Uint32Array, base: number, start: number, end: number) {
    this.words = words
    this.base = base
    this.start = start
    this.end = end
    this.count = countBits(words, start, end)
  }

  get first(): number {
    let i = this.start
    while (this.words[i] === 0) i++
    return this.base + 32 * i + lowestBit(this.words[i]!)
  }

  get last(): number {
    let i = this.end - 1
    while (this.words[i] === 0) i--
    return this.base + 32 * i + (31 - Math.clz32(this.words[i]!))
  }

  segments(): number {
    return this.split().length
  }

  split(): BitSource[] {
    if (this.#children.length > 0) return this.#children
    for (let start = this.start; start < this.end; start += WORDS_PER_SEGMENT) {
      const source = new BitSource(this.words, this.base, start, start + WORDS_PER_SEGMENT)
      if (source.count > 0) this.#children.push(source)
    }
    return this.#children
  }

  runs(): number {
    return countBitRuns(this.words, this.start, this.end)
  }

  collectRuns(sink: RunSink): void {
    for (let i = this.start; i < this.end; i++) sink.appendBits(this.base + 32 * i, this.words[i]!)
  }

  putValues(output: Output, width: number): void {
    for (let i = this.start; i < this.end; i++) {
      let word = this.words[i]!
      while (word !== 0) {
        const bit = word & -word
        output.put(this.base + 32 * i + (31 - Math.clz32(bit)), width)
        word ^= bit
      }
    }
  }

  putBits(bytes: Uint8Array, start: number, width: number): void {
    let at = start + (bitOf(this.base + 32 * this.start, width) >>> 3)
    for (let i = this.start; i < this.end; i++) {
      const word = this.words[i]!
      bytes[at++] = word
      bytes[at++] = word >>> 8
      bytes[at++] = word >>> 16
      bytes[at++] = word >>> 24
    }
  }
}

/** The children of a tree container. */
class TreeSource implements Source {
  readonly tree: TreeContainer
  readonly #children: Source[] = []

  constructor(tree: TreeContainer) {
    this.tree = tree
    for (let s = tree.low; s <= tree.high; s++) {
      const child = tree.children[s]
      if (child !== undefined) this.#children.push(sourceOf(child))
    }
  }

  get count(): number {
    return this.tree.count
  }

  get first(): number {
    return this.#children[0]!.first
  }

  get last(): number {
    return this.#children[this.#children.length - 1]!.last
  }

  // A tree container is of the same width as the partition that it becomes.
  segments(): number {
    return this.#children.length
  }

  split(): Source[] {
    return this.#children
  }

  runs(): number {
    let runs = 0
    let before = -2
    for (const child of this.#children) {
      runs += child.runs() - (child.first === before + 1 ? 1 : 0)
      before = child.last
    }
    return runs
  }

  collectRuns(sink: RunSink): void {
    for (const child of this.#children) child.collectRuns(sink)
  }

  putValues(output: Output, width: number): void {
    for (const child of this.#children) child.putValues(output, width)
  }

  putBits(bytes: Uint8Array, start: number, width: number): void {
    for (const child of this.#children) child.putBits(bytes, start, width)
  }
}
