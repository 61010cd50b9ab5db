import { RunSink } from '../container/run-sink.ts'
import type { Output } from './output.ts'
import type { Source } from './source.ts'

/** Appends runs that have to be joined before they are written. */
export function putJoinedRuns(source: Source, output: Output, width: number): void {
  const sink = new RunSink(64)
  source.collectRuns(sink)
  output.putAll(sink.data, 0, 2 * sink.runs, width)
}
