import { Splinter } from '@graft-ts/splinter'
import { decodeSegmentIndex, type FrameCodec, idToBytes, storeKeys } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { noisePage, openHarness, outcomeOf, pagesOf, range, settle, syncCodec } from '../harness.ts'
import { openGated, segmentKeys } from './gated.ts'

describe('writing under policy latency', () => {
  test('an isolated write waits for exactly one PUT', async () => {
    const { write, newVolume, store } = openHarness()
    const ref = await write(newVolume(), pagesOf([1, 2, 3]))
    expect(store.counts).toMatchObject({ create: 1, put: 0, get: 0, head: 0, list: 0 })
    expect([...ref.pages]).toEqual([1, 2, 3])
  })

  test('I1: a write is answered only when its segment is durable', async () => {
    const { write, newVolume, gates, memory } = openGated()
    let isAnswered = false
    const writing = write(newVolume(), pagesOf([1])).finally(() => {
      isAnswered = true
    })
    await settle()
    expect(gates.length).toBe(1)
    expect(isAnswered).toBe(false)
    expect(await segmentKeys(memory)).toEqual([])
    gates[0]?.open()
    const ref = await writing
    expect(await segmentKeys(memory)).toEqual([storeKeys.segment(ref.segmentId as never)])
  })

  test('16 writers of 4 volumes at once end up in at most two segments', async () => {
    const { write, newVolume, store, memory } = openHarness()
    const volumes = range(1, 4).map(newVolume)
    const refs = await Promise.all(range(0, 15).map((i) => write(volumes[i % 4] as never, pagesOf([i + 1, i + 2]))))
    expect(store.counts.create).toBeLessThanOrEqual(2)
    expect(new Set(refs.map((ref) => ref.segmentId)).size).toBe(store.counts.create)
    const runs = []
    for (const key of await segmentKeys(memory)) {
      const object = await memory.get(key)
      runs.push(...decodeSegmentIndex(object?.bytes as Uint8Array).runs)
    }
    expect(runs.length).toBe(16)
    for (const volumeId of volumes) expect(runs.filter((run) => run.volumeId === volumeId).length).toBe(4)
  })

  test('several writes of one volume share a segment', async () => {
    const { write, newVolume, store } = openHarness()
    const volumeId = newVolume()
    await Promise.all(range(1, 16).map((i) => write(volumeId, pagesOf([i]))))
    expect(store.counts.create).toBeLessThanOrEqual(2)
  })

  test('a full group starts although another upload is in flight', async () => {
    const { write, newVolume, gates } = openGated({ limits: { segmentBytesMax: 128 * 1024 } })
    const volumeId = newVolume()
    const writes = range(1, 5).map((i) => write(volumeId, pagesOf(range(i * 100, i * 100 + 59), 0, noisePage, 1024), 1024))
    await settle()
    // The first alone; then two, as full as a group gets, for the next one did not fit; the last two gather.
    expect(gates.length).toBe(2)
    gates[1]?.open()
    await Promise.all(writes.slice(1, 3))
    expect(gates.length).toBe(2)
    gates[0]?.open()
    await writes[0]
    await settle()
    gates[2]?.open()
    await Promise.all(writes)
    expect(gates.length).toBe(3)
  })

  test('with segmentScope volume, volumes share no segment and lie under their own prefix', async () => {
    const { write, newVolume, memory, store, read, commit } = openHarness({ segmentScope: 'volume' })
    const [a, b] = [newVolume(), newVolume()]
    const [refA, refB] = await Promise.all([write(a, pagesOf([1])), write(b, pagesOf([1], 5))])
    expect(refA.segmentId).not.toBe(refB.segmentId)
    expect(await segmentKeys(memory)).toEqual([])
    expect(await segmentKeys(memory, `volumes/${a}/segments/`)).toEqual([storeKeys.volumeSegment(a, refA.segmentId as never)])
    const lsn = await commit(b, { base: 0, pageCount: 1, refs: [refB] })
    store.reset()
    expect((await read(b, lsn, [1])).get(1)?.bytes).toEqual(pagesOf([1], 5).get(1))
    expect(store.counts.get).toBe(1)
  })
})

describe('a write that cannot be encoded', () => {
  const broken: FrameCodec = {
    ...syncCodec,
    deflateRaw: (raw) => (raw[8] === 0xff ? Promise.reject(new Error('the codec is broken')) : syncCodec.deflateRaw(raw)),
  }
  const bad = new Map([[1, new Uint8Array(512).fill(0xff)]])

  test('fails alone; the others of its group go on', async () => {
    const { client, write, newVolume, gates } = openGated({ codec: broken })
    const first = write(newVolume(), pagesOf([1]))
    await settle()
    const second = write(newVolume(), pagesOf([2]))
    const request = {
      volumeId: idToBytes(newVolume()),
      pageSize: 512,
      pages: Splinter.from([1]).toBytes(),
      data: bad.get(1) as Uint8Array,
    }
    const third = outcomeOf(client.writePages(request))
    await settle()
    expect(await third).toBe('unknown OUTCOME_UNKNOWN')
    gates[0]?.open()
    await first
    await settle()
    gates[1]?.open()
    expect([...(await second).pages]).toEqual([2])
  })

  test('writes no empty segment', async () => {
    const { write, newVolume, store, pagestore } = openHarness({ codec: broken })
    expect(await outcomeOf(write(newVolume(), bad))).toBe('unknown OUTCOME_UNKNOWN')
    await pagestore.close()
    expect(store.counts.create).toBe(0)
  })
})

