import type { RunSink } from '../container/run-sink.ts'
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
  /** How many maximal runs they form. */
  runs(): number
  collectRuns(sink: RunSink): void
  /** Appends the values of a vec. Their room has been reserved. */
  putValues(output: Output, width: number): void
  /** Sets the bits of a bitmap that begins at `start` and is all zero. */
  putBits(output: Output, start: number, width: number): void
}

/** Values that can be divided into the children of a tree. */
export interface DividedSource extends Source {
  /** How many children a tree of them would have. */
  segments(width: number): number
  /** The children of a tree of them. */
  split(width: number): Source[]
  /** Bytes of a tree of them in optimized form without its kind, if they belong to one block. Absent where they never do. */
  blockTreeBytes?(segments: number): number
  /** How many maximal runs they form, where that is known without counting. */
  readonly runsKnown: number | undefined
  /** Appends the pairs of a run partition. Their room has been reserved. */
  putRuns(output: Output, width: number): void
}

/** Which bit of a bitmap of that width a value has. */
export function bitOf(value: number, width: number): number {
  return width === 4 ? value : value & (CAPACITY[width]! - 1)
}
