import { describe, expect, test } from 'vitest'
import { DeltaHistory } from '../src/delta-history.ts'

function historyOf(deltas: readonly number[], capacity: number, split: number): DeltaHistory {
  const history = new DeltaHistory(capacity, split)
  for (const delta of deltas) history.push(delta)
  return history
}

describe('Figure 5 of the paper: history 8, split 2', () => {
  // The figure prints -41 where the reads themselves give +41.
  const deltas = [72, -3, -3, -3, -3, -58, 2, 2, 2, 2, 2, 4, 41, -39, 2, 2]
  const trendAt = (time: number) => historyOf(deltas.slice(0, time + 1), 8, 2).findTrend()

  test('t3: -3 has three of the first four', () => expect(trendAt(3)).toBe(-3))
  test('t7: neither four nor eight have a majority', () => expect(trendAt(7)).toBeUndefined())
  test('t8: +2 has three of the newest four', () => expect(trendAt(8)).toBe(2))
  test('t15: the newest four have none, and +2 has five of eight', () => {
    expect(trendAt(15)).toBe(2)
    // The same reads with a history of four differences: the window of eight is what finds it.
    expect(historyOf(deltas, 4, 1).findTrend()).toBeUndefined()
  })
})

describe('windows', () => {
  test('none is looked at before it is full', () => {
    expect(historyOf([5, 5, 5], 8, 2).findTrend()).toBeUndefined()
    expect(historyOf([5, 5, 5, 5], 8, 2).findTrend()).toBe(5)
  })

  test('the first one is at least one difference long', () => {
    expect(historyOf([5], 4, 9).findTrend()).toBe(5)
  })

  test('the whole history is tried where doubling would jump over it', () => {
    // Windows of 3, 6, and then 10 rather than 12: one, three and six 7s.
    const newestFirst = [7, 1, 2, 7, 3, 7, 7, 7, 7, 4]
    expect(historyOf(newestFirst.toReversed(), 10, 3).findTrend()).toBe(7)
    // With room for twelve the window of 12 is not full.
    expect(historyOf(newestFirst.toReversed(), 12, 4).findTrend()).toBeUndefined()
  })

  test('what is older than the history is forgotten', () => {
    expect(historyOf([5, 5, 5, 5, 1, 2, 3, 4], 4, 1).findTrend()).toBeUndefined()
  })
})

describe('strict majority', () => {
  test('half is not enough', () => expect(historyOf([5, 1, 5, 2], 4, 1).findTrend()).toBeUndefined())
  test('the vote alone would elect a minority', () => expect(historyOf([5, 5, 1, 2, 3], 5, 1).findTrend()).toBeUndefined())
  test('0 is no trend, and the search goes on in a larger window', () => {
    expect(historyOf([0, 0, 0, 0], 4, 1).findTrend()).toBeUndefined()
    expect(historyOf([9, 9, 9, 9, 9, 0, 0, 0], 8, 4).findTrend()).toBe(9)
  })

  test.each([8, 16, 32])('a window of %i tolerates half of it less one irregular difference, wherever they are', (window) => {
    const tolerated = window / 2 - 1
    const trendWith = (irregular: readonly number[]) =>
      historyOf(
        Array.from({ length: window }, (_, i) => (irregular.includes(i) ? 1000 + i : 3)),
        window,
        1,
      ).findTrend()
    const places = [
      (n: number) => Array.from({ length: n }, (_, i) => i),
      (n: number) => Array.from({ length: n }, (_, i) => window - 1 - i),
      (n: number) => Array.from({ length: n }, (_, i) => 2 * i),
    ]
    for (const placesOf of places) {
      expect(trendWith(placesOf(tolerated))).toBe(3)
      expect(trendWith(placesOf(tolerated + 1))).toBeUndefined()
    }
  })

  test('one stray page makes two irregular differences', () => {
    const reads = [10, 11, 12, 13, 999, 15, 16, 17, 18]
    const deltas = reads.slice(1).map((page, i) => page - (reads[i] as number))
    expect(deltas.filter((delta) => delta !== 1)).toHaveLength(2)
    expect(historyOf(deltas, 8, 1).findTrend()).toBe(1)
  })
})

test('the newest difference', () => {
  expect(new DeltaHistory(2, 1).newest).toBeUndefined()
  expect(historyOf([4, 5, 6], 2, 1).newest).toBe(6)
})
