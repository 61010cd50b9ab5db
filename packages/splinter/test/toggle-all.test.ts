import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Splinter } from '../src/index.ts'
import { ascending, mutableSamples, propertyOptions, samples } from './sets.ts'

test('toggleAll is symmetricDifference in place, undoes itself, and shares nothing with its argument', () => {
  fc.assert(
    fc.property(mutableSamples, samples, (a, b) => {
      const expected = (a.model as Set<number>).symmetricDifference(b.model)
      const set = a.set.clone()
      expect(set.toggleAll(b.set)).toBe(set)
      expect(Buffer.compare(set.toBytes(), Splinter.from(ascending(expected)).toBytes()), `${a.how} and ${b.how}`).toBe(0)
      expect(set.toggleAll(b.model).equals(a.model)).toBe(true)
      set.addRange(0, 70_000).deleteRange(30, 2 ** 31)
      expect(b.set.equals(b.model)).toBe(true)
      expect(set.toggleAll(set).size).toBe(0)
    }),
    propertyOptions(60),
  )
})

test('what cannot be a member would become one, and is an error', () => {
  expect(() => Splinter.from([1]).toggleAll([-1])).toThrow(expect.objectContaining({ code: 'VALUE_RANGE' }))
})
