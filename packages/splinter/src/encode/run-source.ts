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

  constructor(data: Uint32Array, start: number, end: number, first: number, last: number, count: number) {
    this.data = data
    this.start = start
    this.end = end
    this.first = first
    this.last = last
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
    if (segments === 1) return 1
    for (let i = 2 * this.start + 1, end = 2 * this.end - 1; i < end; i += 2) {
      const between = (data[i + 1]! >>> shift) - (data[i]! >>> shift) - 1
      // -1 where both runs share a segment.
      segments -= between & ~(between >> 31)
    }
    return segments
  }

  split(width: number): RunSource[] {
    const { data } = this
    const shift = (width - 1) << 3
    // The only child has the same values.
    if (this.first >>> shift === this.last >>> shift) return [this]
    const rest = CAPACITY[width - 1]! - 1
    const end = 2 * this.end
    const sources: RunSource[] = []
    for (let at = 2 * this.start, first = this.first; ; ) {
      const segmentLast = (first | rest) >>> 0
      let next = at
      // Modulo 2^32, as the outer runs are cut off only afterwards.
      let count = 0
      do {
        count = (count + data[next + 1]! - data[next]! + 1) | 0
        next += 2
      } while (next < end && data[next]! <= segmentLast)
      const runLast = data[next - 1]!
      const last = Math.min(runLast, segmentLast, this.last)
      count -= first - data[at]! + (runLast - last)
      sources.push(new RunSource(data, at >>> 1, next >>> 1, first, last, count >>> 0))
      if (last === this.last) return sources
      const isCut = runLast > segmentLast
      at = isCut ? next - 2 : next
      first = isCut ? segmentLast + 1 : data[at]!
    }
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
    if (width === 2) {
      this.#putBlockRuns(output)
      return
    }
    output.put(this.first, width)
    output.putAll(this.data, 2 * this.start + 1, 2 * this.end - 1, width)
    output.put(this.last, width)
  }

  /** Both ends of a run at once. */
  #putBlockRuns(output: Output): void {
    const { data } = this
    const { view, length } = output
    let at = length
    for (let i = 2 * this.start; i < 2 * this.end; i += 2, at += 4) {
      view.setInt32(at, (data[i]! << 16) | (data[i + 1]! & 0xffff), false)
    }
    view.setUint16(length, this.first, false)
    view.setUint16(at - 2, this.last, false)
    output.length = at
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
