import { Splinter } from '@graft-ts/splinter'
import type { Lsn } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { PageCache } from '../../src/read/page-cache.ts'
import { VolumeMemory } from '../../src/read/volume-memory.ts'

const lsn = (value: number): Lsn => value as Lsn
const BYTES = 100
const page = (from: number, to?: number) => ({
  from: lsn(from),
  to: to === undefined ? undefined : lsn(to),
  bytes: new Uint8Array(BYTES),
})
const ENTRY = 256 + BYTES

/** A cache of so many pages, and two volumes. */
function open(pages: number): { cache: PageCache; ours: VolumeMemory; theirs: VolumeMemory } {
  const cache = new PageCache(pages * ENTRY)
  return { cache, ours: new VolumeMemory(cache), theirs: new VolumeMemory(cache) }
}

describe('pages in memory', () => {
  test('I4: hold for their interval, which ends at the base where it is open', () => {
    const { ours, theirs } = open(10)
    ours.keep(1, page(3))
    ours.keep(2, page(3, 5))
    const holds = (pageIndex: number, at: number): boolean => ours.find(pageIndex, lsn(at), lsn(7)) !== undefined
    expect([2, 3, 5, 7, 8].map((at) => holds(1, at))).toEqual([false, true, true, true, false])
    expect([2, 3, 5, 6].map((at) => holds(2, at))).toEqual([false, true, true, false])
    expect(theirs.find(1, lsn(3), lsn(7))).toBeUndefined()
  })

  test('are bounded in bytes, and those that were used stay longer', () => {
    const { cache, ours, theirs } = open(4)
    for (let i = 1; i <= 4; i++) ours.keep(i, page(1))
    expect(cache.bytes).toBe(4 * ENTRY)
    ours.find(1, lsn(1), lsn(1))
    ours.keep(5, page(1))
    theirs.keepLocal(1, 1, new Uint8Array(BYTES))
    const here = [1, 2, 3, 4, 5].filter((i) => ours.has(i))
    expect(here).toEqual([1, 4, 5])
    expect(theirs.findLocal(1, 1)).toHaveLength(BYTES)
    expect(cache.bytes).toBe(4 * ENTRY)
    // The mark counts once; that of a page of a local commit, too.
    for (let i = 6; i <= 8; i++) ours.keep(i, page(1))
    expect([ours.has(1), theirs.findLocal(1, 1) === undefined]).toEqual([false, false])
    for (let i = 9; i <= 12; i++) ours.keep(i, page(1))
    for (let i = 13; i <= 16; i++) ours.keep(i, page(1))
    expect(theirs.findLocal(1, 1)).toBeUndefined()
  })

  test('replace each other, and cost what is here', () => {
    const { cache, ours, theirs } = open(100)
    for (let i = 0; i < 1000; i++) ours.keep(1, page(i + 1))
    for (let i = 0; i < 1000; i++) ours.keepLocal(i + 1, 1, new Uint8Array(BYTES))
    ours.keep(2, { from: lsn(1), to: undefined, bytes: undefined })
    theirs.keep(1, page(1))
    expect(cache.bytes).toBe(3 * ENTRY + 256)
    ours.clear()
    expect(cache.bytes).toBe(ENTRY)
    ours.clear()
  })

  test('that are larger than all of the room are not kept, and nothing goes for them', () => {
    const { ours } = open(1)
    ours.keep(1, page(1))
    ours.keep(2, { from: lsn(1), to: undefined, bytes: new Uint8Array(BYTES + 1) })
    expect([ours.has(1), ours.has(2)]).toEqual([true, false])
    ours.keep(1, { from: lsn(2), to: undefined, bytes: new Uint8Array(BYTES + 1) })
    expect(ours.has(1)).toBe(false)
  })

  test('I5: go when others changed them or cut them off, in their volume alone', () => {
    const changed = (pages: number[], floor?: number): number[] => {
      const { ours, theirs } = open(100)
      for (let i = 1; i <= 5; i++) ours.keep(i, page(1))
      theirs.keep(2, page(1))
      ours.drop({ pages: Splinter.from(pages), floor })
      expect(theirs.has(2)).toBe(true)
      return [1, 2, 3, 4, 5].filter((i) => ours.has(i))
    }
    expect(changed([2, 9])).toEqual([1, 3, 4, 5])
    expect(changed([1, 2, 3, 4, 6, 7, 8])).toEqual([5])
    expect(changed([2], 3)).toEqual([1, 3])
    expect(changed([], 0)).toEqual([])
  })

  test('I4: of local commits are there as the commit wrote them, or not at all', () => {
    const { ours } = open(100)
    ours.keepLocal(1, 1, Uint8Array.of(1))
    expect([1, 2].map((sequence) => ours.findLocal(sequence, 1)?.[0])).toEqual([1, undefined])
    ours.keepLocal(2, 1, Uint8Array.of(2))
    expect([1, 2, 3].map((sequence) => ours.findLocal(sequence, 1)?.[0])).toEqual([undefined, 2, undefined])
    ours.drop({ pages: Splinter.from([1]), floor: 0 })
    expect(ours.findLocal(2, 1)?.[0]).toBe(2)
  })

  test('of a local commit that was pushed are those of a remote one, without being copied', () => {
    const { cache, ours } = open(100)
    const bytes = Uint8Array.of(7)
    ours.keepLocal(1, 1, bytes)
    ours.keepLocal(2, 2, Uint8Array.of(8))
    ours.adopt(1, [1, 2, 3], lsn(5))
    expect(ours.find(1, lsn(5), lsn(5))?.bytes).toBe(bytes)
    expect(ours.find(1, lsn(4), lsn(5))).toBeUndefined()
    expect([ours.findLocal(1, 1), ours.has(2), ours.has(3)]).toEqual([undefined, false, false])
    expect(ours.findLocal(2, 2)?.[0]).toBe(8)
    expect(cache.bytes).toBe(2 * (256 + 1))
  })
})
