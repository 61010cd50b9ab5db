import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Splinter } from '../src/index.ts'

function bitsOf(values: Iterable<number>, words: number): Uint32Array {
  const bits = new Uint32Array(words)
  for (const value of values) bits[value >>> 5] = (bits[value >>> 5] as number) | (1 << (value & 31))
  return bits
}

describe('a set from a row of bits', () => {
  test('has the members whose bits are set, however long the row is', () => {
    const rows = fc.integer({ min: 1, max: 9000 }).chain((words) =>
      fc.record({
        words: fc.constant(words),
        values: fc.uniqueArray(fc.integer({ min: 0, max: 32 * words - 1 }), { maxLength: 300, size: 'max' }),
        run: fc.tuple(fc.nat(32 * words - 1), fc.nat(5000)),
      }),
    )
    fc.assert(
      fc.property(rows, ({ words, values, run: [start, length] }) => {
        const members = new Set(values)
        for (let value = start; value < Math.min(start + length, 32 * words); value++) members.add(value)
        const bits = bitsOf(members, words)
        const set = Splinter.fromBits(bits)
        const expected = [...members].sort((a, b) => a - b)
        expect([...set]).toEqual(expected)
        expect(set.toBytes()).toEqual(Splinter.from(expected).toBytes())
        set.add(0).delete(32 * words - 1)
        expect(bits).toEqual(bitsOf(members, words))
      }),
    )
  })

  test('of no bits is empty', () => {
    expect(Splinter.fromBits(new Uint32Array(0)).size).toBe(0)
    expect(Splinter.fromBits(new Uint32Array(5000)).size).toBe(0)
  })

  test('cannot reach beyond what can be a member', () => {
    const tooLong = Object.defineProperty(new Uint32Array(1), 'length', { value: 2 ** 27 + 1 })
    expect(() => Splinter.fromBits(tooLong)).toThrow(expect.objectContaining({ code: 'VALUE_RANGE' }))
  })
})
