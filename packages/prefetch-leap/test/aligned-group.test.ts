import { expect, test } from 'vitest'
import { alignedGroup, noPrefetch } from '../src/index.ts'
import { pages } from './replay.ts'

const OPEN = { lastPage: 2 ** 32 - 1, isLocal: () => false }

test('a group is the rest of its aligned pages, in ascending order', () => {
  const prefetcher = alignedGroup({ pages: 4 })(OPEN)
  expect(prefetcher.onMiss(1)).toEqual([2, 3, 4])
  expect(prefetcher.onMiss(4)).toEqual([1, 2, 3])
  expect(prefetcher.onMiss(5)).toEqual([6, 7, 8])
  expect(prefetcher.onMiss(2 ** 32 - 1)).toEqual([2 ** 32 - 3, 2 ** 32 - 2])
})

test('a group ends with the volume, and leaves out what is local', () => {
  const prefetcher = alignedGroup({ pages: 32 })({ lastPage: 40, isLocal: (page) => page % 2 === 0 })
  expect(prefetcher.onMiss(34)).toEqual([33, 35, 37, 39])
  expect(alignedGroup({ pages: 32 })({ lastPage: 0, isLocal: () => false }).onMiss(1)).toEqual([])
})

test('hits change nothing', () => {
  const prefetcher = alignedGroup({ pages: 2 })(OPEN)
  prefetcher.onHit(1)
  expect(prefetcher.onMiss(7)).toEqual([8])
})

test('a group is 1 to 65,536 pages', () => {
  expect(alignedGroup({ pages: 1 })(OPEN).onMiss(9)).toEqual([])
  expect(alignedGroup({ pages: 65_536 })(OPEN).onMiss(1)).toEqual(pages(2, 65_536))
  for (const wrong of [0, 65_537, 1.5, Number.NaN]) {
    expect(() => alignedGroup({ pages: wrong })).toThrow(expect.objectContaining({ kind: 'invalid', code: 'PREFETCH_OPTIONS' }))
  }
})

test('no prefetching', () => {
  const prefetcher = noPrefetch(OPEN)
  prefetcher.onHit(1)
  expect(prefetcher.onMiss(2)).toEqual([])
})
