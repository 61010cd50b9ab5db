import { expect, test } from 'vitest'
import { runsFromSorted } from '../../src/container/build.ts'
import { combine } from '../../src/container/combine.ts'
import { type Container, ListContainer, RUNS } from '../../src/container/container.ts'
import { DIFFERENCE, INTERSECTION, type Operation, SYMMETRIC_DIFFERENCE, UNION } from '../../src/container/operation.ts'
import { copyValues } from '../../src/container/query.ts'
import { ascending } from '../sets.ts'

const OPERATIONS: [string, Operation][] = [
  ['union', UNION],
  ['intersection', INTERSECTION],
  ['difference', DIFFERENCE],
  ['symmetric difference', SYMMETRIC_DIFFERENCE],
]

const listOf = (values: Uint32Array): Container | undefined =>
  values.length === 0 ? undefined : new ListContainer(values, values.length)
const runsOf = (values: Uint32Array): Container | undefined =>
  values.length === 0 ? undefined : runsFromSorted(values, values.length)

function membersOf(container: Container | undefined): number[] {
  if (container === undefined) return []
  const values = new Uint32Array(container.count)
  copyValues(container, values, 0)
  return [...values]
}

function expected(a: Uint32Array, b: Uint32Array, { left, right, both }: Operation): number[] {
  const inA = new Set(a)
  const inB = new Set(b)
  return [...ascending(new Set([...a, ...b]))].filter((v) => (inA.has(v) ? (inB.has(v) ? both : left) : right))
}

// One list against another that lies below it, among it, above it, or shares its lower or upper half: the halves in which
// lists are merged then end at different times. Once near each other and once far apart.
const lengths = [1, 2, 31, 32, 33, 64, 200]
const series = (length: number, start: number, step: number, apart = 1): Uint32Array =>
  Uint32Array.from({ length }, (_, i) => 2 ** 31 + apart * (start + i * step))

test.each(OPERATIONS)('%s of lists of all lengths and places', (_name, operation) => {
  for (const apart of [1, 2 ** 14]) {
    for (const [n, m] of lengths.flatMap((first) => lengths.map((second) => [first, second] as const))) {
      const a = series(n, 0, 3, apart)
      const places = [
        [-4 * m, 3],
        [-m, 2],
        [0, 3],
        [2 * n, 1],
        [3 * n, 3],
      ] as const
      for (const [start, step] of places) {
        const b = series(m, start, step, apart)
        const result = combine({ container: listOf(a), isOwned: false }, { container: listOf(b), isOwned: false }, operation, 4)
        expect(membersOf(result)).toEqual(expected(a, b, operation))
      }
    }
  }
})

const intersect = (a: Uint32Array, b: Uint32Array): number[] =>
  membersOf(combine({ container: listOf(a), isOwned: false }, { container: listOf(b), isOwned: false }, INTERSECTION, 4))

// Lists that reach less far are compared by the lowest 18 bits of their values.
test.each([-2, -1, 0, 1, 2])('nothing in common, although the lists reach over 2^18 values and %i', (more) => {
  const a = series(40, 0, 2)
  const b = series(40, 1, 2)
  b[39] = a[0]! + 2 ** 18 + more
  expect(intersect(a, b)).toEqual([])
  expect(intersect(b, a)).toEqual([])
  a[39] = b[39]!
  expect(intersect(a, b)).toEqual([b[39]])
})

test('intersections leave nothing behind for later ones, however many there are', () => {
  const all = series(600, 0, 1)
  for (let i = 0; i < 580; i++)
    expect(intersect(all.subarray(i, i + 20), all.subarray(0, i + 5))).toEqual([...all.subarray(i, i + 5)])
  // Marked for one intersection alone, and looked up in many after it.
  const others = series(20, 3000, 1)
  intersect(all, all)
  for (let i = 0; i < 300; i++) expect(intersect(all.subarray(0, 30), others)).toEqual([])
})

// Eight places of 16 values each as bits of a number, at the ends of the range: every way in which a few runs can touch, meet
// and overlap.
test.each(OPERATIONS)('%s of runs in every position', (_name, operation) => {
  const sets = Array.from({ length: 256 }, (_, bits) => [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (bits >>> bit) & 1))
  for (const base of [0, 2 ** 32 - 128]) {
    const all = sets.map((places) =>
      Uint32Array.from({ length: 16 * places.length }, (_, i) => base + 16 * places[i >>> 4]! + (i & 15)),
    )
    for (const a of all) {
      for (const b of all.slice(1).filter((_, i) => (i * 7 + a.length) % 29 === 0)) {
        const result = combine({ container: runsOf(a), isOwned: false }, { container: runsOf(b), isOwned: false }, operation, 4)
        expect(membersOf(result)).toEqual(expected(a, b, operation))
        // Runs that touch are one.
        if (result?.kind === RUNS)
          expect(result.runs).toBe(runsFromSorted(Uint32Array.from(membersOf(result)), result.count).runs)
      }
    }
  }
})
