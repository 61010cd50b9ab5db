import { describe, expect, test } from 'vitest'
import { Splinter, SplinterView } from '../src/index.ts'

/** Sets of every kind of container, near each other and far apart. */
const SETS: Readonly<Record<string, () => Splinter>> = {
  nothing: () => new Splinter(),
  'a few values far apart': () => Splinter.from([1, 2 ** 31, 2 ** 32 - 1]),
  'a run': () => Splinter.fromRange(2 ** 31, 2 ** 31 + 100_000),
  'a bitmap': () => Splinter.from(Uint32Array.from({ length: 20_000 }, (_, i) => 3 * i)),
  'scattered values': () => Splinter.from(Uint32Array.from({ length: 9000 }, (_, i) => Math.imul(i, 2_654_435_761))),
  'a few pages': () => Splinter.from([5, 6, 7, 900, 901]),
}
const NAMES = Object.keys(SETS)

/** Changes a set in every part that it has. */
function disturb(set: Splinter): void {
  for (const value of [...set].filter((_, i) => i % 1000 === 0)) set.delete(value)
  set.addRange(40, 60).add(2 ** 31 + 5)
}

describe.each(NAMES)('%s', (name) => {
  test.each([
    ['alone', (set: Splinter) => [set]],
    ['beside nothing', (set: Splinter) => [new Splinter(), set, new Splinter()]],
    ['twice', (set: Splinter) => [set, set]],
    ['with all others', (set: Splinter) => [set, ...NAMES.map((other) => SETS[other]!())]],
  ])('%s: the union shares nothing with what it was made from', (_how, sets) => {
    const set = SETS[name]!()
    const before = set.toUint32Array()
    const all = sets(set)
    const union = Splinter.unionAll(all)
    const expected = all.reduce((sum, one) => sum.addAll(one), new Splinter())
    expect(union.equals(expected)).toBe(true)
    disturb(union)
    expect(set.equals(before)).toBe(true)
    expect(Splinter.unionAll([new SplinterView(set.toBytes())]).equals(before)).toBe(true)
  })
})

test('sets in the upper half, whose numbers have the sign bit, and up to the very last value', () => {
  for (const first of [2 ** 31 - 3000, 2 ** 31, 2 ** 32 - 70_000, 2 ** 32 - 3000]) {
    const sets = Array.from({ length: 12 }, (_, k) =>
      Splinter.from(Uint32Array.from({ length: 200 }, (_, i) => Math.min(2 ** 32 - 1, first + 17 * i + k)).slice(0, 170)),
    )
    const expected = new Set(sets.flatMap((set) => [...set]))
    for (const many of [sets, sets.map((set) => new SplinterView(set.toBytes()))]) {
      const union = Splinter.unionAll([...many, ...many])
      expect(union.toUint32Array()).toEqual(Uint32Array.from(expected).sort())
      expect(union.equals(expected)).toBe(true)
    }
  }
})
