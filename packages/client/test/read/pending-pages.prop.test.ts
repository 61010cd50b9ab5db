import { Splinter } from '@graft-ts/splinter'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type LocalPage, PendingPages } from '../../src/read/pending-pages.ts'
import type { LocalCommit } from '../../src/state/local-commit.ts'
import { propertyParameters } from '../parameters.ts'

const PAGES = 8

type Step =
  | { readonly type: 'commit'; readonly own: readonly number[]; readonly floor: number | undefined }
  /** As an acknowledgement drops the oldest. */
  | { readonly type: 'acknowledge'; readonly count: number }
  /** As a replay replaces the newest. */
  | { readonly type: 'replace'; readonly from: number; readonly own: readonly number[] }
  | { readonly type: 'reset' }

const own = fc.uniqueArray(fc.integer({ min: 1, max: PAGES }), { maxLength: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant('commit' as const),
      own,
      floor: fc.option(fc.integer({ min: 0, max: PAGES }), { nil: undefined, freq: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('acknowledge' as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('replace' as const), from: fc.nat({ max: 20 }), own }) },
  { weight: 1, arbitrary: fc.constant({ type: 'reset' as const }) },
)

/** The plain way: newest commit first. */
function found(commits: readonly LocalCommit[], pageIndex: number): LocalPage {
  for (const { own, floor, sequence } of [...commits].reverse()) {
    if (own.has(pageIndex)) return sequence
    if (floor !== undefined && pageIndex > floor) return 'cut-off'
  }
  return 'untouched'
}

test('I4, I5: pages are found as each view left them, however many commits came, went or were replaced since', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      let sequence = 1
      let pending: LocalCommit[] = []
      let newest: PendingPages | undefined
      const views: { readonly pending: readonly LocalCommit[]; readonly pages: PendingPages }[] = []
      const commit = (pages: readonly number[], floor: number | undefined): LocalCommit => ({
        sequence: sequence++,
        own: Splinter.from([...pages].sort((a, b) => a - b)),
        reads: new Splinter(),
        floor,
        pageCount: PAGES,
        usesPageCount: false,
        isolation: 'serializable',
      })
      for (const each of steps) {
        if (each.type === 'commit') pending = [...pending, commit(each.own, each.floor)]
        else if (each.type === 'acknowledge') pending = pending.slice(each.count)
        else if (each.type === 'reset') pending = []
        else pending = [...pending.slice(0, each.from), ...pending.slice(each.from).map(() => commit(each.own, undefined))]
        newest = PendingPages.after(newest, pending)
        views.push({ pending, pages: newest })
      }
      for (const view of views) {
        for (let page = 1; page <= PAGES; page++) {
          expect({ page, found: view.pages.find(page) }).toEqual({ page, found: found(view.pending, page) })
        }
      }
    }),
    propertyParameters,
  )
})

test('looking a page up costs about the same after 10,000 commits as after one', () => {
  // Counted in commits that are looked at: their sequences are read from nowhere else.
  let looks = 0
  const commits = Array.from({ length: 10_000 }, (_, i): LocalCommit => {
    const commit = {
      own: Splinter.from([1 + (i % 7)]),
      reads: new Splinter(),
      // Each cuts off less than the one before, so that the way to the lowest is as long as can be.
      floor: 10 + i,
      pageCount: 20_000,
      usesPageCount: false,
      isolation: 'serializable' as const,
    }
    return Object.defineProperty(commit, 'sequence', { get: () => (looks++, i + 1) }) as never
  })
  const pages = PendingPages.after(undefined, commits)
  looks = 0
  for (let page = 1; page <= 7; page++) expect(pages.find(page)).toBeGreaterThan(10_000 - 7)
  expect(looks).toBe(7)
  expect(pages.find(8)).toBe('untouched')
  expect(pages.find(11)).toBe('cut-off')
  expect(pages.find(20_000)).toBe('cut-off')
})
