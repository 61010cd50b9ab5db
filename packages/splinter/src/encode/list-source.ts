import { countRuns, writeRuns } from '../container/build.ts'
import { baseOf } from '../container/container.ts'
import type { RunSink } from '../container/run-sink.ts'
import { lowerBound } from '../container/search.ts'
import { CAPACITY, lowestBytes, treeIndexBytes } from '../format.ts'
import type { Output } from './output.ts'
import { bitOf, type Source } from './source.ts'

// Where runs are laid out before they are written.
let scratch = new Uint32Array(1024)

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
    if (data[this.start]! >>> shift === data[this.end - 1]! >>> shift) return 1
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
    const numbers = 2 * this.runs()
    if (scratch.length < numbers) scratch = new Uint32Array(2 * numbers)
    writeRuns(this.data, this.start, this.end, scratch)
    output.putAll(scratch, 0, numbers, width)
  }

  putBits({ bytes }: Output, start: number, width: number): void {
    for (let i = this.start; i < this.end; i++) {
      const bit = bitOf(this.data[i]!, width)
      bytes[start + (bit >>> 3)]! |= 1 << (bit & 7)
    }
  }
}

/** What decides how the values of a block are written. */
export interface BlockMeasures {
  readonly segments: number
  readonly runs: number
  /** Bytes of a tree of them, without its kind. */
  readonly treeBytes: number
}

/** Measures values of one block, all at once. `withRuns`: whether runs are a possible form of the tree's children. */
export function measureBlock({ data, start, end }: ListSource, withRuns: boolean): BlockMeasures {
  let segments = 0
  let runs = 0
  let childBytes = 0
  let before = -2
  for (let at = start; at < end; ) {
    const from = at
    const segment = data[at]! >>> 8
    const goesOn = Number(data[at] === before + 1)
    let childRuns = 1
    for (before = data[at++]!; at < end && data[at]! >>> 8 === segment; before = data[at++]!) {
      childRuns += Number(data[at] !== before + 1)
    }
    childBytes += lowestBytes(at - from, withRuns ? childRuns : 0)
    segments++
    runs += childRuns - goesOn
  }
  return { segments, runs, treeBytes: childBytes + treeIndexBytes(2, segments) }
}
