import { Splinter } from '@graft-ts/splinter'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PendingPages } from '../../src/read/pending-pages.ts'
import { type LocalCommit, mergeCommits, newestVersions, pageCountAfterAll } from '../../src/state/local-commit.ts'
import { overlaps } from '../../src/state/overlap.ts'
import { type Upload, usablePages } from '../../src/state/volume-state.ts'
import { propertyParameters } from '../parameters.ts'

const PAGES = 12

/** What a transaction does, in order: a write of a page, or a new page count. */
type Action = { write: number } | { pageCount: number }

const actions = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ write: fc.integer({ min: 1, max: PAGES }) }) },
    { weight: 1, arbitrary: fc.record({ pageCount: fc.integer({ min: 0, max: PAGES }) }) },
  ),
  { minLength: 1, maxLength: 6 },
)
const histories = fc.array(actions, { maxLength: 6 })

interface Model {
  /** For each page who wrote it last: a sequence; 0: the base; undefined: nobody, it is zeros. */
  readonly pages: Map<number, number>
  pageCount: number
}

/** Runs transactions the plain way, and makes the local commits that they would leave. */
function run(history: readonly (readonly Action[])[], basePages: number): { model: Model; commits: LocalCommit[] } {
  const model: Model = { pages: new Map(), pageCount: basePages }
  for (let page = 1; page <= basePages; page++) model.pages.set(page, 0)
  const commits = history.map((steps, i) => commitOf(steps, i + 1, model))
  return { model, commits }
}

function commitOf(steps: readonly Action[], sequence: number, model: Model): LocalCommit {
  const own = new Splinter()
  let floor: number | undefined
  for (const step of steps) {
    if ('write' in step) {
      own.add(step.write)
      model.pages.set(step.write, sequence)
      model.pageCount = Math.max(model.pageCount, step.write)
    } else {
      if (step.pageCount < model.pageCount) floor = Math.min(floor ?? step.pageCount, step.pageCount)
      for (const page of [...model.pages.keys()]) if (page > step.pageCount) model.pages.delete(page)
      for (const page of [...own]) if (page > step.pageCount) own.delete(page)
      model.pageCount = step.pageCount
    }
  }
  return {
    sequence,
    own,
    reads: new Splinter(),
    floor,
    pageCount: model.pageCount,
    usesPageCount: true,
    isolation: 'serializable',
  }
}

describe('I5: local commits on top of a base', () => {
  test('a page is found where a plain run of the transactions left it', () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 0, max: PAGES }), (history, basePages) => {
        const { model, commits } = run(history, basePages)
        for (let page = 1; page <= PAGES; page++) {
          const found = PendingPages.after(undefined, commits).find(page)
          const writer = typeof found === 'number' ? found : found === 'untouched' && page <= basePages ? 0 : undefined
          expect({ page, writer }).toEqual({ page, writer: model.pages.get(page) })
        }
        expect(pageCountAfterAll({ pageCount: basePages }, commits)).toBe(model.pageCount)
      }),
      propertyParameters,
    )
  })

  test('merged, they come to the same state in one step', () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 0, max: PAGES }), (history, basePages) => {
        const { model, commits } = run(history, basePages)
        const { own, floor, pageCount } = mergeCommits({ pageCount: basePages }, commits)
        expect(pageCount).toBe(model.pageCount)
        expect(own.last() ?? 0).toBeLessThanOrEqual(pageCount)
        expect(floor ?? 0).toBeLessThanOrEqual(pageCount)
        for (let page = 1; page <= PAGES; page++) {
          const isBase = page <= basePages && page <= (floor ?? PAGES) && !own.has(page)
          expect({ page, isOwn: own.has(page), isBase }).toEqual({
            page,
            isOwn: (model.pages.get(page) ?? 0) > 0,
            isBase: model.pages.get(page) === 0,
          })
        }
      }),
      propertyParameters,
    )
  })

  test('the newest versions are exactly the merged pages, each from its last writer', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const { model, commits } = run(history, PAGES)
        const versions = newestVersions(commits).flatMap(({ sequence, pages }) =>
          Array.from(pages, (page) => [page, sequence] as const),
        )
        const expected = [...model.pages].filter(([, sequence]) => sequence > 0)
        expect(versions.sort(([a], [b]) => a - b)).toEqual(expected.sort(([a], [b]) => a - b))
      }),
      propertyParameters,
    )
  })

  test('a page of an upload is used only while it is the newest version', () => {
    fc.assert(
      fc.property(histories, fc.nat(), (history, cut) => {
        const { model, commits } = run(history, PAGES)
        const uploaded = commits.slice(0, commits.length === 0 ? 0 : (cut % commits.length) + 1)
        const lastSequence = uploaded.at(-1)?.sequence ?? 0
        const upload: Upload = { pages: mergeCommits({ pageCount: PAGES }, uploaded).own, lastSequence, refs: [] }
        const atUpload = run(history.slice(0, uploaded.length), PAGES).model
        const usable = usablePages(upload, commits)
        for (const page of mergeCommits({ pageCount: PAGES }, commits).own) {
          const isCurrent = upload.pages.has(page) && model.pages.get(page) === atUpload.pages.get(page)
          expect({ page, isUsable: usable.has(page) }).toEqual({ page, isUsable: isCurrent })
        }
      }),
      propertyParameters,
    )
  })
})

describe('overlaps', () => {
  const commit = (parts: Partial<LocalCommit>): LocalCommit => ({
    sequence: 1,
    own: new Splinter([5]),
    reads: new Splinter([7]),
    floor: undefined,
    pageCount: 10,
    usesPageCount: false,
    isolation: 'serializable',
    ...parts,
  })
  const changed = (pages: number[], floor?: number) => ({ pages: new Splinter(pages), floor })

  test('pages that were read or written', () => {
    expect(overlaps(commit({}), changed([4, 6]), false)).toBe(false)
    expect(overlaps(commit({}), changed([5]), false)).toBe(true)
    expect(overlaps(commit({}), changed([7]), false)).toBe(true)
  })

  test('snapshot isolation looks at writes alone', () => {
    expect(overlaps(commit({ isolation: 'snapshot' }), changed([7]), false)).toBe(false)
    expect(overlaps(commit({ isolation: 'snapshot' }), changed([5]), false)).toBe(true)
  })

  test('every page above a floor has changed', () => {
    expect(overlaps(commit({}), changed([], 7), false)).toBe(false)
    expect(overlaps(commit({}), changed([], 6), false)).toBe(true)
    expect(overlaps(commit({ isolation: 'snapshot' }), changed([], 4), false)).toBe(true)
  })

  test('length is data for those that used it', () => {
    expect(overlaps(commit({}), changed([]), true)).toBe(false)
    expect(overlaps(commit({ usesPageCount: true }), changed([]), true)).toBe(true)
  })

  test('what it cut off it has written', () => {
    expect(overlaps(commit({ floor: 8 }), changed([9]), false)).toBe(true)
    expect(overlaps(commit({ floor: 8 }), changed([8]), false)).toBe(false)
  })
})
