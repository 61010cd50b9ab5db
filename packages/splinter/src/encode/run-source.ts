import { baseOf } from '../container/container.ts'
import type { RunSink } from '../container/run-sink.ts'
import { CAPACITY, lowestBytes, treeIndexBytes } from '../format.ts'
import type { Output } from './output.ts'
import { bitOf, type DividedSource } from './source.ts'

/** Maximal runs, the outer ones cut off at `first` and `last`. */
export class RunSource implements DividedSource {
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
    // What the outer runs have outside does not count.
    let count = end - start - (first - data[2 * start]!) - (data[2 * end - 1]! - last)
    for (let i = 2 * start; i < 2 * end; i += 2) count += data[i + 1]! - data[i]!
    this.count = count
  }

  #first(run: number): number {
    return Math.max(this.data[2 * run]!, this.first)
  }

  #last(run: number): number {
    return Math.min(this.data[2 * run + 1]!, this.last)
  }

  segments(width: number): number {
    const { data } = this
    const shift = (width - 1) << 3
    // From the first segment to the last, less those between two runs.
    let segments = (this.last >>> shift) - (this.first >>> shift) + 1
    for (let i = 2 * this.start + 1, end = 2 * this.end - 1; i < end; i += 2) {
      const step = (data[i + 1]! >>> shift) - (data[i]! >>> shift)
      segments -= Math.max(0, step - 1)
    }
    return segments
  }

  split(width: number): RunSource[] {
    const size = CAPACITY[width - 1]!
    const sources: RunSource[] = []
    for (let run = this.start, first = this.first; run < this.end; ) {
      const end = baseOf(first, width - 1) + size
      let next = run + 1
      while (next < this.end && this.data[2 * next]! < end) next++
      const last = this.#last(next - 1)
      sources.push(new RunSource(this.data, run, next, first, Math.min(last, end - 1)))
      const isCut = last >= end
      run = isCut ? next - 1 : next
      first = isCut || run === this.end ? end : this.#first(run)
    }
    return sources
  }

  blockTreeBytes(segments: number): number {
    let bytes = treeIndexBytes(2, segments)
    // What the runs so far have in the segment that the last of them ends in.
    let segment = this.first >>> 8
    let count = 0
    let runs = 0
    for (let i = this.start; i < this.end; i++) {
      const first = this.#first(i)
      const last = this.#last(i)
      const segmentFirst = first >>> 8
      const segmentLast = last >>> 8
      if (segmentFirst !== segment) {
        bytes += lowestBytes(count, runs)
        count = 0
        runs = 0
      }
      if (segmentFirst === segmentLast) count += last - first + 1
      else {
        bytes += lowestBytes(count + 256 - (first & 255), runs + 1)
        bytes += (segmentLast - segmentFirst - 1) * lowestBytes(256, 1)
        count = (last & 255) + 1
        runs = 0
      }
      segment = segmentLast
      runs++
    }
    return bytes + lowestBytes(count, runs)
  }

  get runsKnown(): number {
    return this.end - this.start
  }

  runs(): number {
    return this.end - this.start
  }

  putRuns(output: Output, width: number): void {
    output.put(this.first, width)
    output.putAll(this.data, 2 * this.start + 1, 2 * this.end - 1, width)
    output.put(this.last, width)
  }

  collectRuns(sink: RunSink): void {
    for (let i = this.start; i < this.end; i++) sink.append(this.#first(i), this.#last(i))
  }

  putValues(output: Output, width: number): void {
    for (let i = this.start; i < this.end; i++) {
      for (let value = this.#first(i), last = this.#last(i); value <= last; value++) output.put(value, width)
    }
  }

  putBits({ bytes }: Output, start: number, width: number): void {
    for (let i = this.start; i < this.end; i++) {
      fillBits(bytes, start, bitOf(this.#first(i), width), bitOf(this.#last(i), width))
    }
  }
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
