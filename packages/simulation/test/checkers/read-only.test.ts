import { expect, test } from 'vitest'
import { checkReadOnly } from '../../src/checkers/read-only.ts'
import type { Run } from '../../src/model/transactions.ts'
import { History } from '../histories.ts'

const page = (stamp: number) => ({ stamp, value: stamp })

/** Pages 20 and 21 are written at 1, page 20 again at 2, and page 21 at 3. */
function open() {
  const history = new History()
  const mine = history.run({ slot: 2 })
  history.commit({ 20: page(101), 21: page(102) })
  history.commit({ 20: page(103) })
  history.commit({ 21: page(104) })
  const journal = history.volume.layout.journalPage('client1', 2)
  const check = (reads: Record<number, { stamp: number; value: number }>, least = 0, definite: readonly Run[] = []): number => {
    const own = new Set([mine.stamp])
    const expectation = { own, least, definite: definite.map((run) => run.transaction), transactions: history.transactions }
    return checkReadOnly(history.run({ reads }), history.volume, expectation)
  }
  return { history, mine, journal, check }
}

test('I4: a read-only run reads one state, whichever', () => {
  const { check } = open()
  expect(check({ 20: page(101), 21: page(102) })).toBe(1)
  expect(check({ 20: page(103), 21: page(102) })).toBe(2)
  expect(check({ 20: page(103), 21: page(104) })).toBe(3)
  expect(() => check({ 20: page(101), 21: page(104) })).toThrow('I4')
})

test('no state is older than one that was seen before', () => {
  const { check } = open()
  expect(check({ 20: page(103) }, 3)).toBe(3)
  expect(() => check({ 20: page(103), 21: page(102) }, 3)).toThrow('monotonic reads')
})

test('I12: what its own client has committed is there, or something later', () => {
  const { history, mine, journal, check } = open()
  const later = history.run({ slot: 2 })
  expect(check({ [journal]: page(mine.stamp) }, 0, [mine])).toBe(0)
  expect(check({ [journal]: page(later.stamp) }, 0, [mine])).toBe(0)
  expect(() => check({ [journal]: page(0) }, 0, [mine])).toThrow('does not see its transaction')
  expect(() => check({ [journal]: page(mine.stamp) }, 0, [later])).toThrow('does not see its transaction')
})
