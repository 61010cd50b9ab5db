import { describe, expect, test } from 'vitest'
import { type SetLike, Splinter, type SplinterReader, SplinterView } from '../src/index.ts'

/*
 * ECMAScript asks a set-like for `size`, `has` and `keys` and for nothing else. The operations here take the same things, and
 * those of an ECMAScript Set take ours.
 */
const OPERATIONS = ['union', 'intersection', 'difference', 'symmetricDifference'] as const
const RELATIONS = ['isSubsetOf', 'isSupersetOf', 'isDisjointFrom'] as const

const members = [3, 70_000, 2 ** 32 - 1]
const readers: [string, SplinterReader][] = [
  ['Splinter', Splinter.from(members)],
  ['SplinterView', new SplinterView(Splinter.from(members).toBytes())],
]

class Evens {
  readonly size = 3
  readonly has = (value: number): boolean => [2, 70_000, 4].includes(value)
  /** Not ascending, and no more than an iterator: it cannot be iterated itself. */
  keys(): Iterator<number> {
    const values = [70_000, 2, 4]
    return { next: () => (values.length > 0 ? { done: false, value: values.shift()! } : { done: true, value: undefined }) }
  }
}

const others: [string, SetLike & ReadonlySetLike<number>][] = [
  ['a Set', new Set([70_000, 2, 4])],
  [
    'a Map, whose iterator gives pairs',
    new Map([
      [70_000, 'a'],
      [2, 'b'],
      [4, 'c'],
    ]),
  ],
  ['anything with size, has and keys', new Evens()],
]

describe.each(readers)('%s', (_name, reader) => {
  test.each(others)('takes %s like a Set does', (_what, other) => {
    const model = new Set(members)
    for (const operation of OPERATIONS) {
      expect(new Set(reader[operation](other)), operation).toEqual(model[operation](other))
    }
    for (const relation of RELATIONS) expect(reader[relation](other), relation).toBe(model[relation](other))
    expect(reader.equals(other)).toBe(false)
    expect(Splinter.from(other).equals([2, 4, 70_000])).toBe(true)
    expect([...Splinter.unionAll([reader, other])]).toEqual([2, 3, 4, 70_000, 2 ** 32 - 1])
    const set = reader.union([])
    expect([...set.cut(other)]).toEqual([70_000])
    expect([...set.addAll(other).deleteAll(other)]).toEqual([3, 2 ** 32 - 1])
    expect(set.retainAll(other).size).toBe(0)
  })

  test('is what a Set takes', () => {
    const other = new Set([70_000, 2, 4])
    const model = new Set(members)
    for (const operation of OPERATIONS) expect(other[operation](reader), operation).toEqual(other[operation](model))
    for (const relation of RELATIONS) {
      expect(other[relation](reader), relation).toBe(other[relation](model))
      expect(new Set(members)[relation](reader), `${relation}, equal sets`).toBe(model[relation](new Set(members)))
    }
    expect(new Set([3]).isSubsetOf(reader)).toBe(true)
  })

  test('makes a Set and a Map without further ado', () => {
    expect(new Set(reader)).toEqual(new Set(members))
    expect(new Map(reader.entries()).size).toBe(members.length)
    expect(Array.from(reader)).toEqual(members)
    expect(Uint32Array.from(reader)).toEqual(Uint32Array.from(members))
  })
})
