import { describe, expect, test } from 'vitest'
import { leap, type PrefetcherContext } from '../src/index.ts'
import { pages, replay } from './replay.ts'

const OPEN: PrefetcherContext = { lastPage: 2 ** 32 - 1, isLocal: () => false }

describe('window', () => {
  test('grows on a clean run: 0, 1, 2, 4, 8, and stays there', () => {
    const { answers } = replay(leap(), pages(1, 60))
    expect(answers.map((answer) => answer.length)).toEqual([0, 1, 2, 4, 8, 8, 8, 8, 8, 8])
    expect(answers.slice(0, 5)).toEqual([[], [3], [5, 6], pages(8, 11), pages(13, 20)])
  })

  test('shrinks when nothing is hit: 8, 4, 2, 1, 0', () => {
    // The last answer of the run is the first 8; the first stray page earns the second by the run's hits.
    const cleanRun = pages(1, 20)
    const strays = [5_000, 90_000, 700, 1_000_000, 33_333]
    const { answers } = replay(leap(), [...cleanRun, ...strays])
    expect(answers.slice(-6).map((answer) => answer.length)).toEqual([8, 8, 4, 2, 1, 0])
  })

  test('a suspended prefetcher wakes up when a trend comes back', () => {
    const prefetcher = leap()(OPEN)
    for (const stray of [4, 900, 17, 55_555, 3_000]) prefetcher.onMiss(stray)
    expect(prefetcher.onMiss(70_000)).toEqual([])
    const answers = pages(70_005, 70_040, 5).map((page) => prefetcher.onMiss(page))
    // Eight equal differences make a trend of +5; the next read that follows it is answered.
    expect(answers.map((answer) => answer.length)).toEqual([0, 0, 0, 0, 1, 1, 1, 1])
  })

  test('is no power of two when its maximum is none', () => {
    const { answers } = replay(leap({ windowPagesMax: 6 }), pages(1, 40))
    expect(answers.map((answer) => answer.length)).toEqual([0, 1, 2, 4, 6, 6, 6, 6, 6])
  })

  test('may be one page', () => {
    const { answers } = replay(leap({ windowPagesMax: 1 }), pages(1, 10))
    expect(answers.map((answer) => answer.length)).toEqual([0, 1, 1, 1, 1, 1])
  })
})

describe('hits', () => {
  const afterTwoMisses = () => {
    const prefetcher = leap()(OPEN)
    prefetcher.onMiss(1)
    expect(prefetcher.onMiss(2)).toEqual([3])
    return prefetcher
  }

  test('a prefetched page counts once', () => {
    const prefetcher = afterTwoMisses()
    for (const page of [3, 2, 3, 2, 3]) prefetcher.onHit(page)
    // One hit: two pages. Were each of the three reads counted, it would be four.
    expect(prefetcher.onMiss(4)).toEqual([5, 6])
  })

  test('reading the same page again at once is no read', () => {
    const prefetcher = leap()(OPEN)
    prefetcher.onMiss(10)
    for (const page of pages(15, 50, 5)) for (let i = 0; i < 2; i++) prefetcher.onHit(page)
    // Were the second reads differences of 0, they would be half of all.
    expect(prefetcher.onMiss(55)).toEqual([60])
  })

  test('a hit on a page that was not prefetched counts nothing', () => {
    const prefetcher = afterTwoMisses()
    prefetcher.onHit(700)
    expect(prefetcher.onMiss(701)).toEqual([702])
    prefetcher.onHit(9)
    expect(prefetcher.onMiss(800)).toEqual([])
  })

  test('a prefetched page that is missing when it is read is no hit', () => {
    const prefetcher = afterTwoMisses()
    expect(prefetcher.onMiss(3)).toEqual([4])
    // Neither is it one when it is there later on.
    prefetcher.onHit(2)
    prefetcher.onHit(3)
    expect(prefetcher.onMiss(4)).toEqual([5])
  })

  test.each([
    { later: 15, window: 2 },
    { later: 16, window: 1 },
  ])('prefetched pages are remembered up to eight windows of two: $later later ones', ({ later, window }) => {
    // With a history of one difference every miss but the first is on the trend, so each prefetches one page.
    const prefetcher = leap({ windowPagesMax: 2, history: 1 })(OPEN)
    prefetcher.onMiss(1)
    expect(prefetcher.onMiss(2)).toEqual([3])
    for (let i = 1; i <= later; i++) expect(prefetcher.onMiss(1000 * i * i)).toHaveLength(1)
    prefetcher.onHit(3)
    expect(prefetcher.onMiss(4)).toHaveLength(window)
  })

  test('a page that is prefetched again is remembered anew', () => {
    const prefetcher = leap({ windowPagesMax: 2, history: 1 })(OPEN)
    prefetcher.onMiss(1)
    expect(prefetcher.onMiss(2)).toEqual([3])
    for (let i = 1; i <= 8; i++) prefetcher.onMiss(1000 * i * i)
    prefetcher.onHit(1)
    expect(prefetcher.onMiss(2)).toEqual([3])
    for (let i = 9; i <= 16; i++) prefetcher.onMiss(1000 * i * i)
    prefetcher.onHit(3)
    expect(prefetcher.onMiss(4)).toHaveLength(2)
  })
})

