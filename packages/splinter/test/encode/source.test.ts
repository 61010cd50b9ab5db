import { expect, test } from 'vitest'
import { runsFromSorted } from '../../src/container/build.ts'
import { BitmapContainer, ListContainer, newWords, segmentOf, TreeContainer } from '../../src/container/container.ts'
import { BitSource } from '../../src/encode/bit-source.ts'
import { encodeSet } from '../../src/encode/encode.ts'
import { RunSource } from '../../src/encode/run-source.ts'
import { SplinterView } from '../../src/index.ts'

const BASE = 0x0705_0000

// One value at each place of a segment of 256, and mixtures.
const CASES: [string, number[]][] = [
  ...Array.from({ length: 8 }, (_, word): [string, number[]] => [
    `only word ${word} of each segment`,
    [0, 3, 4, 200, 255].map((s) => 256 * s + 32 * word + word),
  ]),
  [
    'two runs over borders of segments',
    [...Array.from({ length: 700 }, (_, i) => 250 + i), ...Array.from({ length: 300 }, (_, i) => 5000 + i)],
  ],
  ['scattered', Array.from({ length: 2000 }, (_, i) => (i * 33) % 65_536).sort((a, b) => a - b)],
  ['the first and the last value', [0, 65_535]],
]

test.each(CASES)('list, runs and bitmap of one block have the same bytes: %s', (_what, low) => {
  const values = Uint32Array.from(low, (value) => BASE + value)
  const words = newWords()
  for (const value of low) words[value >>> 5]! |= 1 << value
  const bitmap = new TreeContainer(4)
  const below = new TreeContainer(3)
  below.insert(segmentOf(BASE, 3), new BitmapContainer(BASE, words, values.length))
  bitmap.insert(segmentOf(BASE, 4), below)
  for (const optimize of [true, false]) {
    const bytes = encodeSet(new ListContainer(values, values.length), optimize)
    expect(encodeSet(runsFromSorted(values, values.length), optimize)).toEqual(bytes)
    expect(encodeSet(bitmap, optimize)).toEqual(bytes)
    expect([...new SplinterView(bytes)]).toEqual([...values])
  }
})

test.each(CASES)('runs and bitmap tell the same about a block: %s', (_what, low) => {
  const values = Uint32Array.from(low, (value) => BASE + value)
  const words = newWords()
  for (const value of low) words[value >>> 5]! |= 1 << value
  const { data, runs } = runsFromSorted(values, values.length)
  const sources = [
    new RunSource(data, 0, runs, data[0]!, data[2 * runs - 1]!),
    new BitSource(words, BASE, 0, words.length, values.length),
  ]
  const segments = new Set(low.map((value) => value >>> 8))
  const treeBytes = sources.map((source) => source.blockTreeBytes(segments.size))
  expect(treeBytes[0]).toBe(treeBytes[1])
  for (const source of sources) {
    expect(source.segments(2)).toBe(segments.size)
    expect(source.split(2).map((child) => (child.first >>> 8) & 255)).toEqual([...segments])
    expect(source.split(2).reduce((sum, child) => sum + child.count, 0)).toBe(values.length)
    expect([source.count, source.first, source.last]).toEqual([values.length, values[0], values.at(-1)])
    expect(source.runs()).toBe(low.filter((value, i) => i === 0 || low[i - 1] !== value - 1).length)
  }
})
