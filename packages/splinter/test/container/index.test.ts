import { expect, test } from 'vitest'
import { fromSorted, runsFromSorted } from '../../src/container/build.ts'
import { type Container, LIST, ListContainer, RUNS, TREE } from '../../src/container/container.ts'
import { addValue, deleteValue } from '../../src/container/mutate.ts'
import { containerHas, containerRank, containerSelect } from '../../src/container/query.ts'
import { ascending } from '../sets.ts'

const range = (start: number, length: number, step = 1): number[] => Array.from({ length }, (_, i) => start + i * step)

// Spread evenly; both ends of the range; most of them in one part of 2^32, so that a single search has many to look at.
const SHAPES: [string, number[]][] = [
  ['every millionth value', range(0, 400, 1e6)],
  ['the ends of the range', [0, 1, 2, ...range(70, 14), ...range(2 ** 31 - 3, 6), ...range(2 ** 32 - 9, 9)]],
  ['one far from all others', [...range(7, 300, 2), 2 ** 32 - 1]],
  ['clusters', range(5, 40, 700).flatMap((start) => range(start, 11))],
  ['neighbours of one value', range(2 ** 31 - 10, 30)],
]

const edges = [0, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]

/** Compares all answers with those of a model. */
function expectAnswers(container: Container, values: readonly number[], isAskedFirst: (container: Container) => void): void {
  const members = new Set(values)
  const probes = [...values.flatMap((value) => [value - 1, value, value + 1]), ...edges].filter((v) => v >= 0 && v < 2 ** 32)
  const sorted = ascending(values)
  const ranks = probes.map((probe) => sorted.filter((value) => value <= probe).length)
  isAskedFirst(container)
  expect(probes.map((probe) => containerHas(container, probe))).toEqual(probes.map((probe) => members.has(probe)))
  expect(probes.map((probe) => containerRank(container, probe))).toEqual(ranks)
  expect(values.map((_, i) => containerSelect(container, i))).toEqual([...sorted])
}

/** Asks until an index has been made. */
function ask(container: Container): void {
  if (container.kind !== LIST && container.kind !== RUNS) throw new Error('not searched')
  for (let i = 0; i <= container.count; i++) containerHas(container, 5)
  expect(container.index).toBeDefined()
}

test.each(SHAPES)('a list answers the same from an index, and after changes: %s', (_what, values) => {
  const list = new ListContainer(Uint32Array.from(values), values.length)
  expectAnswers(list, values, () => expect(list.index).toBeUndefined())
  expectAnswers(list, values, ask)
  const added = values[values.length >> 1]! + 1
  const more = [...new Set([...values, added])].sort((a, b) => a - b)
  expectAnswers(addValue(list, added, 4), more, ask)
  const without = more.slice(1)
  expectAnswers(deleteValue(list, more[0]!, 4)!, without, ask)
})

test.each([SHAPES[0]!, SHAPES[2]!, SHAPES[3]!])('so do runs: %s', (_what, values) => {
  const runs = runsFromSorted(Uint32Array.from(values), values.length)
  expectAnswers(runs, values, ask)
  // Makes a run of its own, makes one longer, cuts one, and takes one away.
  const lone = values[20]! + 1
  let more = [...new Set([...values, lone])].sort((a, b) => a - b)
  ask(runs)
  expectAnswers(addValue(runs, lone, 4), more, () => {})
  ask(runs)
  more = more.filter((value) => value !== values[3])
  expectAnswers(deleteValue(runs, values[3]!, 4)!, more, () => {})
  ask(runs)
  more = more.slice(1)
  expectAnswers(deleteValue(runs, values[0]!, 4)!, more, () => {})
})

test('positions in a tree follow its changes', () => {
  const values = range(0, 5000, 800_000)
  const tree = fromSorted(Uint32Array.from(values), 4, true) as Container
  expect(tree.kind).toBe(TREE)
  expect([containerRank(tree, 2 ** 31), containerSelect(tree, 4999)]).toEqual([2685, 4999 * 800_000])
  addValue(tree, 1, 4)
  expect([containerRank(tree, 2 ** 31), containerSelect(tree, 1), containerSelect(tree, 5000)]).toEqual([2686, 1, 4999 * 800_000])
  deleteValue(tree, 0, 4)
  deleteValue(tree, 800_000, 4)
  expect([containerRank(tree, 2 ** 31), containerSelect(tree, 0), containerSelect(tree, 1)]).toEqual([2684, 1, 1_600_000])
})
