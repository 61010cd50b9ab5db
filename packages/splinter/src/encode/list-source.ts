import { countRuns, writeRuns } from '../container/build.ts'
import { baseOf } from '../container/container.ts'
import { allocate } from '../container/memory.ts'
import type { RunSink } from '../container/run-sink.ts'
import { lowerBound } from '../container/search.ts'
import { CAPACITY } from '../format.ts'
import type { Output } from './output.ts'
import { bitOf, type Source } from './source.ts'

/** Ascending values. */
export class ListSource implements Source {
  readonly data: Uint32Array
  readonly start: number
  readonly end: number
  readonly runsKnown = undefined

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
    let segments = 1
    let before = data[this.start]! >>> shift
    for (let i = this.start + 1; i < this.end; i++) {
      const segment = data[i]! >>> shift
      const step = segment - before
      segments += (step | -step) >>> 31
      before = segment
    }
    return segments
  }

  split(width: number): ListSource[] {
    const { data, end } = this
    const size = CAPACITY[width - 1]!
    const sources: ListSource[] = []
    for (let start = this.start; start < end; ) {
      const limit = baseOf(data[start]!, width - 1) + size
      // Most children have a few values only: double the step until it is too wide.
      let step = 1
      while (start + step < end && data[start + step]! < limit) step *= 2
      const next = lowerBound(data, start + (step >> 1), Math.min(start + step, end), limit)
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
    output.putAll(this.data, this.start, this.end, width)
  }

  putRuns(output: Output, width: number): void {
    const runs = allocate(2 * this.runs())
    writeRuns(this.data, this.start, this.end, runs)
    output.putAll(runs, 0, runs.length, width)
  }

  putBits({ bytes }: Output, start: number, width: number): void {
    for (let i = this.start; i < this.end; i++) {
      const bit = bitOf(this.data[i]!, width)
      bytes[start + (bit >>> 3)]! |= 1 << (bit & 7)
    }
  }
}
