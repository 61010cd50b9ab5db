import { describe, expect, test } from 'vitest'
import { isUnderTarget, rowOf } from '../harness/rows.ts'
import type { Measurement } from '../harness/subject.ts'

const measurement: Measurement = { case: 'c', unit: 'ms', better: 'less', ours: 50, baseline: 100, baselineName: 'fs' }

describe('the ratio', () => {
  test('is above 1 where we need less of what should be little', () => {
    expect(rowOf(measurement).ratio).toBe(2)
  })

  test('is above 1 where we give more of what should be much', () => {
    expect(rowOf({ ...measurement, unit: 'MB/s', better: 'more', ours: 300, baseline: 100 }).ratio).toBe(3)
  })

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d: nothing takes no time', (value) => {
    expect(() => rowOf({ ...measurement, ours: value })).toThrow(RangeError)
    expect(() => rowOf({ ...measurement, baseline: value })).toThrow(RangeError)
  })
})

describe('the target', () => {
  test('is reached at exactly the ratio', () => {
    expect(isUnderTarget(rowOf({ ...measurement, target: 2 }))).toBe(false)
    expect(isUnderTarget(rowOf({ ...measurement, target: 2.01 }))).toBe(true)
  })

  test('is missed by nothing if there is none', () => {
    const row = rowOf({ ...measurement, ours: 1000 })
    expect(row.target).toBeNull()
    expect(isUnderTarget(row)).toBe(false)
  })
})

test('a row has exactly the fields that readers of the file rely on', () => {
  expect(Object.keys(rowOf(measurement))).toEqual(['case', 'unit', 'ours', 'baseline', 'baselineName', 'ratio', 'target'])
})
