import type { Lsn } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { Floors } from '../../src/order/floors.ts'

const cut = (after: number, until: number, floor: number) => ({ after: after as Lsn, until: until as Lsn, floor })

describe('the lowest floor after an LSN', () => {
  test('is that of the oldest truncation that is kept after it', () => {
    const floors = new Floors()
    expect([floors.lowest, floors.lowestAfter(0 as Lsn)]).toEqual([undefined, undefined])
    floors.addNewer([cut(6, 7, 30), cut(2, 3, 10)])
    const found = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((lsn) => floors.lowestAfter(lsn as Lsn))
    expect(found).toEqual([10, 10, 10, 30, 30, 30, 30, undefined, undefined])
    expect(floors.lowest).toBe(10)
  })

  test('a newer truncation that cuts as deep decides alone', () => {
    const floors = new Floors()
    floors.addNewer([cut(1, 2, 5)])
    floors.addNewer([cut(3, 4, 20)])
    floors.addNewer([cut(5, 6, 20)])
    expect(floors.size).toBe(2)
    expect(floors.lowestAfter(4 as Lsn)).toBe(20)
    floors.addNewer([cut(7, 8, 4)])
    expect(floors.size).toBe(1)
    expect(floors.lowestAfter(0 as Lsn)).toBe(4)
  })

  test('older ones are put in front', () => {
    const floors = new Floors()
    floors.addNewer([cut(7, 8, 20)])
    floors.addOlder([cut(5, 6, 10), cut(1, 2, 3)])
    expect([0, 2, 6, 8].map((lsn) => floors.lowestAfter(lsn as Lsn))).toEqual([3, 10, 20, undefined])
  })

  test('within the range in which something was cut off it is unclear', () => {
    const floors = new Floors()
    floors.addNewer([cut(4, 8, 10)])
    const found = [3, 4, 5, 7, 8].map((lsn) => floors.lowestAfter(lsn as Lsn))
    expect(found).toEqual([10, 10, 'unclear', 'unclear', undefined])
  })
})
