import { expect, test } from 'vitest'
import { median, timeSideBySide } from '../harness/side-by-side.ts'

test('the sides take turns, also in who begins, and the first round is run but not counted', async () => {
  const calls: string[] = []
  const result = await timeSideBySide({
    rounds: 2,
    before: async (round) => void calls.push(`before ${round}`),
    ours: async (round) => void calls.push(`ours ${round}`),
    baseline: async (round) => void calls.push(`baseline ${round}`),
  })
  const round = (index: number, ...sides: string[]): string[] => [`before ${index}`, ...sides.map((side) => `${side} ${index}`)]
  expect(calls).toEqual([...round(0, 'ours', 'baseline'), ...round(1, 'baseline', 'ours'), ...round(2, 'ours', 'baseline')])
  expect(result.ours).toBeGreaterThanOrEqual(0)
  expect(result.baseline).toBeGreaterThanOrEqual(0)
})

test('as many rounds as are asked for warm up, before those that are timed', async () => {
  const rounds: number[] = []
  const contest = { rounds: 2, warmUpRounds: 3, baseline: async () => undefined }
  await timeSideBySide({ ...contest, ours: async (round) => void rounds.push(round) })
  expect(rounds).toEqual([0, 1, 2, 3, 4])
})

test('a side that throws fails the benchmark instead of being fast', async () => {
  const broken = timeSideBySide({ rounds: 1, ours: () => Promise.reject(new Error('broken')), baseline: async () => undefined })
  await expect(broken).rejects.toThrow('broken')
})

test('the median ignores one outlier, and is the mean of the middle two', () => {
  expect(median([1, 1000, 2])).toBe(2)
  expect(median([4, 1, 2, 1000])).toBe(3)
  expect(() => median([])).toThrow(RangeError)
})
