import { describe, expect, test } from 'vitest'
import { checkReadsOneState, checkSerializable, checkSnapshotIsolation } from '../../src/checkers/isolation.ts'
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
})

test('I4: a read-only run reads one state, whichever', () => {
  const history = threeCommits()
  const read = (first: number, second: number) => history.run({ reads: { 20: page(first), 21: page(second) } })
  for (const [first, second] of [
    [101, 102],
    [103, 102],
    [103, 104],
  ] as const) {
    expect(() => checkReadsOneState(read(first, second), history.model, NONE)).not.toThrow()
  }
  expect(() => checkReadsOneState(read(101, 104), history.model, NONE)).toThrow('I4')
})
