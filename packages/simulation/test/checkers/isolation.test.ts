import { describe, expect, test } from 'vitest'
import { checkSerializable, checkSnapshotIsolation } from '../../src/checkers/isolation.ts'
import { WorkingState } from '../../src/model/working-state.ts'
import { History } from '../histories.ts'

const NONE: ReadonlySet<number> = new Set()
const page = (stamp: number) => ({ stamp, value: stamp })

/** Pages 20 and 21 are written at 1, page 20 again at 2, and page 21 at 3. */
function threeCommits(): History {
  const history = new History()
  history.commit({ 20: page(101), 21: page(102) })
  history.commit({ 20: page(103) })
  history.commit({ 21: page(104) })
  return history
}

describe('serializable', () => {
  test('what a run read is what stands before it', () => {
    const history = threeCommits()
    const before = new WorkingState(history.model.state(3))
    expect(() => checkSerializable(history.run({ reads: { 20: page(103), 21: page(104), 22: page(0) } }), before)).not.toThrow()
    expect(() => checkSerializable(history.run({ reads: { 20: page(101) } }), before)).toThrow('serializability')
    expect(() => checkSerializable(history.run({ reads: { 20: { stamp: 103, value: 9 } } }), before)).toThrow('serializability')
    expect(() => checkSerializable(history.run({ reads: { 22: page(5) } }), before)).toThrow('serializability')
  })

  test('so is the page count', () => {
    const history = threeCommits()
    const before = new WorkingState(history.model.state(3))
    expect(() => checkSerializable(history.run({ pageCountRead: 21 }), before)).not.toThrow()
    expect(() => checkSerializable(history.run({ pageCountRead: 20 }), before)).toThrow('serializability')
  })

  test('what its client has pending counts', () => {
    const history = threeCommits()
    const before = new WorkingState(history.model.state(3))
    const first = history.run({ writes: { 20: 7 } })
    before.apply(first)
    expect(() => checkSerializable(history.run({ reads: { 20: { stamp: first.stamp, value: 7 } } }), before)).not.toThrow()
    expect(() => checkSerializable(history.run({ reads: { 20: page(103) } }), before)).toThrow('serializability')
  })
})

describe('snapshot isolation', () => {
  test('lets write skew through', () => {
    const history = threeCommits()
    // It read the state of 2, and 3 changed what it only read.
    const run = history.run({ isolation: 'snapshot', reads: { 20: page(103), 21: page(102) }, writes: { 20: 1 } })
    expect(() => checkSnapshotIsolation(run, history.model, NONE)).not.toThrow()
  })

  test('does not let a lost update through', () => {
    const history = threeCommits()
    const run = history.run({ isolation: 'snapshot', reads: { 20: page(101) }, writes: { 20: 1 } })
    expect(() => checkSnapshotIsolation(run, history.model, NONE)).toThrow('snapshot isolation')
  })

  test('does not let reads of two states through', () => {
    const history = threeCommits()
    const run = history.run({ isolation: 'snapshot', reads: { 20: page(101), 21: page(104) } })
    expect(() => checkSnapshotIsolation(run, history.model, NONE)).toThrow('no single state')
  })

  test('does not let a page be overwritten that was not even read', () => {
    const history = threeCommits()
    const blind = (baseLsn: number) => history.run({ isolation: 'snapshot', baseLsn, writes: { 21: 1 } })
    expect(() => checkSnapshotIsolation(blind(3), history.model, NONE)).not.toThrow()
    expect(() => checkSnapshotIsolation(blind(2), history.model, NONE)).toThrow('stood on 2 at most')
    // What its own client has committed it stands on, whatever its base.
    expect(() => checkSnapshotIsolation(blind(2), history.model, NONE, history.clientIds[0])).not.toThrow()
  })

  test('what it cut off itself overwrites nothing', () => {
    const history = threeCommits()
    // Others have cut it off, too: there is nothing left of theirs.
    history.commit({}, { pageCount: 20, floor: 20 })
    const { transaction } = history.run({ isolation: 'snapshot', baseLsn: 1 })
    const cutOff = { ...history.transactions.beginRun(transaction, 3), baseLsnMax: 2 }
    cutOff.operations.push({ type: 'write', pageIndex: 21, content: page(cutOff.stamp) })
    expect(() => checkSnapshotIsolation(cutOff, history.model, NONE)).toThrow('snapshot isolation')
    cutOff.operations.push({ type: 'page-count', pageCount: 20 })
    expect(() => checkSnapshotIsolation(cutOff, history.model, NONE)).not.toThrow()
  })

  test('does not let pages be cut off that others have written since', () => {
    const history = threeCommits()
    const cutting = (baseLsn: number, pageCount: number) => history.run({ isolation: 'snapshot', baseLsn, pageCount })
    expect(() => checkSnapshotIsolation(cutting(3, 20), history.model, NONE)).not.toThrow()
    expect(() => checkSnapshotIsolation(cutting(2, 20), history.model, NONE)).toThrow('cut off page 21, written at 3')
    expect(() => checkSnapshotIsolation(cutting(2, 21), history.model, NONE)).not.toThrow()
    // What its own client has written may go.
    expect(() => checkSnapshotIsolation(cutting(2, 20), history.model, NONE, history.clientIds[0])).not.toThrow()
    // To a run that found no more than that there was nothing to cut off.
    const grown = { ...cutting(2, 20), pageCountRead: 20 }
    expect(() => checkSnapshotIsolation(grown, history.model, NONE)).not.toThrow()
  })

  test('a run that runs again stands on what was there by then', () => {
    const history = threeCommits()
    const { transaction } = history.run({ isolation: 'snapshot', baseLsn: 1 })
    const again = history.transactions.beginRun(transaction, 3)
    again.operations.push({ type: 'write', pageIndex: 21, content: page(again.stamp) })
    expect(() => checkSnapshotIsolation(again, history.model, NONE)).not.toThrow()
  })
})

describe('a merged page', () => {
  const added = (history: History, isolation: 'serializable' | 'snapshot') =>
    history.run({ isolation, baseLsn: 1, reads: { 20: { stamp: 101, value: 101 } }, writes: { 20: 102 } })

  test('need not be as it was read', () => {
    const history = threeCommits()
    const before = new WorkingState(history.model.state(3))
    const [run, blind] = [added(history, 'serializable'), added(history, 'snapshot')]
    expect(() => checkSerializable(run, before)).toThrow('serializability')
    expect(() => checkSnapshotIsolation(blind, history.model, NONE)).toThrow('snapshot isolation')
    run.merged.add(20)
    blind.merged.add(20)
    expect(() => checkSerializable(run, before)).not.toThrow()
    expect(() => checkSnapshotIsolation(blind, history.model, NONE)).not.toThrow()
  })

  test('has what was added to what stands before it', () => {
    const history = threeCommits()
    const run = added(history, 'serializable')
    run.merged.add(20)
    const working = new WorkingState(history.model.state(3))
    working.apply(run)
    expect(working.page(20)).toEqual({ stamp: run.stamp, value: 104 })
  })
})
