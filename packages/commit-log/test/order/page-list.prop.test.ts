import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PageList } from '../../src/order/page-list.ts'
import { parameters } from '../parameters.ts'

type Move =
  | { readonly type: 'newest'; readonly page: number; readonly wait: number }
  | { readonly type: 'oldest'; readonly page: number; readonly wait: number }
  | { readonly type: 'cut'; readonly bound: number }

const MIDDLE = 2 ** 31

function moves(pages: fc.Arbitrary<number>): fc.Arbitrary<Move[]> {
  const wait = fc.nat(2)
  const move = fc.oneof(
    { weight: 6, arbitrary: fc.record({ type: fc.constant('newest' as const), page: pages, wait }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('oldest' as const), page: pages, wait }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('cut' as const), bound: pages }) },
  )
  return fc.array(move, { maxLength: 400, size: 'max' })
}

/** Applies moves to a list and to a map, and compares every question. */
function check(list: PageList, history: readonly Move[]): void {
  const model = new Map<number, number>()
  let newest = MIDDLE
  let oldest = MIDDLE
  for (const move of history) {
    if (move.type === 'cut') {
      list.deleteAbove(move.bound)
      for (const page of [...model.keys()]) if (page > move.bound) model.delete(page)
    } else if (move.type === 'newest') {
      newest += move.wait
      list.pushNewest(move.page, newest)
      model.set(move.page, newest)
    } else if (!model.has(move.page)) {
      oldest -= move.wait
      list.pushOldest(move.page, oldest)
      model.set(move.page, oldest)
    }
  }
  expect(list.size).toBe(model.size)
  for (const page of model.keys()) expect(list.has(page)).toBe(true)
  for (let time = oldest - 1; time <= newest; time++) {
    const expected = [...model].filter(([, at]) => at > time)
    expect([...list.pagesAfter(time)]).toEqual(expected.map(([page]) => page).sort((a, b) => a - b))
    const visited: [number, number][] = []
    list.forEachAfter(time, (page, at) => visited.push([page, at]))
    expect(new Map(visited)).toEqual(new Map(expected))
    expect(visited.map(([, at]) => at)).toEqual(visited.map(([, at]) => at).sort((a, b) => b - a))
  }
}

describe('a list of pages is a map from page to time, in order of time', () => {
  test.each([
    ['few pages', fc.integer({ min: 1, max: 12 })],
    ['dense pages', fc.integer({ min: 1, max: 5000 })],
    ['pages anywhere', fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 2 ** 32 - 1 }))],
  ])('%s', (_, pages) => {
    fc.assert(
      fc.property(moves(pages), (history) => check(new PageList(), history)),
      { ...parameters, numRuns: Math.ceil(parameters.numRuns / 4) },
    )
  })

  test('many changed pages are found by looking at every page, and few by walking: the answers agree', () => {
    const list = new PageList()
    for (let page = 1; page <= 20_000; page++) list.pushNewest(1 + ((page * 7919) % 20_000), page)
    for (const time of [0, 1, 10_000, 18_740, 18_760, 19_999, 20_000]) {
      const expected = Array.from({ length: 20_000 - time }, (_, i) => 1 + (((time + 1 + i) * 7919) % 20_000))
      expect([...list.pagesAfter(time)]).toEqual(expected.sort((a, b) => a - b))
    }
  })

  test('memory follows the pages, not the changes, and not the highest page', () => {
    const list = new PageList()
    for (let time = 1; time <= 100_000; time++) list.pushNewest(1 + (time % 10), time)
    expect(list.byteLength).toBeLessThan(32 * 1024)
    list.pushNewest(2 ** 32 - 1, 100_001)
    expect(list.byteLength).toBeLessThan(32 * 1024)
    expect([...list.pagesAfter(100_000)]).toEqual([2 ** 32 - 1])
    for (let page = 1; page <= 20_000; page++) list.pushNewest(page, 100_001 + page)
    expect(list.byteLength).toBeLessThan(20_000 * 120)
  })

  test('pages that come in any order end up dense', () => {
    const list = new PageList()
    for (let page = 1; page <= 20_000; page++) list.pushNewest(1 + ((page * 7919) % 20_000), page)
    expect(list.byteLength).toBeLessThanOrEqual(2 * 12 * 20_000)
  })

  test('entries of pages that were cut off are used again', () => {
    const list = new PageList()
    for (let round = 1; round <= 1000; round++) {
      for (let page = 1; page <= 10; page++) list.pushNewest(page, round)
      list.deleteAbove(round % 10)
    }
    expect(list.byteLength).toBeLessThan(32 * 1024)
  })
})
