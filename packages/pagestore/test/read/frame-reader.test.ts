import { Splinter } from '@graft-ts/splinter'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { newCommitId, newSegmentId, newVolumeId, parsePageSize, SegmentBuilder, storeKeys } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { newCounters } from '../../src/metrics.ts'
import { FrameReader } from '../../src/read/frame-reader.ts'
import { RangeReader } from '../../src/read/range-reader.ts'
import { planRead } from '../../src/read/read-plan.ts'
import { concat, countingIdSource, noisePage, pagesOf, range, syncCodec, VirtualTimers } from '../harness.ts'

/** A reader, and the two frames of a run that is stored raw. */
async function twoFrames() {
  const ids = countingIdSource()
  const [store, counters, limits] = [new MemoryStore(), newCounters(), DEFAULT_LIMITS]
  const [segmentId, volumeId, pageSize] = [newSegmentId(ids), newVolumeId(ids), parsePageSize(512)]
  const builder = new SegmentBuilder({ segmentId, codec: syncCodec })
  const pages = Splinter.fromRange(1, 128)
  const data = concat(pagesOf(range(1, 128), 0, noisePage))
  const ref = await builder.add({ volumeId, pageSize, pages, data })
  await store.create(storeKeys.segment(segmentId), builder.finish())

  const content = { ref, commitId: newCommitId(ids), commitKey: '', inlineOffset: 0 }
  const { frames } = planRead(volumeId, pageSize, [{ pages, lsn: 1 as never, content }])
  const ranges = new RangeReader({
    segments: store,
    commits: store,
    scope: 'shared',
    limits,
    timers: new VirtualTimers(),
    counters,
  })
  const reader = new FrameReader({
    ranges,
    codec: syncCodec,
    limits,
    cacheBytesMax: 2 ** 20,
    kept: undefined,
    log: () => undefined,
    counters,
  })
  return { reader, counters, targets: frames.map((frame) => frame.target) }
}

test('a frame in memory does not keep the whole reply alive that it came in', async () => {
  const { reader, counters, targets } = await twoFrames()
  // Noise is stored raw, and such a frame expands to a view over the bytes that were read.
  const expanded = await Promise.all(reader.read(targets, new AbortController().signal))
  expect(counters.gets).toBe(1)
  expect(expanded.map((frame) => frame.buffer.byteLength)).toEqual([64 * 512, 64 * 512])
})

test('a request that is over before its frames are asked for reads nothing, and leaves no failure that nobody looks at', async () => {
  const { reader, counters, targets } = await twoFrames()
  // Two frames in one ranged read: neither may be left half joined.
  expect(() => reader.read(targets, AbortSignal.abort())).toThrow(expect.objectContaining({ code: 'REQUEST_ABORTED' }))
  expect(counters.gets).toBe(0)
})
