import { describe, expect, test } from 'vitest'
import { checkView, expectationOf, journalPages } from '../../src/checkers/view-checker.ts'
import type { PageContent } from '../../src/model/page-content.ts'
import type { Run } from '../../src/model/transactions.ts'
import { WorkingState } from '../../src/model/working-state.ts'
import { History, writtenBy } from '../histories.ts'

/** A commit of another client, and two transactions of ours on top of it. */
function pending(): { history: History; runs: Run[]; shown: Map<number, PageContent> } {
  const history = new History()
  history.commit({ 30: { stamp: 900, value: 1 }, 31: { stamp: 900, value: 2 } })
  const runs = [history.run({ slot: 0, writes: { 30: 5 } }), history.run({ slot: 1, writes: { 30: 6, 33: 7 } })]
  const working = new WorkingState(history.model.state(1))
  for (const run of runs) working.apply(run)
  const pages = [...journalPages(history.volume, 'client1'), 30, 31, 32, 33, 34]
  return { history, runs, shown: new Map(pages.map((page) => [page, working.page(page)])) }
}

const VIEW = { lsn: 1 as never, pageCount: 33, pendingCommits: 2 }

function check({ history, shown }: ReturnType<typeof pending>, view = VIEW): readonly Run[] {
  const expectation = expectationOf(history.transactions, 'client1', history.volume, 0)
  return checkView(view, shown, { client: 'client1', volume: history.volume, transactions: history.transactions }, expectation)
}

describe('a view', () => {
  test('of one commit with all that is pending is right', () => {
    const world = pending()
    expect(check(world)).toEqual(world.runs)
  })

  test('I4: of two states is not', () => {
    const world = pending()
    world.shown.set(31, { stamp: 0, value: 0 })
    expect(() => check(world)).toThrow('I4')
  })

  test('I4: of half a transaction is not', () => {
    const world = pending()
    world.shown.set(33, { stamp: 0, value: 0 })
    expect(() => check(world)).toThrow('I4')
  })

  test('I4: of transactions in another order is not', () => {
    const world = pending()
    world.shown.set(30, writtenBy(world.runs[0] as Run, 30))
    expect(() => check(world)).toThrow('I4')
  })

  test('I4: with another number of pending transactions than it says is not', () => {
    expect(() => check(pending(), { ...VIEW, pendingCommits: 1 })).toThrow('I4')
  })

  test('I5: with another length is not', () => {
    expect(() => check(pending(), { ...VIEW, pageCount: 34 })).toThrow('I5')
  })

  test('I12: without a transaction that was committed is not', () => {
    const world = pending()
    const [first] = world.runs as [Run, Run]
    const working = new WorkingState(world.history.model.state(1))
    working.apply(first)
    for (const page of world.shown.keys()) world.shown.set(page, working.page(page))
    expect(() => check(world, { ...VIEW, pageCount: 31, pendingCommits: 1 })).toThrow('I12')
  })

  test('I4: with a mark that is none of its own is not', () => {
    const world = pending()
    world.shown.set(3, { stamp: 77, value: 0 })
    expect(() => check(world)).toThrow('none of its own')
  })
})
