import { describe, expect, test } from 'vitest'
import { Splinter, SplinterView } from '../../src/index.ts'

/** The same members, and bytes that are as canonical as those of a set made afresh. */
function expectSound(set: Splinter, model: ReadonlySet<number>, what: string): void {
  const values = Uint32Array.from(model).sort()
  expect(set.size, what).toBe(values.length)
  const bytes = set.toBytes()
  expect(Buffer.compare(bytes, Splinter.from(values).toBytes()), what).toBe(0)
  expect([...new SplinterView(bytes)], what).toEqual([...values])
}

const STARTS: [string, (set: Splinter) => Splinter][] = [
  ['one run', (set) => set.addRange(10, 500)],
  ['two runs with one value between them', (set) => set.addRange(10, 300).addRange(302, 600)],
  ['runs and single values', (set) => set.addRange(10, 300).addRange(305, 305).addRange(310, 900)],
  ['a run up to the end', (set) => set.addRange(2 ** 32 - 400, 2 ** 32 - 1)],
  ['a run from the beginning', (set) => set.addRange(0, 400)],
  ['a list', (set) => set.addAll([3, 4, 5, 9, 70_000, 2 ** 32 - 1])],
]

describe.each(STARTS)('%s', (_what, start) => {
  const model: ReadonlySet<number> = new Set(start(new Splinter()))
  const around = new Set(
    [...model].flatMap((value) => [value - 1, value, value + 1]).filter((value) => value >= 0 && value < 2 ** 32),
  )

  test('adding any value in or around it', () => {
    for (const value of around) {
      const set = start(new Splinter()).add(value)
      expectSound(set, new Set(model).add(value), `add ${value}`)
    }
  })

  test('deleting any value in or around it', () => {
    for (const value of around) {
      const set = start(new Splinter())
      const expected = new Set(model)
      expect(set.delete(value)).toBe(expected.delete(value))
      expectSound(set, expected, `delete ${value}`)
    }
  })
})

test('many holes in a run, and more than a run container takes', () => {
  const set = Splinter.fromRange(0, 30_000)
  const model = new Set(set)
  for (let value = 3; value < 30_000; value += 5) {
    set.delete(value)
    model.delete(value)
    if (value % 1000 === 3) expect(set.size).toBe(model.size)
  }
  expectSound(set, model, 'holes')
  for (let value = 29_998; value > 0; value -= 5) {
    set.add(value)
    model.add(value)
  }
  expectSound(set, model, 'filled')
  expect(set.equals(Splinter.fromRange(0, 30_000))).toBe(true)
})

test('positions in a bitmap after its members changed', () => {
  const model = new Set(Array.from({ length: 9000 }, (_, i) => 7 * i))
  const set = Splinter.from(model)
  for (let value = 0; value < 63_000; value += 1009) {
    if (set.delete(value)) model.delete(value)
    else {
      model.add(value)
      set.add(value)
    }
    const below = [...model].filter((member) => member <= 62_000).length
    expect(set.rank(62_000), `after ${value}`).toBe(below)
    expect(set.rank(set.select(below - 1)!), `after ${value}`).toBe(below)
  }
})

test('single values far from a run', () => {
  const set = Splinter.fromRange(100_000, 200_000)
  const model = new Set(set)
  for (let i = 0; i < 5000; i++) {
    const value = Math.imul(i, 2_654_435_761) >>> 0
    set.add(value)
    model.add(value)
  }
  expectSound(set, model, 'scattered')
})
