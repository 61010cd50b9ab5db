import { Splinter } from '@graft-ts/splinter'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pageRanges, rangesText } from '../../src/cli/page-ranges.ts'

const seed = process.env['FAST_CHECK_SEED']
const parameters = {
  ...(seed !== undefined && { seed: Number(seed) }),
  numRuns: Number(process.env['FAST_CHECK_RUNS'] ?? 200),
}

test('the ranges hold exactly the pages of the set, and none touches the next', () => {
  const range = fc.record({ first: fc.integer({ min: 1, max: 400 }), count: fc.integer({ min: 1, max: 60 }) })
  fc.assert(
    fc.property(fc.array(range, { maxLength: 12 }), (parts) => {
      const pages = new Splinter()
      for (const { first, count } of parts) pages.addRange(first, first + count - 1)
      const { count, ranges, isCut } = pageRanges(pages, 100)
      expect([count, isCut]).toEqual([pages.size, false])
      const listed = ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
      expect(listed).toEqual([...pages])
      for (let i = 1; i < ranges.length; i++) expect(ranges[i]?.[0]).toBeGreaterThan((ranges[i - 1]?.[1] as number) + 1)
    }),
    parameters,
  )
})

test('only so many are listed, and it says so', () => {
  const pages = Splinter.from([1, 2, 3, 7, 9, 10])
  expect(pageRanges(pages, 2)).toEqual({
    count: 6,
    ranges: [
      [1, 3],
      [7, 7],
    ],
    isCut: true,
  })
  expect(rangesText(pageRanges(pages, 2))).toBe('1-3 7 …')
  expect(rangesText(pageRanges(pages, 3))).toBe('1-3 7 9-10')
  expect(pageRanges(new Splinter(), 2)).toEqual({ count: 0, ranges: [], isCut: false })
})

test('a range of four thousand million pages costs no more than a short one', () => {
  const pages = Splinter.fromRange(1, 2 ** 32 - 1)
  expect(pageRanges(pages, 5).ranges).toEqual([[1, 2 ** 32 - 1]])
})
