import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { leap } from '../src/index.ts'
import { replay } from './replay.ts'

const parameters = {
  numRuns: Number(process.env['FAST_CHECK_RUNS'] ?? 200),
  ...(process.env['FAST_CHECK_SEED'] !== undefined && { seed: Number(process.env['FAST_CHECK_SEED']) }),
}

const LAST_PAGE = 10_000

/** Reads that have runs, strides, repeats and jumps in them, all within the volume. */
const readsArbitrary = fc
  .array(
    fc.record({
      jump: fc.option(fc.integer({ min: 1, max: LAST_PAGE })),
      stride: fc.integer({ min: -9, max: 9 }),
      length: fc.integer({ min: 1, max: 40 }),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((runs) => {
    const reads: number[] = []
    let page = 1
    for (const { jump, stride, length } of runs) {
      page = jump ?? page
      for (let i = 0; i < length; i++) {
        reads.push(page)
        page = Math.min(Math.max(page + stride, 1), LAST_PAGE)
      }
    }
    return reads
  })

const optionsArbitrary = fc.record({
  history: fc.integer({ min: 1, max: 40 }),
  split: fc.integer({ min: 1, max: 8 }),
  windowPagesMax: fc.integer({ min: 1, max: 20 }),
  firstTrend: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant('none' as const)),
})

describe('laws of every series of reads', () => {
  test('an answer is within the volume, short enough, without the missing page, local pages or repeats', () => {
    fc.assert(
      fc.property(readsArbitrary, optionsArbitrary, (reads, options) => {
        const cache = new Set<number>()
        const prefetcher = leap(options)({ lastPage: LAST_PAGE, isLocal: (page) => cache.has(page) })
        for (const page of reads) {
          if (cache.has(page)) {
            prefetcher.onHit(page)
            continue
          }
          const answer = prefetcher.onMiss(page)
          expect(answer.length).toBeLessThanOrEqual(options.windowPagesMax)
          expect(new Set(answer).size).toBe(answer.length)
          expect(answer).not.toContain(page)
          for (const candidate of answer) {
            expect(candidate).toBeGreaterThanOrEqual(1)
            expect(candidate).toBeLessThanOrEqual(LAST_PAGE)
            expect(cache.has(candidate)).toBe(false)
            cache.add(candidate)
          }
          cache.add(page)
        }
      }),
      parameters,
    )
  })

  test('the same reads further up are answered with the same pages further up', () => {
    fc.assert(
      fc.property(readsArbitrary, optionsArbitrary, fc.integer({ min: 1, max: 2 ** 31 }), (reads, options, shift) => {
        // Both far from the ends, which do not move along.
        const base = 2 ** 20
        const at = (offset: number) =>
          replay(
            leap(options),
            reads.map((page) => page + offset),
          ).answers
        expect(at(base + shift)).toEqual(at(base).map((answer) => answer.map((page) => page + shift)))
      }),
      parameters,
    )
  })

  test('mirrored reads are answered with the mirrored pages', () => {
    fc.assert(
      fc.property(readsArbitrary, optionsArbitrary, (reads, options) => {
        const mirror = (page: number) => LAST_PAGE + 1 - page
        const { firstTrend } = options
        const mirrored = { ...options, firstTrend: firstTrend === 'none' ? firstTrend : -firstTrend }
        expect(replay(leap(mirrored), reads.map(mirror), LAST_PAGE).answers).toEqual(
          replay(leap(options), reads, LAST_PAGE).answers.map((answer) => answer.map(mirror)),
        )
      }),
      parameters,
    )
  })
})
