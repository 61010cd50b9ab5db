import { Splinter } from '@graft-ts/splinter'
import { type Lsn, newVolumeId } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { PageCache } from '../../src/read/page-cache.ts'
import { countingIdSource } from '../harness.ts'

const ids = countingIdSource()
const [ours, theirs] = [newVolumeId(ids), newVolumeId(ids)]
const lsn = (value: number): Lsn => value as Lsn
const BYTES = 100
const page = (from: number, to?: number) => ({
  from: lsn(from),
  to: to === undefined ? undefined : lsn(to),
  bytes: new Uint8Array(BYTES),
})
const ENTRY = 256 + BYTES

describe('pages in memory', () => {
  test('I4: hold for their interval, which ends at the base where it is open', () => {
    const cache = new PageCache(10 * ENTRY)
    cache.keep(ours, 1, page(3))
    cache.keep(ours, 2, page(3, 5))
    const holds = (pageIndex: number, at: number): boolean => cache.find(ours, pageIndex, lsn(at), lsn(7)) !== undefined
    expect([2, 3, 5, 7, 8].map((at) => holds(1, at))).toEqual([false, true, true, true, false])
    expect([2, 3, 5, 6].map((at) => holds(2, at))).toEqual([false, true, true, false])
    expect(cache.find(theirs, 1, lsn(3), lsn(7))).toBeUndefined()
  })

  test('are bounded in bytes, and those that were used stay longer', () => {
    const cache = new PageCache(4 * ENTRY)
    for (let i = 1; i <= 4; i++) cache.keep(ours, i, page(1))
    expect(cache.bytes).toBe(4 * ENTRY)
    cache.find(ours, 1, lsn(1), lsn(1))
    cache.keep(ours, 5, page(1))
    cache.keepLocal(theirs, 1, 1, new Uint8Array(BYTES))
    const here = [1, 2, 3, 4, 5].filter((i) => cache.has(ours, i))
    expect(here).toEqual([1, 4, 5])
    expect(cache.findLocal(theirs, 1, 1)).toHaveLength(BYTES)
    expect(cache.bytes).toBe(4 * ENTRY)
    // The mark counts once.
    for (let i = 6; i <= 9; i++) cache.keep(ours, i, page(1))
    expect(cache.has(ours, 1)).toBe(false)
  })

  test('replace each other, and cost what is here', () => {
    const cache = new PageCache(100 * ENTRY)
    for (let i = 0; i < 1000; i++) cache.keep(ours, 1, page(i + 1))
    cache.keep(ours, 2, { from: lsn(1), to: undefined, bytes: undefined })
    expect(cache.bytes).toBe(ENTRY + 256)
    cache.dropVolume(ours)
    expect(cache.bytes).toBe(0)
    cache.dropVolume(ours)
  })

  test('that are larger than all of the room are not kept, and nothing goes for them', () => {
    const cache = new PageCache(ENTRY)
    cache.keep(ours, 1, page(1))
    cache.keep(ours, 2, { from: lsn(1), to: undefined, bytes: new Uint8Array(BYTES + 1) })
    expect([cache.has(ours, 1), cache.has(ours, 2)]).toEqual([true, false])
    cache.keep(ours, 1, { from: lsn(2), to: undefined, bytes: new Uint8Array(BYTES + 1) })
    expect(cache.has(ours, 1)).toBe(false)
  })

  test('I5: go when others changed them or cut them off, in their volume alone', () => {
    const changed = (pages: number[], floor?: number): number[] => {
      const cache = new PageCache(100 * ENTRY)
      for (let i = 1; i <= 5; i++) cache.keep(ours, i, page(1))
      cache.keep(theirs, 2, page(1))
      cache.drop(ours, { pages: Splinter.from(pages), floor })
      expect(cache.has(theirs, 2)).toBe(true)
      cache.drop(newVolumeId(ids), { pages: Splinter.from(pages), floor })
      return [1, 2, 3, 4, 5].filter((i) => cache.has(ours, i))
    }
    expect(changed([2, 9])).toEqual([1, 3, 4, 5])
    expect(changed([1, 2, 3, 4, 6, 7, 8])).toEqual([5])
    expect(changed([2], 3)).toEqual([1, 3])
    expect(changed([], 0)).toEqual([])
  })

  test('of local commits are told apart by their sequence', () => {
    const cache = new PageCache(100 * ENTRY)
    cache.keepLocal(ours, 1, 1, Uint8Array.of(1))
    cache.keepLocal(ours, 2, 1, Uint8Array.of(2))
    expect([1, 2, 3].map((sequence) => cache.findLocal(ours, sequence, 1)?.[0])).toEqual([1, 2, undefined])
    cache.drop(ours, { pages: Splinter.from([1]), floor: 0 })
    expect(cache.findLocal(ours, 1, 1)?.[0]).toBe(1)
  })
})
