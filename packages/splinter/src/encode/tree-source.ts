import { BITMAP, type Container, LIST, RUNS, type RunContainer, type TreeContainer } from '../container/container.ts'
import type { RunSink } from '../container/run-sink.ts'
import { BitSource } from './bit-source.ts'
import { putJoinedRuns } from './joined-runs.ts'
import { ListSource } from './list-source.ts'
import type { Output } from './output.ts'
import { RunSource } from './run-source.ts'
import type { DividedSource, Source } from './source.ts'

/** What a container holds. */
export function sourceOf(container: Container): ListSource | DividedSource {
  switch (container.kind) {
    case LIST:
      return new ListSource(container.data, container.count)
    case RUNS:
      return runSourceOf(container)
    case BITMAP:
      return new BitSource(container.words, container.base, 0, container.words.length, container.count)
    default:
      return new TreeSource(container)
  }
}

function runSourceOf({ data, runs, count }: RunContainer): RunSource {
  return new RunSource(data, 0, runs, data[0]!, data[2 * runs - 1]!, count)
}

/** The children of a tree container. */
class TreeSource implements DividedSource {
  readonly tree: TreeContainer
  readonly runsKnown = undefined
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

  putRuns(output: Output, width: number): void {
    putJoinedRuns(this, output, width)
  }

  putBits(output: Output, start: number, width: number): void {
    for (const child of this.#children) child.putBits(output, start, width)
  }
}
