import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runsFromSorted } from '../../src/container/build.ts'
import { ListContainer } from '../../src/container/container.ts'
import { encodeSet } from '../../src/encode/encode.ts'
import { SplinterView } from '../../src/index.ts'
import { ascending, propertyOptions } from '../sets.ts'

// From borders that a run can go over: of 256 values, of a block, of 16 Mi values, and the sign bit of 32-bit numbers.
const BASES = [0, 256 * 5 - 3, 65_536 * 7 - 3, 2 ** 24 * 9 - 3, 2 ** 31 - 3, 2 ** 32 - 70_000]
const cluster = fc.record({
  base: fc.constantFrom(...BASES),
  skip: fc.oneof(fc.constant(0), fc.nat(3 * 65_536), fc.nat(2 ** 32 - 1)),
  length: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 600 })),
  step: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 300 })),
})
// Few clusters in few blocks, and many all over.
const lists = fc
  .oneof(fc.array(cluster, { minLength: 1, maxLength: 4 }), fc.array(cluster, { minLength: 1, maxLength: 200, size: 'max' }))
  .map((clusters) => {
    const members = new Set<number>()
    for (const { base, skip, length, step } of clusters) {
      for (let i = 0; i < length; i++) members.add((base + skip + i * step) % 2 ** 32)
    }
    return ascending(members)
  })

test('a list has the same bytes as its runs, optimized or not', () => {
  fc.assert(
    fc.property(lists, fc.boolean(), (values, optimize) => {
      const bytes = encodeSet(new ListContainer(values, values.length), optimize)
      expect(encodeSet(runsFromSorted(values, values.length), optimize)).toEqual(bytes)
      expect(new SplinterView(bytes).toUint32Array()).toEqual(values)
    }),
    propertyOptions(300),
  )
})
