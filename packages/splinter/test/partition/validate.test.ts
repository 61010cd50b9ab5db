import { expect, test } from 'vitest'
import { SplinterError, SplinterView } from '../../src/index.ts'
import { sealed } from '../naive-reader.ts'

/** A root partition from groups of bytes. */
const bytes = (...groups: (number | readonly number[])[]): number[] => groups.flat()
const u32 = (...values: number[]): number[] => values.flatMap((v) => [v >>> 24, (v >>> 16) & 255, (v >>> 8) & 255, v & 255])
/** What a tree of width 4 has behind its children: offsets, cardinalities, segments. */
const index4 = (offsets: number[], cardinalities: number[], segments: number[]): number[] =>
  bytes(u32(...offsets), u32(...cardinalities), segments, offsets.length - 1, 5)
/** A child of width 3 with one value; 7 bytes. */
const child = (value: number): number[] => bytes([0, 0, value], [0, 0, 0], 3)
const emptyBitmap3 = new Array<number>(2 ** 21).fill(0)

const sound: [string, number[], number][] = [
  ['a vec', bytes(u32(1, 2, 1), 3), 2],
  ['runs with one absent value between them', bytes(u32(0, 1, 3, 3, 1), 4), 3],
  ['a run of all values', bytes(u32(0, 0xffffffff, 0), 4), 2 ** 32],
  ['a tree', bytes(child(1), child(2), index4([7, 0], [0, 1], [0, 9])), 2],
  ['a tree with a complete child', bytes(child(1), 1, index4([1, 0], [0, 2 ** 24], [0, 9])), 2 ** 24 + 1],
]

test.each(sound)('sound: %s', (_what, partition, size) => {
  expect(new SplinterView(sealed(Uint8Array.from(partition))).size).toBe(size)
})

const unsound: [string, number[], string, number][] = [
  ['an unknown kind', [6], 'PARTITION_KIND', 0],
  ['something before an empty root', [0, 0], 'PARTITION_LENGTH', 0],
  ['something before a full root', [9, 1], 'PARTITION_LENGTH', 0],
  ['a vec without its count', [0, 0, 0, 3], 'PARTITION_LENGTH', 0],
  ['a vec with a byte too many', bytes(7, u32(1, 2, 1), 3), 'PARTITION_LENGTH', 0],
  ['a vec with a value too few', bytes(u32(1, 1), 3), 'PARTITION_LENGTH', 0],
  ['equal values in a vec', bytes(u32(1, 2, 2, 2), 3), 'VALUES_ORDER', 8],
  ['descending values in a vec', bytes(u32(5, 2, 1), 3), 'VALUES_ORDER', 4],
  ['runs that touch', bytes(u32(0, 1, 2, 3, 1), 4), 'RUNS_ORDER', 8],
  ['runs that overlap', bytes(u32(0, 5, 2, 9, 1), 4), 'RUNS_ORDER', 8],
  ['a run that ends before it starts', bytes(u32(5, 4, 0), 4), 'RUNS_ORDER', 4],
  ['an unknown kind in a tree', bytes([9, 7], index4([0], [0], [0])), 'PARTITION_KIND', 1],
  ['an empty child', bytes(0, index4([0], [0], [0])), 'PARTITION_KIND', 0],
  ['an all-zero bitmap as a child', bytes(emptyBitmap3, 2, index4([0], [0], [0])), 'CHILD_EMPTY', 0],
  [
    'a tree at width 1',
    bytes([0, 0, 0, 0, 5], [0, 0, 0, 0, 0, 0, 5], [0, 0, 0, 0, 0, 0, 0, 0, 5], index4([0], [0], [0])),
    'PARTITION_KIND',
    4,
  ],
  ['equal segments', bytes(child(1), child(2), index4([7, 0], [0, 1], [9, 9])), 'SEGMENTS_ORDER', 31],
  ['a child that ends where it begins', bytes(child(1), child(2), index4([14, 0], [0, 1], [0, 9])), 'CHILD_OFFSET', 14],
  ['children in descending order', bytes(child(1), child(2), index4([0, 7], [0, 1], [0, 9])), 'PARTITION_LENGTH', 0],
  ['bytes behind the last child', bytes(child(1), child(2), index4([14 - 7, 1], [0, 1], [0, 9])), 'PARTITION_KIND', 12],
  ['a full child and a byte behind it', bytes(1, 1, index4([1], [2 ** 24 - 1], [0])), 'CHILD_OFFSET', 1],
  ['an offset before the beginning', bytes(child(1), index4([99], [0], [0])), 'CHILD_OFFSET', 7],
  ['a cardinality too low', bytes(child(1), child(2), index4([7, 0], [0, 0], [0, 9])), 'CHILD_CARDINALITY', 26],
  ['a cardinality too high', bytes(child(1), child(2), index4([7, 0], [1, 1], [0, 9])), 'CHILD_CARDINALITY', 22],
  ['a tree without its index', bytes(child(1), [0, 5]), 'PARTITION_LENGTH', 0],
]

test.each(unsound)('I11: %s', (_what, partition, code, offset) => {
  const open = () => new SplinterView(sealed(Uint8Array.from(partition)))
  expect(open).toThrow(SplinterError)
  expect(open).toThrow(expect.objectContaining({ kind: 'corrupt', code, offset }))
})

test.each([
  ['too few', 33, 'SEGMENTS_ORDER'],
  ['too many', 35, 'SEGMENTS_ORDER'],
])('I11: a segment bitmap with %s bits', (_what, bits, code) => {
  const children = Array.from({ length: 34 }, (_, i) => i)
  const segments = new Uint8Array(32)
  for (let i = 0; i < bits; i++) segments[i >> 3]! |= 1 << (i & 7)
  const offsets = children.map((i) => 7 * (33 - i))
  const tree = bytes(children.flatMap(child), index4(offsets, children, [...segments]))
  expect(() => new SplinterView(sealed(Uint8Array.from(tree)))).toThrow(expect.objectContaining({ code }))
})
