import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { Splinter, SplinterView } from '../src/index.ts'
import { bitmap, file, full, type Partition, runs, tree, treeOfMany, vec } from './forge.ts'

/*
 * How much memory bytes can make a reader take. These files are legal: nothing about them can be refused, so what is decoded
 * from them has to be in proportion to them, however they claim many members in few bytes.
 */

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes of what a call makes: on the engine's heap, and in array buffers. The least of some calls: others use the heap as well. */
function retainedBy<T>(make: () => T): { readonly value: T; readonly bytes: number } {
  let value = make()
  let bytes = Infinity
  for (let round = 0; round < 3; round++) {
    const before = used()
    const another = make()
    bytes = Math.min(bytes, used() - before)
    value = another
  }
  return { value, bytes }
}

function used(): number {
  // Twice: the memory of array buffers is given back after the objects are.
  collectGarbage()
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Bytes of all numbers arrays that a call makes, whether it keeps them or not. */
function arraysMadeBy(call: () => unknown): number {
  let made = 0
  const real = globalThis.Uint32Array
  class Counted extends real {
    constructor(...args: [any, any?, any?]) {
      super(...args)
      if (!(args[0] instanceof ArrayBuffer)) made += this.byteLength
    }
  }
  globalThis.Uint32Array = Counted as Uint32ArrayConstructor
  try {
    call()
  } finally {
    globalThis.Uint32Array = real
  }
  return made
}

const every = (step: number, count: number): number[] => Array.from({ length: count }, (_, i) => step * i)
const blocks = (block: Partition): Partition => tree(4, [[9, treeOfMany(3, 256, block)]])

// Each many times over, so that what a set takes in any case does not count.
const FILES: [string, Partition][] = [
  ['blocks of a few complete children', blocks(treeOfMany(2, 9, full(1)))],
  ['blocks of a few runs', blocks(treeOfMany(2, 40, runs(1, [[1, 254]])))],
  ['blocks of many complete children', blocks(treeOfMany(2, 250, full(1)))],
  ['blocks of a few bitmaps', blocks(treeOfMany(2, 9, bitmap(1, every(2, 128))))],
  ['blocks of short lists', blocks(treeOfMany(2, 128, vec(1, every(3, 17))))],
  ['blocks of one run', blocks(runs(2, [[1, 65_534]]))],
  ['blocks of one value', blocks(vec(2, [7]))],
  ['complete blocks', blocks(full(2))],
  ['ranges of one value', treeOfMany(4, 256, vec(3, [7]))],
  ['ranges of two complete blocks', treeOfMany(4, 256, treeOfMany(3, 2, full(2)))],
  ['ranges of a block each, with one complete child', treeOfMany(4, 256, treeOfMany(3, 1, treeOfMany(2, 1, full(1))))],
  ['complete ranges', treeOfMany(4, 256, full(3))],
  [
    'many runs',
    runs(
      4,
      Array.from({ length: 3000 }, (_, i) => [100_000 * i, 100_000 * i + 50_000]),
    ),
  ],
]

test.each(FILES)('I11: %s decode to a small multiple of their bytes', (_what, partition) => {
  const bytes = file(partition)
  const { value: set, bytes: retained } = retainedBy(() => Splinter.fromBytes(bytes))
  expect(set.size).toBe(partition.count)
  expect(retained / bytes.length).toBeLessThan(40)
  // What was made and let go counts as well; it is never needed all at once.
  expect(arraysMadeBy(() => Splinter.fromBytes(bytes)) / bytes.length).toBeLessThan(100)
})

test.each(FILES)('I11: a view of %s takes next to nothing', (_what, partition) => {
  const bytes = file(partition)
  const { value: views, bytes: retained } = retainedBy(() => Array.from({ length: 100 }, () => new SplinterView(bytes)))
  expect(views[0]!.size).toBe(partition.count)
  expect(retained / views.length).toBeLessThan(1000)
  expect(arraysMadeBy(() => new SplinterView(bytes))).toBe(0)
})
