import { Splinter } from '@graft-ts/splinter'
import { Crc64Nvme } from '@graft-ts/splinter/crc64'
import { newSegmentId, parsePageSize, runBytesMax, SEGMENT_OVERHEAD_BYTES, type SegmentRef } from '@graft-ts/volume'
import { createNodeFrameCodec } from '@graft-ts/volume/node'
import { describe, expect, test, vi } from 'vitest'
import { noisePage, openHarness, pagesOf, range, settle } from '../harness.ts'
import { ScriptedStore } from '../scripted-store.ts'
import { openDirect, runOf } from './direct.ts'

describe('what a write costs', () => {
  test('alone under policy latency: the time of one PUT, and nothing else of the store', async () => {
    const putMs = 28
    let scripted: ScriptedStore | undefined
    const { write, newVolume, store, timers } = openHarness({
      wrap: (inner) => (scripted = new ScriptedStore(inner)),
    })
    ;(scripted as unknown as ScriptedStore).onCreate = async (forward, key, body, options) => {
      await new Promise<void>((resolve) => {
        timers.start(resolve, putMs)
      })
      return forward(key, body, options)
    }
    for (let round = 0; round < 3; round++) {
      store.reset()
      let answeredMs = Number.NaN
      const startMs = timers.nowMs
      const writing = write(newVolume(), pagesOf([1])).then(() => {
        answeredMs = timers.nowMs
      })
      await timers.advance(putMs - 1)
      expect(answeredMs).toBeNaN()
      await timers.advance(1)
      await writing
      expect(answeredMs - startMs).toBe(putMs)
      expect(store.counts).toMatchObject({ create: 1, put: 0, compareAndSwap: 0, get: 0, head: 0, list: 0, delete: 0 })
      await settle()
    }
  })

  test('between the request and the store each byte is copied once and checksummed once', async () => {
    const { writer, newVolume, scripted, timers } = openDirect({
      codec: createNodeFrameCodec({ format: 'raw' }),
      policy: { type: 'cost', intervalMs: 0 },
    })
    const data = 2 * 64 * 4096
    const counts = { copied: 0, checked: 0 }
    const { set } = Uint8Array.prototype
    const { update } = Crc64Nvme.prototype
    const runs = [runOf(newVolume(), range(1, 64), 4096), runOf(newVolume(), range(1, 64), 4096)]
    vi.spyOn(Uint8Array.prototype, 'set').mockImplementation(function (this: Uint8Array, bytes, offset) {
      counts.copied += bytes.length
      return set.call(this, bytes, offset)
    })
    vi.spyOn(Crc64Nvme.prototype, 'update').mockImplementation(function (this: Crc64Nvme, bytes) {
      counts.checked += bytes.length
      return update.call(this, bytes)
    })
    // A store that keeps nothing copies nothing.
    scripted.onCreate = async () => ({ etag: 'none' })
    const writes = Promise.all(runs.map((run) => writer.write(run)))
    await timers.advance(0)
    await writes
    vi.restoreAllMocks()
    expect(counts.copied).toBeGreaterThanOrEqual(data)
    expect(counts.copied).toBeLessThan(data + 4000)
    expect(counts.checked).toBeGreaterThanOrEqual(data)
    expect(counts.checked).toBeLessThan(data + 4000)
  })

  test('one page of a million: one small segment, and a record that says no more than that page', async () => {
    const { write, commit, newVolume, ids, store, read } = openHarness()
    const volumeId = newVolume()
    const lsn = await commit(volumeId, { base: 0, pageCount: 1_000_000, refs: [millionPages()] })
    expect(lsn).toBe(1)
    store.reset()
    const page = pagesOf([500_000], 1, noisePage)
    const ref = await write(volumeId, page)
    const { create, bytesWritten } = store.counts
    expect(create).toBe(1)
    // The page, the header of its frame, and what a segment of one run says of itself.
    expect(bytesWritten).toBeLessThanOrEqual(512 + 64 + runBytesMax(ref.pages, parsePageSize(512)).index + SEGMENT_OVERHEAD_BYTES)
    expect(bytesWritten).toBeLessThan(512 + 400)
    const next = await commit(volumeId, { base: 1, pageCount: 1_000_000, refs: [ref] })
    expect((await read(volumeId, next, [500_000])).get(500_000)?.bytes).toEqual(page.get(500_000))

    function millionPages(): SegmentRef {
      const frames = Math.ceil(1_000_000 / 64)
      return {
        segmentId: newSegmentId(ids),
        pages: Splinter.fromRange(1, 1_000_000),
        offset: 0,
        frames: { lengths: new Uint32Array(frames).fill(20_000), checksums: new BigUint64Array(frames) },
      }
    }
  })

  test('one page of a million, inline: no segment, one object', async () => {
    const { commit, newVolume, store } = openHarness()
    const volumeId = newVolume()
    await commit(volumeId, { base: 0, pageCount: 1_000_000, own: [] })
    store.reset()
    await commit(volumeId, { base: 1, pageCount: 1_000_000, inline: pagesOf([500_000], 1, noisePage) })
    expect(store.counts.create).toBe(1)
    expect(store.counts.bytesWritten).toBeLessThan(512 + 600)
    expect((await store.list({ prefix: 'segments/' })).entries).toEqual([])
  })
})
