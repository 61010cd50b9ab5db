import { countRuns } from '../container/build.ts'
import type { RunSink } from '../container/run-sink.ts'
import { putListBits } from './list.ts'
import type { Output } from './output.ts'
import type { Source } from './source.ts'

/** Ascending values. */
export class ListSource implements Source {
  readonly data: Uint32Array
  readonly count: number

  constructor(data: Uint32Array, count: number) {
    this.data = data
    this.count = count
  }

  get first(): number {
    return this.data[0]!
  }

  get last(): number {
    return this.data[this.count - 1]!
  }

  runs(): number {
    return countRuns(this.data, 0, this.count)
  }

  collectRuns(sink: RunSink): void {
    for (let i = 0; i < this.count; i++) sink.append(this.data[i]!, this.data[i]!)
  }

  putValues(output: Output, width: number): void {
    output.putAll(this.data, 0, this.count, width)
  }

  putBits(output: Output, start: number, width: number): void {
    putListBits(output, this.data, 0, this.count, start, width)
  }
}
