import { expect, test } from 'vitest'
import { fromCrowd, fromRange } from '../../src/container/build.ts'
import { TreeContainer } from '../../src/container/container.ts'
import { sourceOf } from '../../src/encode/tree-source.ts'
import { Splinter, SplinterView } from '../../src/index.ts'
import { file, full, type Partition, tree, vec } from '../forge.ts'

/*
 * Sets for which the choice of a partition's kind hangs on one byte. The expected files are put together by hand; the sizes are
 * those of docs/format/splinter.md.
 */
const spread = (count: number): number[] => Array.from({ length: count }, (_, i) => 1000 + 1_234_567 * i)

function expectBytes(set: Splinter, expected: Partition): void {
  const bytes = file(expected)
  expect(new SplinterView(bytes).equals(set)).toBe(true)
  for (const same of [set, Splinter.from(set.toUint32Array()), Splinter.fromBytes(bytes)]) {
    expect(Buffer.from(same.toBytes()).toString('hex')).toBe(Buffer.from(bytes).toString('hex'))
  }
}

test('a complete child counts as one byte: the tree of a block has 17 bytes, its runs have 18', () => {
  const few = [1, 9, 20]
  const set = new Splinter()
  for (const block of [0, 65_536]) set.addRange(block + 256, block + 511).addAll(few.map((value) => block + 0x700 + value))
  const block = tree(2, [
    [1, full(1)],
    [7, vec(1, few)],
  ])
  expect(block.bytes.length).toBe(18)
  expectBytes(
    set,
    tree(4, [
      [
        0,
        tree(3, [
          [0, block],
          [1, block],
        ]),
      ],
    ]),
  )
})

test('a tree wins the tie with a run: one complete block in a range takes 9 bytes either way', () => {
  const values = spread(10)
  const set = Splinter.from(values.map((value) => 2 ** 24 + value))
    .addAll(values.map((value) => 7 * 2 ** 24 + value))
    .addRange(5 * 2 ** 24 + 65_536, 5 * 2 ** 24 + 131_071)
  const block = tree(3, [[1, full(2)]])
  expect(block.bytes.length).toBe(10)
  expectBytes(
    set,
    tree(4, [
      [1, vec(3, values)],
      [5, block],
      [7, vec(3, values)],
    ]),
  )
})

test('a run that goes on in the next child of a tree is one run', () => {
  const bits = Uint32Array.from({ length: 6000 }, (_, i) => (i < 1000 ? 64_536 + i : 131_072 + 2 * i))
  const container = new TreeContainer(3)
  container.insert(0, fromRange(64_536, 65_535))
  container.insert(1, fromRange(65_536, 70_000))
  container.insert(2, fromCrowd(bits.subarray(1000), 2))
  const source = sourceOf(container)
  expect(source.runs()).toBe(1 + 5000)
  expect([source.count, source.first]).toEqual([1000 + 4465 + 5000, 64_536])
})
