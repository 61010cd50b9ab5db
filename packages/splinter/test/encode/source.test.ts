import { expect, test } from 'vitest'
import { runsFromSorted, sliceRuns } from '../../src/container/build.ts'
import { BitmapContainer, ListContainer, newWords, segmentOf, TreeContainer } from '../../src/container/container.ts'
import { RunSink } from '../../src/container/run-sink.ts'
import { BitSource } from '../../src/encode/bit-source.ts'
import { encodeSet } from '../../src/encode/encode.ts'
import { Output } from '../../src/encode/output.ts'
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
    new RunSource(data, 0, runs, data[0]!, data[2 * runs - 1]!, values.length),
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

// Within segments, over one border, over many, at borders, and up to the last value of all.
const RUNS = [
  [0, 0],
  [5, 0xff],
  [0x101, 0x1_0000],
  [0x1_fffe, 0x1_ffff],
  [0x2_0001, 0x2_0001],
  [0x3_0000, 0x3_ffff],
  [0xff_fff0, 0x305_0010],
  [0x305_0012, 0x305_0013],
  [0x7fff_ffff, 0x8000_0000],
  [0xfdff_ffff, 0xffff_ffff],
].flat()

function sourceOfRuns(data: readonly number[]): RunSource {
  const runs = data.length / 2
  const count = data.reduce((sum, value, i) => sum + (i % 2 === 0 ? 1 - value : value), 0)
  return new RunSource(Uint32Array.from(data), 0, runs, data[0]!, data[2 * runs - 1]!, count)
}

test.each([4, 3, 2])('runs are divided where a segment of width %i ends', (width) => {
  const size = 2 ** (8 * (width - 1))
  // Divided once more, so that children that begin and end within a run are divided as well.
  for (const source of [sourceOfRuns(RUNS), ...sourceOfRuns(RUNS).split(4), ...sourceOfRuns(RUNS).split(3)]) {
    if ((source.last - source.first) / size > 1000) continue
    const expected: number[][] = []
    for (let low = source.first - (source.first % size); low <= source.last; low += size) {
      const first = Math.max(low, source.first)
      const part = sliceRuns(Uint32Array.from(RUNS), RUNS.length / 2, first, Math.min(low + size - 1, source.last))
      if (part !== undefined) expected.push([part.count, ...part.data.subarray(0, 2 * part.runs)])
    }
    const children = source.split(width)
    expect(source.segments(width)).toBe(expected.length)
    expect(children.map((child) => [child.count, ...runsIn(child)])).toEqual(expected)
    expect(children.map(({ first, last }) => [first, last])).toEqual(expected.map((part) => [part[1], part.at(-1)]))
  }
})

function runsIn(source: RunSource): Uint32Array {
  const sink = new RunSink(16)
  source.collectRuns(sink)
  return sink.data.subarray(0, 2 * sink.runs)
}

test('the runs of a block are written with the ends at which the block cuts them off', () => {
  const output = new Output(64)
  const source = new RunSource(
    Uint32Array.of(0x5_fff0, 0x6_0001, 0x6_8000, 0x6_9000, 0x6_ff00, 0x7_0003),
    0,
    3,
    0x6_0000,
    0x6_ffff,
    0,
  )
  output.reserve(12)
  source.putRuns(output, 2)
  expect([...output.bytes.subarray(0, output.length)]).toEqual([0, 0, 0, 1, 0x80, 0, 0x90, 0, 0xff, 0, 0xff, 0xff])
})
