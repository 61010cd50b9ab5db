import { Splinter } from '@graft-ts/splinter'
import { frameRange } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { newCounters } from '../../src/metrics.ts'
import { FrameReader } from '../../src/read/frame-reader.ts'
import { PageReader } from '../../src/read/page-reader.ts'
import { RangeReader } from '../../src/read/range-reader.ts'
import { settle, syncCodec } from '../harness.ts'
import { withVolume } from './with-volume.ts'

test('a consumer that leaves early gives up what is still being read for it', async () => {
  const { logs, store, timers, volumeId, lsn, ref, scripted } = await withVolume(640)
  const [counters, limits] = [newCounters(), DEFAULT_LIMITS]
  const ranges = new RangeReader({ segments: store, commits: store, scope: 'shared', limits, timers, counters })
  const frames = new FrameReader({
    ranges,
    codec: syncCodec,
    limits,
    cacheBytesMax: 0,
    kept: undefined,
    log: () => undefined,
    counters,
  })
  const reader = new PageReader({ logs, frames, ranges, limits, counters })
  let other: AbortSignal | undefined
  scripted.onGet = (forward, key, options) => {
    if (options?.range?.offset === frameRange(ref, 0).offset) return forward(key, options)
    other = options?.signal
    return new Promise(() => undefined)
  }
  const request = { volumeId, lsn, wanted: Splinter.from([1, 640]), useful: new Splinter() }
  // The request itself goes on: nobody but the generator's own end can tell.
  for await (const group of reader.read(request, new AbortController().signal)) {
    expect([...group.pages]).toEqual([1])
    expect(other?.aborted).toBe(false)
    break
  }
  await settle()
  expect(other?.aborted).toBe(true)
})
