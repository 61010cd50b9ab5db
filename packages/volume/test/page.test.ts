import { expect, test } from 'vitest'
import { checkPageCount, checkPageIndex, LSN_NONE, lowerFloor, nextLsn, parseLsn, parsePageSize } from '../src/index.ts'

test('page sizes are the powers of two from 512 to 65,536', () => {
  const accepted = Array.from({ length: 70_000 }, (_, size) => size).filter((size) => {
    try {
      return parsePageSize(size) === size
    } catch {
      return false
    }
  })
  expect(accepted).toEqual([512, 1024, 2048, 4096, 8192, 16384, 32768, 65536])
  for (const wrong of [-512, 512.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 40]) {
    expect(() => parsePageSize(wrong)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'PAGE_SIZE' }))
  }
})

test('page indexes are 1 to 2^32 - 1, page counts 0 to 2^32 - 1', () => {
  expect(checkPageIndex(1)).toBe(1)
  expect(checkPageIndex(2 ** 32 - 1)).toBe(2 ** 32 - 1)
  for (const wrong of [0, -1, 1.5, 2 ** 32, Number.NaN]) {
    expect(() => checkPageIndex(wrong)).toThrow(expect.objectContaining({ code: 'PAGE_INDEX' }))
  }
  expect(checkPageCount(0)).toBe(0)
  expect(checkPageCount(2 ** 32 - 1)).toBe(2 ** 32 - 1)
  for (const wrong of [-1, 0.5, 2 ** 32]) {
    expect(() => checkPageCount(wrong)).toThrow(expect.objectContaining({ code: 'PAGE_COUNT' }))
  }
})

test('LSNs are 0 to 2^53 - 1', () => {
  expect(parseLsn(0)).toBe(LSN_NONE)
  expect(parseLsn(2n ** 53n - 1n)).toBe(2 ** 53 - 1)
  expect(nextLsn(LSN_NONE)).toBe(1)
  for (const wrong of [-1, 0.5, 2 ** 53, 2n ** 53n, 2n ** 64n - 1n, -1n]) {
    expect(() => parseLsn(wrong)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'LSN_RANGE' }))
  }
})

test('an absent floor is infinite', () => {
  expect(lowerFloor(undefined, undefined)).toBeUndefined()
  expect(lowerFloor(3, undefined)).toBe(3)
  expect(lowerFloor(undefined, 0)).toBe(0)
  expect(lowerFloor(4, 3)).toBe(3)
})