describe('trend', () => {
  test('without a majority the last one goes on', () => {
    const prefetcher = leap({ history: 4, split: 1 })(OPEN)
    for (const page of pages(10, 50, 10)) prefetcher.onMiss(page)
    prefetcher.onHit(60)
    // Two strays: the four newest differences have no majority, and +10 is speculated along.
    prefetcher.onHit(5_000)
    prefetcher.onHit(60_000)
    const [first] = prefetcher.onMiss(61_000)
    expect(first).toBe(61_010)
  })

  test('before there is one, a forward scan is expected', () => {
    expect(replay(leap(), [7, 8]).answers).toEqual([[], [9]])
    expect(replay(leap({ firstTrend: -1 }), [9, 8]).answers).toEqual([[], [7]])
    for (const firstTrend of ['none', 0] as const) expect(replay(leap({ firstTrend }), [7, 8]).answers).toEqual([[], []])
    // 0 would predict the missing page itself.
    const prefetcher = leap({ firstTrend: 0 })(OPEN)
    for (let i = 0; i < 3; i++) expect(prefetcher.onMiss(7)).toEqual([])
  })

  test('without an assumed trend the first full window starts it', () => {
    const { answers } = replay(leap({ firstTrend: 'none' }), pages(1, 12))
    expect(answers.map((answer) => answer.length)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 2])
  })

  test('an endless stride is hit at most eight times in nine, because only misses trigger', () => {
    for (const stride of [1, 2, 7, -3]) {
      const start = stride > 0 ? 1 : 100_000
      const { coverage, accuracy } = replay(leap(), pages(start, start + 20_000 * stride, stride))
      expect(coverage).toBeLessThanOrEqual(8 / 9)
      expect(coverage).toBeCloseTo(8 / 9, 2)
      expect(accuracy).toBeGreaterThan(0.999)
    }
  })

  test('two streams in turn show none, and nothing is prefetched', () => {
    const reads = pages(1, 2_000).flatMap((page) => [page, 1_000_000 + page])
    expect(replay(leap(), reads)).toMatchObject({ misses: 4_000, prefetched: 0 })
  })

  test('the same two streams with a prefetcher each are predicted', () => {
    expect(replay(leap(), pages(1, 2_000)).coverage).toBeGreaterThan(0.88)
  })
})

describe('bounds', () => {
  test('stops at the first and the last page', () => {
    expect(replay(leap(), pages(1, 22), 22).answers.at(-1)).toEqual([22])
    expect(replay(leap({ firstTrend: -1 }), pages(22, 1, -1), 22).answers.at(-1)).toEqual([1])
  })

  test('the last page is looked up at each miss', () => {
    const context = { lastPage: 3, isLocal: () => false }
    const prefetcher = leap()(context)
    prefetcher.onMiss(2)
    expect(prefetcher.onMiss(3)).toEqual([])
    context.lastPage = 5
    expect(prefetcher.onMiss(4)).toEqual([5])
  })

  test('an empty volume gives nothing', () => {
    expect(replay(leap(), [1, 2, 3], 0).prefetched).toBe(0)
  })

  test('local pages are left out, and do not lengthen the answer', () => {
    const prefetcher = leap()({ ...OPEN, isLocal: (page) => page === 5 })
    prefetcher.onMiss(1)
    prefetcher.onMiss(2)
    prefetcher.onHit(3)
    expect(prefetcher.onMiss(4)).toEqual([6])
  })

  test("an answer is the caller's own", () => {
    const prefetcher = leap()(OPEN)
    prefetcher.onMiss(1)
    prefetcher.onMiss(2).length = 0
    prefetcher.onHit(3)
    expect(prefetcher.onMiss(4)).toEqual([5, 6])
  })
})

describe('options', () => {
  test.each([
    { history: 0 },
    { history: 4097 },
    { history: 1.5 },
    { split: 0 },
    { split: 4097 },
    { windowPagesMax: 0 },
    { windowPagesMax: 1025 },
    { firstTrend: Number.NaN },
    { firstTrend: 2 ** 32 + 1 },
  ])('out of range: %o', (options) => {
    expect(() => leap(options)).toThrow(
      expect.objectContaining({ name: 'PrefetchError', kind: 'invalid', code: 'PREFETCH_OPTIONS' }),
    )
  })

  test.each([{ history: 1 }, { history: 4096 }, { split: 4096 }, { windowPagesMax: 1024 }, { firstTrend: -(2 ** 32) }])(
    'at the limit: %o',
    (options) => {
      expect(replay(leap(options), pages(1, 100)).misses).toBeGreaterThan(0)
    },
  )
})
