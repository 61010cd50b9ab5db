import { Splinter } from '@graft-ts/splinter'
import { type ByteRange } from '@graft-ts/storage-adapters'
import { frameRange, idToBytes, storeKeys } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { openHarness, outcomeOf, pagesOf, range, settle } from '../harness.ts'
import { ScriptedStore } from '../scripted-store.ts'
import { withVolume } from './with-volume.ts'

describe('reading pages', () => {
  test('a point read is one GET of one frame when the log is known', async () => {
    const { read, volumeId, lsn, pages, ref, store } = await withVolume(300)
    const answer = await read(volumeId, lsn, [130])
    expect(answer.get(130)).toEqual({ lsn, bytes: pages.get(130) })
    expect(answer.size).toBe(1)
    expect(store.counts).toMatchObject({ get: 1, head: 0, list: 0 })
    expect(store.counts.bytesRead).toBe(ref.frames.lengths[2])
  })

  test('a cold page store reads commit records, and one frame with one GET', async () => {
    const { memory, volumeId, lsn, pages, ref } = await withVolume(300)
    const gets: { key: string; range: ByteRange | undefined }[] = []
    const cold = openHarness({
      wrap: () => {
        const scripted = new ScriptedStore(memory)
        scripted.onGet = (forward, key, options) => {
          gets.push({ key, range: options?.range })
          return forward(key, options)
        }
        return scripted
      },
    })
    expect((await cold.read(volumeId, lsn, [130])).get(130)?.bytes).toEqual(pages.get(130))
    const frames = gets.filter(({ key }) => key === storeKeys.segment(ref.segmentId as never))
    const { offset, length } = frameRange(ref, 2)
    expect(frames.map(({ range: asked }) => asked)).toEqual([{ offset, length }])
    const others = gets.filter((get) => !frames.includes(get)).map(({ key }) => key)
    expect(others).toEqual([storeKeys.commit(volumeId, lsn)])
  })

  test('a second read of the same frame is no GET', async () => {
    const { read, volumeId, lsn, store } = await withVolume(300)
    await read(volumeId, lsn, [130])
    await read(volumeId, lsn, [131, 140])
    expect(store.counts.get).toBe(1)
  })

  test('100 readers of one cold frame cause one GET', async () => {
    const { read, volumeId, lsn, pages, store, pagestore } = await withVolume(64)
    const answers = await Promise.all(range(1, 100).map((i) => read(volumeId, lsn, [(i % 64) + 1])))
    for (const answer of answers) for (const [index, { bytes }] of answer) expect(bytes).toEqual(pages.get(index))
    expect(store.counts.get).toBe(1)
    expect(pagestore.metrics()).toMatchObject({ gets: 1, framesRead: 1, readRequests: 100, pagesRead: 100 })
  })

  test('100 readers of one cold frame, of whom some leave: still one GET, and the others are answered', async () => {
    const { client, volumeId, lsn, pages, store, scripted } = await withVolume(64)
    let open = (): void => undefined
    let signal: AbortSignal | undefined
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    scripted.onGet = async (forward, key, options) => {
      signal = options?.signal
      await gate
      return forward(key, options)
    }
    const readers = range(1, 100).map((i) => ({ i, controller: new AbortController() }))
    const outcomes = readers.map(async ({ i, controller }) => {
      const wanted = Splinter.from([(i % 64) + 1]).toBytes()
      const request = { volumeId: idToBytes(volumeId), lsn: BigInt(lsn), wanted }
      for await (const group of client.readPages(request, { signal: controller.signal })) {
        expect(group.data).toEqual(pages.get((i % 64) + 1))
      }
    })
    const settled = Promise.allSettled(outcomes)
    await settle()
    for (const { controller } of readers.slice(0, 99)) controller.abort()
    await settle()
    expect(signal?.aborted).toBe(false)
    open()
    expect((await settled).filter(({ status }) => status === 'fulfilled').length).toBe(1)
    expect(store.counts.get).toBe(1)
  })

  test('a cold scan of 2,000 pages reads at most 1.05 of their stored bytes', async () => {
    const { read, volumeId, lsn, pages, ref, store } = await withVolume(2000, {
      limits: { writePagesMax: 2000, readPagesMax: 2000 },
    })
    const answer = await read(volumeId, lsn, range(1, 2000))
    expect(answer.size).toBe(2000)
    for (const [index, { bytes }] of answer) expect(Buffer.compare(bytes as Uint8Array, pages.get(index) as Uint8Array)).toBe(0)
    const storedBytes = ref.frames.lengths.reduce((sum, length) => sum + length, 0)
    expect(store.counts.bytesRead).toBeLessThanOrEqual(storedBytes * 1.05)
    expect(store.counts.get).toBeLessThanOrEqual(Math.ceil(storedBytes / (2 * 2 ** 20)) + 1)
  })

  test('frames that are far apart are read on their own, neighbours together', async () => {
    const { read, volumeId, lsn, store } = await withVolume(640)
    await read(volumeId, lsn, [1, 65, 640])
    expect(store.counts.get).toBe(2)
  })

  test('I4: a read at a snapshot gives that snapshot, whatever was committed later', async () => {
    const { read, write, commit, volumeId, lsn, pages } = await withVolume(10)
    const newer = pagesOf([2, 3], 99)
    const ref = await write(volumeId, newer)
    const second = await commit(volumeId, { base: lsn, pageCount: 12, refs: [ref] })
    const third = await commit(volumeId, { base: second, pageCount: 2, own: [], floor: 2 })
    for (const [index, { bytes, lsn: writtenAt }] of await read(volumeId, lsn, range(1, 10))) {
      expect([writtenAt, bytes]).toEqual([lsn, pages.get(index)])
    }
    const atSecond = await read(volumeId, second, range(1, 12))
    expect(atSecond.get(2)).toEqual({ lsn: second, bytes: newer.get(2) })
    expect(atSecond.get(4)).toEqual({ lsn, bytes: pages.get(4) })
    expect(atSecond.get(11)).toEqual({ lsn: 0, bytes: undefined })
    expect((await read(volumeId, third, [1, 2])).get(2)).toEqual({ lsn: second, bytes: newer.get(2) })
  })

  test('I5: pages that were cut off read as zeros after growing again', async () => {
    const { read, commit, volumeId, lsn } = await withVolume(10)
    const cut = await commit(volumeId, { base: lsn, pageCount: 4, own: [], floor: 4 })
    const grown = await commit(volumeId, { base: cut, pageCount: 10, own: [] })
    const answer = await read(volumeId, grown, [4, 5, 10])
    expect(answer.get(4)?.lsn).toBe(lsn)
    expect(answer.get(5)).toEqual({ lsn: 0, bytes: undefined })
    expect(answer.get(10)).toEqual({ lsn: 0, bytes: undefined })
  })

  test('pages that were never written cost no I/O', async () => {
    const { read, commit, volumeId, lsn, store, pagestore } = await withVolume(1)
    const sparse = await commit(volumeId, { base: lsn, pageCount: 4_000_000_000, own: [] })
    store.reset()
    const answer = await read(volumeId, sparse, [2, 3_999_999_999])
    expect([...answer.values()]).toEqual([
      { lsn: 0, bytes: undefined },
      { lsn: 0, bytes: undefined },
    ])
    expect(store.counts.get).toBe(0)
    expect(pagestore.metrics().zeroPagesRead).toBe(2)
  })

  test('inline frames are read out of the commit object', async () => {
    const { read, commit, newVolume, store } = openHarness()
    const volumeId = newVolume()
    const inline = pagesOf(range(1, 100), 3)
    const lsn = await commit(volumeId, { base: 0, pageCount: 100, inline })
    store.reset()
    const answer = await read(volumeId, lsn, [70, 99])
    expect([answer.get(70)?.bytes, answer.get(99)?.bytes]).toEqual([inline.get(70), inline.get(99)])
    expect(store.counts.get).toBe(1)
  })

  test('two refs to one frame, of two commits, are answered from one GET with the LSN of each', async () => {
    const { read, write, commit, newVolume, store } = openHarness()
    const volumeId = newVolume()
    const ref = await write(volumeId, pagesOf([1, 2, 3]))
    const first = await commit(volumeId, { base: 0, pageCount: 3, refs: [ref], own: [1, 3] })
    const second = await commit(volumeId, { base: first, pageCount: 3, refs: [ref], own: [2] })
    store.reset()
    const answer = await read(volumeId, second, [1, 2, 3])
    expect([1, 2, 3].map((index) => answer.get(index)?.lsn)).toEqual([first, second, first])
    expect(store.counts.get).toBe(1)
  })

  test('pages of several segments and commits come in one answer', async () => {
    const { read, write, commit, newVolume } = openHarness()
    const volumeId = newVolume()
    let base = 0
    const expected = new Map<number, { lsn: number; bytes: Uint8Array | undefined }>()
    for (let i = 1; i <= 20; i++) {
      const pages = pagesOf([i, 50 + (i % 7)], i)
      base = await commit(volumeId, { base, pageCount: 100, refs: [await write(volumeId, pages)] })
      for (const [index, bytes] of pages) expected.set(index, { lsn: base, bytes })
    }
    const answer = await read(volumeId, base, range(1, 60))
    for (const index of range(1, 60)) expect(answer.get(index)).toEqual(expected.get(index) ?? { lsn: 0, bytes: undefined })
  })

  test('a page store that has not seen an LSN looks for it, and never answers from an older state', async () => {
    const { volumeId, lsn, memory, write } = await withVolume(3)
    const other = openHarness({ wrap: () => memory })
    expect((await other.read(volumeId, lsn, [1])).get(1)?.lsn).toBe(lsn)
    const newer = pagesOf([1], 77)
    const ref = await write(volumeId, newer)
    // Somebody else commits; this page store learns of it from the request.
    const third = openHarness({ wrap: () => memory })
    const second = await third.commit(volumeId, { base: lsn, pageCount: 3, refs: [ref] })
    expect((await other.read(volumeId, second, [1])).get(1)).toEqual({ lsn: second, bytes: newer.get(1) })
  })

  test('an LSN of the future is typed, after one look', async () => {
    const { read, volumeId, lsn, store } = await withVolume(3)
    expect(await outcomeOf(read(volumeId, lsn + 1, [1]))).toBe('missing LSN_FUTURE')
    expect(await outcomeOf(read(volumeId, 2 ** 53 - 1, [1]))).toBe('missing LSN_FUTURE')
    expect(store.counts.list).toBe(0)
    expect(store.counts.get).toBeLessThanOrEqual(8)
  })

  test('an unknown volume is typed', async () => {
    const { read, newVolume } = openHarness()
    expect(await outcomeOf(read(newVolume(), 1, [1]))).toBe('missing VOLUME_UNKNOWN')
  })

  test('with segmentScope changed, older segments are still found', async () => {
    const { volumeId, lsn, pages, memory } = await withVolume(3)
    const other = openHarness({ wrap: () => memory, segmentScope: 'volume' })
    expect((await other.read(volumeId, lsn, [2])).get(2)?.bytes).toEqual(pages.get(2))
  })

  test('memory for frames is bounded', async () => {
    const { read, volumeId, lsn, pagestore } = await withVolume(640, { cacheBytesMax: 100_000 })
    await read(volumeId, lsn, range(1, 640))
    expect(pagestore.metrics().cacheBytesNow).toBeLessThanOrEqual(100_000)
    expect(pagestore.metrics().cacheBytesNow).toBeGreaterThan(0)
  })

  test('without memory for frames every read is a GET', async () => {
    const { read, volumeId, lsn, store, pagestore } = await withVolume(3, { cacheBytesMax: 0 })
    await read(volumeId, lsn, [1])
    await read(volumeId, lsn, [1])
    expect(store.counts.get).toBe(2)
    expect(pagestore.metrics().cacheBytesNow).toBe(0)
  })

  test('a read that is alone needs no room to wait in, however much it reads', async () => {
    const limits = { getsInFlightMax: 2, getsWaitingMax: 0, rangeGapBytesMax: 0 }
    const { read, volumeId, lsn } = await withVolume(640, { limits })
    const scattered = range(0, 4).map((frame) => 1 + 128 * frame)
    expect([...(await read(volumeId, lsn, scattered)).keys()].sort((a, b) => a - b)).toEqual(scattered)
  })
})