describe('writing under policy cost', () => {
  const policy = { type: 'cost', intervalMs: 1000 } as const

  test('gathers for a second unless another interval is given', async () => {
    const { write, newVolume, store, timers } = openHarness({ policy: { type: 'cost' } })
    const writing = write(newVolume(), pagesOf([1]))
    await timers.advance(999)
    expect(store.counts.create).toBe(0)
    await timers.advance(1)
    await writing
    expect(store.counts.create).toBe(1)
  })

  test('gathers for the interval, counted from the first write of the group', async () => {
    const { write, newVolume, store, timers } = openHarness({ policy })
    const first = write(newVolume(), pagesOf([1]))
    await timers.advance(600)
    const second = write(newVolume(), pagesOf([2]))
    await timers.advance(399)
    expect(store.counts.create).toBe(0)
    await timers.advance(1)
    const refs = await Promise.all([first, second])
    expect(store.counts.create).toBe(1)
    expect(refs[0]?.segmentId).toBe(refs[1]?.segmentId)
  })

  test('a full group does not wait', async () => {
    const { write, newVolume, store, timers } = openHarness({ policy, limits: { segmentBytesMax: 64 * 1024 } })
    const volumeId = newVolume()
    const first = write(volumeId, pagesOf(range(1, 100), 0, noisePage))
    void write(volumeId, pagesOf(range(1, 100), 0, noisePage)).catch(() => undefined)
    await first
    expect(store.counts.create).toBe(1)
    // What waits is the interval of the second group; that of the first one is gone.
    expect(timers.waiting).toBe(1)
  })

  test('no timer is left when nothing is written', async () => {
    const { write, newVolume, timers } = openHarness({ policy })
    const writing = write(newVolume(), pagesOf([1]))
    await timers.advance(1000)
    await writing
    await settle()
    expect(timers.waiting).toBe(0)
  })
})

describe('backpressure', () => {
  test('writes beyond the bytes in flight wait, and beyond that are refused with a hint', async () => {
    const bytes = 200 * 1024
    const limits = { writeBytesInFlightMax: bytes, writeBytesWaitingMax: bytes }
    const { write, newVolume, gates } = openGated({ limits })
    const pages = pagesOf(range(1, 60), 0, noisePage, 1024)
    const first = write(newVolume(), pages, 1024)
    const second = write(newVolume(), pages, 1024)
    await settle()
    expect(gates.length).toBe(1)
    await expect(write(newVolume(), pages, 1024)).rejects.toMatchObject({
      kind: 'exhausted',
      code: 'PAGESTORE_BUSY',
      retryAfterMs: 1000,
    })
    gates[0]?.open()
    await first
    await settle()
    gates[1]?.open()
    await second
  })

  test('a waiting write that is aborted is not written', async () => {
    const { client, write, newVolume, gates, store } = openGated({ limits: { writeBytesInFlightMax: 1024 } })
    const first = write(newVolume(), pagesOf([1, 2]))
    await settle()
    const controller = new AbortController()
    const request = {
      volumeId: idToBytes(newVolume()),
      pageSize: 512,
      pages: Splinter.from([1]).toBytes(),
      data: new Uint8Array(512),
    }
    const second = outcomeOf(client.writePages(request, { signal: controller.signal }))
    await settle()
    controller.abort()
    // The client cannot know whether the page store had begun.
    expect(await second).toBe('unknown OUTCOME_UNKNOWN')
    gates[0]?.open()
    await first
    await settle()
    expect(store.counts.create).toBe(1)
  })
})

describe('close', () => {
  test('uploads what has gathered, answers it, and refuses what comes later', async () => {
    const { write, newVolume, gates, pagestore } = openGated()
    const first = write(newVolume(), pagesOf([1]))
    await settle()
    const second = write(newVolume(), pagesOf([2]))
    await settle()
    let isClosed = false
    const closing = pagestore.close().then(() => {
      isClosed = true
    })
    await settle()
    // The second group did not wait for the first upload to end.
    expect(gates.length).toBe(2)
    expect(await outcomeOf(write(newVolume(), pagesOf([3])))).toBe('unavailable PAGESTORE_CLOSED')
    gates[1]?.open()
    await settle()
    expect(isClosed).toBe(false)
    gates[0]?.open()
    await Promise.all([first, second, closing])
  })

  test('does not wait for the interval of policy cost', async () => {
    const { write, newVolume, pagestore, store } = openHarness({ policy: { type: 'cost', intervalMs: 60_000 } })
    const writing = write(newVolume(), pagesOf([1]))
    await settle()
    await pagestore.close()
    await writing
    expect(store.counts.create).toBe(1)
  })

  test('fails writes that were still waiting for room', async () => {
    const { write, newVolume, gates, pagestore } = openGated({ limits: { writeBytesInFlightMax: 1024 } })
    const first = write(newVolume(), pagesOf([1, 2]))
    const second = outcomeOf(write(newVolume(), pagesOf([1, 2])))
    await settle()
    const closing = pagestore.close()
    gates[0]?.open()
    await first
    expect(await second).toBe('unavailable PAGESTORE_CLOSED')
    await closing
  })

  test('refuses reads that come later', async () => {
    const { write, newVolume, commit, read, pagestore } = openHarness()
    const volumeId = newVolume()
    const lsn = await commit(volumeId, { base: 0, pageCount: 1, refs: [await write(volumeId, pagesOf([1]))] })
    await pagestore.close()
    expect(await outcomeOf(read(volumeId, lsn, [1]))).toBe('unavailable PAGESTORE_CLOSED')
  })

  test('may be called twice, and when nothing was written', async () => {
    const { pagestore } = openHarness()
    await pagestore.close()
    await pagestore.close()
  })
})
