import { describe, expect, test } from 'vitest'
import { alignedGroup, leap, noPrefetch } from '../src/index.ts'
import { pages, replay } from './replay.ts'

// The access patterns by which the Rust Graft judges its own predictor, so that the two can be compared. Its counts are 15,
// 14, 25, 15, 15, 15, 59 and 68: it looks at windows that are not full, which finds a trend earlier, also where there is none.
const SCATTERED = [1, 56, 12, 100, 124, 15_550, 51, 10, 7, 4101, 23, 1, 154, 1856, 15]
const patterns = {
  sequential: pages(1, 100),
  scattered: SCATTERED,
  'scan with a stray page every 15': pages(1, 100).map((page, i) => (i % 15 === 0 ? page + 116_589 : page)),
  'stride 2': pages(1, 199, 2),
  backwards: pages(100, 1, -1),
  'backwards, stride 2': pages(200, 2, -2),
  'forwards, stride 2, back by 2, backwards': [
    ...pages(1, 100),
    ...pages(101, 299, 2),
    ...pages(500, 302, -2),
    ...pages(600, 501, -1),
  ],
  'forwards, stride 2, scattered, back by 4, backwards': [
    ...pages(1, 100),
    ...pages(101, 299, 2),
    ...SCATTERED,
    ...pages(700, 304, -4),
    ...pages(800, 701, -1),
  ],
}

describe('misses with a cache that forgets nothing', () => {
  test.each([
    { name: 'sequential', leapMisses: 14, groupMisses: 4, noneMisses: 100 },
    { name: 'scattered', leapMisses: 14, groupMisses: 7, noneMisses: 14 },
    { name: 'scan with a stray page every 15', leapMisses: 23, groupMisses: 8, noneMisses: 100 },
    { name: 'stride 2', leapMisses: 21, groupMisses: 7, noneMisses: 100 },
    { name: 'backwards', leapMisses: 21, groupMisses: 4, noneMisses: 100 },
    { name: 'backwards, stride 2', leapMisses: 21, groupMisses: 7, noneMisses: 100 },
    { name: 'forwards, stride 2, back by 2, backwards', leapMisses: 57, groupMisses: 19, noneMisses: 400 },
    { name: 'forwards, stride 2, scattered, back by 4, backwards', leapMisses: 64, groupMisses: 28, noneMisses: 405 },
  ] as const)('$name', ({ name, leapMisses, groupMisses, noneMisses }) => {
    const reads = patterns[name]
    expect({
      leap: replay(leap(), reads).misses,
      group: replay(alignedGroup({ pages: 32 }), reads).misses,
      none: replay(noPrefetch, reads).misses,
    }).toEqual({ leap: leapMisses, group: groupMisses, none: noneMisses })
  })

  test('accuracy and coverage on a scan', () => {
    // 14 misses leave 86 reads to prefetched pages; of the 87 that were prefetched one lies beyond the scan's end.
    expect(replay(leap(), patterns.sequential)).toMatchObject({ prefetched: 87, used: 86, accuracy: 86 / 87, coverage: 0.86 })
  })

  test('scattered reads cost leap nothing, a group everything', () => {
    expect(replay(leap(), patterns.scattered).prefetched).toBe(0)
    expect(replay(alignedGroup({ pages: 32 }), patterns.scattered).accuracy).toBeLessThan(0.05)
  })
})
