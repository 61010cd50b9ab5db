import { describe, expect, test } from 'vitest'
import { Splinter, type SplinterReader, SplinterView } from '../src/index.ts'

const RANGE = 2 ** 24

/** About one of eight values below 2^24, without order: 2 MiB as a bitmap of width 3, which is the smallest form. */
function scatteredBits(): Uint32Array {
  const values = new Uint32Array(RANGE / 8 + RANGE / 32)
  let count = 0
  for (let value = 0; value < RANGE && count < values.length; value++) {
    if ((Math.imul(value ^ (value >>> 7), 2_654_435_761) >>> 0) % 7 === 0) values[count++] = value
  }
  return values.slice(0, count)
}

describe('bitmaps of 2 MiB', () => {
  const values = scatteredBits()
  const set = Splinter.from(values)
  const bytes = set.toBytes()
  const view = new SplinterView(bytes)
  const decoded = Splinter.fromBytes(bytes)
  const last = values[values.length - 1]!

  test('are what a scattered dense set becomes', () => {
    expect(bytes.length).toBe(2 ** 21 + 1 + 11 + 12)
    expect(bytes[2 ** 21]).toBe(2)
  })

  test.each<[string, SplinterReader]>([
    ['built', set],
    ['view', view],
    ['decoded', decoded],
  ])('%s: every question', (_how, reader) => {
    expect(reader.size).toBe(values.length)
    expect(reader.first()).toBe(values[0])
    expect(reader.last()).toBe(last)
    const members = reader.toUint32Array()
    expect(members.length).toBe(values.length)
    expect(members.every((value, i) => value === values[i])).toBe(true)
    for (let i = 0; i < values.length; i += 49_999) {
      const value = values[i]!
      expect(reader.select(i)).toBe(value)
      expect(reader.rank(value)).toBe(i + 1)
      expect(reader.indexOf(value)).toBe(i)
      expect(reader.has(value + 1)).toBe(values[i + 1] === value + 1)
      expect(reader.range(value, value + 1000).next().value).toBe(value)
    }
    expect(reader.rank(2 ** 32 - 1)).toBe(values.length)
    expect(reader.has(2 ** 31)).toBe(false)
  })

  test('operations', () => {
    const upper = Splinter.fromRange(RANGE / 2, 2 ** 32 - 1)
    const half = set.intersection(upper)
    expect(half.size).toBe(values.length - set.rank(RANGE / 2 - 1))
    expect(half.union(view.difference(upper)).equals(view)).toBe(true)
    expect(set.symmetricDifference(view).size).toBe(0)
    expect(half.isSubsetOf(view)).toBe(true)
    expect(view.isSubsetOf(half)).toBe(false)
    expect(decoded.isDisjointFrom(Splinter.fromRange(0, RANGE).deleteAll(set))).toBe(true)
  })

  test('the fast choice, and encoding without the lowest values', () => {
    expect(new SplinterView(set.toBytes({ optimize: false })).equals(set)).toBe(true)
    const rest = decoded.clone().deleteRange(0, 70_000)
    expect(new SplinterView(rest.toBytes()).equals(rest)).toBe(true)
  })
})

describe('unionAll of clustered sets', () => {
  test('over the border between two ranges of 16 Mi', () => {
    const sets = Array.from({ length: 40 }, (_, k) => {
      const first = RANGE - 200_000 + 9000 * k
      return Splinter.from(Uint32Array.from({ length: 400 }, (_, i) => first + 21 * i))
    })
    const expected = sets.reduce((union, set) => union.addAll(set), new Splinter())
    for (const many of [sets, sets.map((set) => new SplinterView(set.toBytes()))]) {
      const union = Splinter.unionAll(many)
      expect(union.size).toBe(16_000)
      expect(union.equals(expected)).toBe(true)
    }
  })

  test('of more members than are taken at a time', () => {
    const lower = Splinter.from(Uint32Array.from({ length: 3000 }, (_, i) => i))
    const evens = Splinter.from(Uint32Array.from({ length: 9000 }, (_, i) => 2 * i))
    const expected = Splinter.from(evens).addRange(0, 2999)
    expect(Splinter.unionAll([lower, evens]).equals(expected)).toBe(true)
    expect(Splinter.unionAll([lower, lower]).equals(Splinter.fromRange(0, 2999))).toBe(true)
  })
})
