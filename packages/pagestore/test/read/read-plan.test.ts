import { newSegmentId, newVolumeId, parsePageSize } from '@graft-ts/volume'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { coalesceFrames, type FrameTarget, type RangeLimits } from '../../src/read/read-plan.ts'
import { countingIdSource } from '../harness.ts'

const seed = Number(process.env['FAST_CHECK_SEED'] ?? 7)
const numRuns = Number(process.env['FAST_CHECK_RUNS'] ?? 200)
const ids = countingIdSource()
const volumeId = newVolumeId(ids)
const segments = [newSegmentId(ids), newSegmentId(ids)]

/** A frame of one page of 512 bytes, or of more. */
function target(segment: number, offset: number, byteLength: number, count = 1): FrameTarget {
  const segmentId = segments[segment] as (typeof segments)[0]
  const expected = { volumeId, ownerId: segmentId, pageSize: parsePageSize(512), first: 1, last: count, count, checksum: 0n }
  return { object: { type: 'segment', segmentId }, offset, byteLength, expected, cacheKey: `${segment} ${offset}` }
}

function rangesOf(targets: readonly FrameTarget[], limits: Partial<RangeLimits> = {}): [number, number, number][] {
  return coalesceFrames(targets, { gapBytesMax: 10, rangeBytesMax: 1000, expandedBytesMax: 4096, ...limits }).map((range) => [
    range.offset,
    range.byteLength,
    range.targets.length,
  ])
}

describe('coalesceFrames', () => {
  test('joins neighbours up to the gap, at n-1, n and n+1', () => {
    for (const [gap, count] of [
      [9, 1],
      [10, 1],
      [11, 2],
    ] as const) {
      expect(rangesOf([target(0, 0, 50), target(0, 50 + gap, 50)]).length).toBe(count)
    }
  })

  test('does not join beyond the range limit, at n-1, n and n+1', () => {
    for (const [bytes, count] of [
      [499, 1],
      [500, 1],
      [501, 2],
    ] as const) {
      expect(rangesOf([target(0, 0, 500), target(0, 500, bytes)]).length).toBe(count)
    }
  })

  test('does not join what takes too much when it is expanded, at n-1, n and n+1', () => {
    const bytesOf = (count: number) => rangesOf([target(0, 0, 50, 5), target(0, 50, 50, count)], { expandedBytesMax: 10 * 512 })
    expect([4, 5, 6].map((count) => bytesOf(count).length)).toEqual([1, 1, 2])
    // The first of a new range counts too.
    const row = [5, 6, 4, 1].map((count, i) => target(0, i * 50, 50, count))
    expect(rangesOf(row, { expandedBytesMax: 10 * 512 }).map(([, , targets]) => targets)).toEqual([1, 2, 1])
  })

  test('a frame longer than the limit is read whole', () => {
    expect(rangesOf([target(0, 5, 5000)])).toEqual([[5, 5000, 1]])
  })

  test('never joins frames of different objects', () => {
    expect(rangesOf([target(0, 0, 50), target(1, 50, 50)]).length).toBe(2)
  })

  test('every frame is in exactly one range, whole; ranges hold their limits', () => {
    const frames = fc.uniqueArray(
      fc.record({ segment: fc.nat(1), start: fc.nat(100), bytes: fc.integer({ min: 1, max: 300 }) }),
      {
        selector: ({ segment, start }) => `${segment} ${start}`,
        maxLength: 40,
      },
    )
    fc.assert(
      fc.property(frames, fc.nat(100), fc.integer({ min: 1, max: 900 }), (list, gapBytesMax, rangeBytesMax) => {
        const targets = list.map(({ segment, start, bytes }) => target(segment, start * 40, bytes))
        const ranges = coalesceFrames(targets, { gapBytesMax, rangeBytesMax, expandedBytesMax: 4096 })
        const seen = new Set<FrameTarget>()
        for (const range of ranges) {
          expect(range.byteLength <= rangeBytesMax || range.targets.length === 1).toBe(true)
          for (const frame of range.targets) {
            expect(seen.has(frame)).toBe(false)
            seen.add(frame)
            expect(frame.object).toEqual(range.object)
            expect(frame.offset).toBeGreaterThanOrEqual(range.offset)
            expect(frame.offset + frame.byteLength).toBeLessThanOrEqual(range.offset + range.byteLength)
          }
        }
        expect(seen.size).toBe(targets.length)
      }),
      { seed, numRuns },
    )
  })
})
