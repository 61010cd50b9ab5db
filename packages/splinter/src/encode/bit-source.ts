import { countBitRuns, countBits, IS_LITTLE_ENDIAN, lowestBit } from '../bits.ts'
import type { RunSink } from '../container/run-sink.ts'
import { lowestBytes, treeIndexBytes } from '../format.ts'
import { putJoinedRuns } from './joined-runs.ts'
import type { Output } from './output.ts'
import { bitOf, type DividedSource } from './source.ts'

const WORDS_PER_SEGMENT = 8

/** The bits of a block, or of a 256th of one. */
export class BitSource implements DividedSource {
  readonly words: Uint32Array
  /** What the lowest bit of word 0 stands for. */
  readonly base: number
  readonly start: number
  readonly end: number
  readonly count: number
  readonly runsKnown = undefined

  constructor(words: Uint32Array, base: number, start: number, end: number, count: number = countBits(words, start, end)) {
    this.words = words
    this.base = base
    this.start = start
    this.end = end
    this.count = count
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
    const { words } = this
    let segments = 0
    for (let i = this.start; i < this.end; i += WORDS_PER_SEGMENT) {
      const any =
        words[i]! | words[i + 1]! | words[i + 2]! | words[i + 3]! | words[i + 4]! | words[i + 5]! | words[i + 6]! | words[i + 7]!
      if (any !== 0) segments++
    }
    return segments
  }

  split(): BitSource[] {
    const sources: BitSource[] = []
    for (let start = this.start; start < this.end; start += WORDS_PER_SEGMENT) {
      const source = new BitSource(this.words, this.base, start, start + WORDS_PER_SEGMENT)
      if (source.count > 0) sources.push(source)
    }
    return sources
  }

  blockTreeBytes(segments: number): number {
    const { words } = this
    let bytes = treeIndexBytes(2, segments)
    for (let i = this.start; i < this.end; i += WORDS_PER_SEGMENT) {
      const count = countBits(words, i, i + WORDS_PER_SEGMENT)
      if (count > 0) bytes += lowestBytes(count, countBitRuns(words, i, i + WORDS_PER_SEGMENT))
    }
    return bytes
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

  putRuns(output: Output, width: number): void {
    putJoinedRuns(this, output, width)
  }

  putBits({ bytes, view }: Output, start: number, width: number): void {
    let at = start + (bitOf(this.base + 32 * this.start, width) >>> 3)
    if (IS_LITTLE_ENDIAN && this.end - this.start > WORDS_PER_SEGMENT) {
      const { buffer, byteOffset } = this.words
      bytes.set(new Uint8Array(buffer, byteOffset + 4 * this.start, 4 * (this.end - this.start)), at)
      return
    }
    for (let i = this.start; i < this.end; i++, at += 4) view.setUint32(at, this.words[i]!, true)
  }
}
