import { parsePageSize } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { decodePage, encodePage } from '../../src/model/page-content.ts'
import { WorkingState } from '../../src/model/working-state.ts'
import { History } from '../histories.ts'

const page = (stamp: number) => ({ stamp, value: stamp })

describe('the model of a volume', () => {
  test('I5: a floor cuts off what older commits wrote, and not what its own commit writes', () => {
    const history = new History()
    history.commit({ 1: page(1), 5: page(1), 9: page(1) })
    history.commit({ 7: page(2) }, { floor: 4, pageCount: 9 })
    const state = history.model.state(2)
    expect([...state.pages.keys()]).toEqual([1, 7])
    expect(history.model.page(1, 9).stamp).toBe(1)
    expect(history.model.page(2, 9).stamp).toBe(0)
  })

  test('I9: changes are the union, less what a later floor cut off', () => {
    const history = new History()
    history.commit({ 1: page(1), 9: page(1) })
    history.commit({ 2: page(2) }, { floor: 4, pageCount: 4 })
    history.commit({ 8: page(3) })
    expect(history.model.changes(0, 3)).toEqual({ pages: new Set([8, 2, 1]), floor: 4 })
    expect(history.model.changes(2, 3)).toEqual({ pages: new Set([8]), floor: undefined })
    expect(history.model.changes(3, 3)).toEqual({ pages: new Set(), floor: undefined })
  })

  test('tells when a page had which content', () => {
    const history = new History()
    history.commit({ 5: page(1) })
    history.commit({ 1: page(2) })
    history.commit({}, { floor: 2, pageCount: 2 })
    history.commit({ 5: page(3) })
    expect(history.model.intervals(5, 1)).toEqual([{ from: 1, to: 2 }])
    expect(history.model.intervals(5, 0)).toEqual([
      { from: 0, to: 0 },
      { from: 3, to: 3 },
    ])
    expect(history.model.intervals(5, 3)).toEqual([{ from: 4, to: 4 }])
    expect(history.model.lastChange(5)).toBe(4)
  })
})

test('a working state cuts off, and grows again with zeros', () => {
  const history = new History()
  history.commit({ 40: page(9), 50: page(9) })
  const working = new WorkingState(history.model.state(1))
  working.apply(history.run({ pageCount: 45, writes: { 60: 1 } }))
  expect(working.page(40).stamp).toBe(9)
  expect(working.page(50).stamp).toBe(0)
  expect({ pageCount: working.pageCount, floor: working.floor }).toEqual({ pageCount: 60, floor: 45 })
})

describe('a page', () => {
  const place = { volume: 1, pageIndex: 7 }
  const pageSize = parsePageSize(512)

  test.each([1, 2])('says who wrote it, and shows every damage, stamp %i', (stamp) => {
    const bytes = encodePage({ stamp, value: 5 }, place, pageSize)
    expect(decodePage(bytes, place, 'a test')).toEqual({ stamp, value: 5 })
    for (let i = 0; i < bytes.length; i++) {
      // The value is anything.
      if (i >= 4 && i < 8) continue
      const damaged = new Uint8Array(bytes)
      damaged[i] = (damaged[i] ?? 0) ^ 0x10
      expect(() => decodePage(damaged, place, 'a test'), `byte ${i}`).toThrow(/I4|I8/)
    }
    expect(() => decodePage(bytes, { ...place, pageIndex: 8 }, 'a test')).toThrow('I4')
    expect(() => decodePage(bytes, { ...place, volume: 2 }, 'a test')).toThrow('I4')
  })

  test('I8: of zeros is one that nobody wrote, and nothing else is', () => {
    const zeros = new Uint8Array(512)
    expect(decodePage(zeros, place, 'a test').stamp).toBe(0)
    zeros[511] = 1
    expect(() => decodePage(zeros, place, 'a test')).toThrow('I8')
  })
})
