import { createClient } from '@connectrpc/connect'
import { httpTransport, PageService } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { idToBytes } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { range, settle } from '../harness.ts'
import { withVolume } from './with-volume.ts'

// A frame of 64 pages of 512 bytes: as it is stored, raw behind its header, and expanded.
const FRAME_BYTES = 64 * 512
const FRAME_COST = 64 + 2 * FRAME_BYTES
const NOTHING = { cacheBytesMax: 0 }

type Volume = Awaited<ReturnType<typeof withVolume>>

/** The request that a client makes for pages. */
function requestFor({ volumeId }: Volume, pages: Iterable<number>): Promise<Request> {
  const { promise, resolve } = Promise.withResolvers<Request>()
  const fetch = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    resolve(new Request(input, init))
    return new Promise(() => undefined)
  }
  const client = createClient(PageService, httpTransport({ baseUrl: 'https://graft.test', fetch }).pages)
  const message = { volumeId: idToBytes(volumeId), lsn: 1n, wanted: Splinter.from(pages).toBytes() }
  void client.readPages(message)[Symbol.asyncIterator]().next()
  return promise
}

/** Asks for pages, and takes nothing of the answer until it is told to. */
function ask(volume: Volume, pages: Iterable<number>) {
  const abort = new AbortController()
  const asking = async (): Promise<Response> => {
    const request = await requestFor(volume, pages)
    return volume.pagestore.handler(new Request(request, { signal: abort.signal }))
  }
  const answering = asking()
  return {
    abort: () => abort.abort(),
    cancel: async () => (await answering).body?.cancel(),
    bytes: async () => new Uint8Array(await (await answering).arrayBuffer()),
    text: async () => new TextDecoder('latin1').decode(await (await answering).arrayBuffer()),
  }
}

const inFlight = ({ pagestore }: Volume) => pagestore.metrics().readBytesInFlightNow

describe('a reader that does not take its answer', () => {
  test('holds no more than one answer may hold: nothing more is read for it', async () => {
    const limits = { answerBytesMax: 3 * FRAME_COST, rangeBytesMax: 1 }
    const volume = await withVolume(64 * 16, { ...NOTHING, limits })
    const answer = ask(volume, range(1, 64 * 16))
    await settle()
    expect(inFlight(volume)).toBe(3 * FRAME_COST)
    // Three, and one in place of the one that the answer's stream has taken out.
    expect(volume.pagestore.metrics().framesRead).toBeLessThanOrEqual(4)
    expect((await answer.bytes()).length).toBeGreaterThan(16 * FRAME_BYTES)
    expect(volume.pagestore.metrics().framesRead).toBe(16)
    expect(inFlight(volume)).toBe(0)
  })

  test('of an answer in memory holds none of what others push out, and gets all of it later', async () => {
    const volume = await withVolume(64 * 8, { cacheBytesMax: 8 * (FRAME_BYTES + 512) })
    await ask(volume, range(1, 64 * 8)).bytes()
    const { framesRead } = volume.pagestore.metrics()
    const stalled = ask(volume, range(1, 64 * 8))
    await settle()
    expect(volume.pagestore.metrics().framesRead).toBe(framesRead)
    const other = volume.newVolume()
    const ref = await volume.write(other, new Map(range(1, 64 * 8).map((index) => [index, new Uint8Array(512).fill(index)])))
    await volume.commit(other, { base: 0, pageCount: 64 * 8, refs: [ref] })
    await volume.read(other, 1, range(1, 64 * 8))
    expect((await stalled.bytes()).length).toBeGreaterThan(8 * FRAME_BYTES)
    expect(volume.pagestore.metrics().framesRead).toBeGreaterThan(framesRead + 8)
  })
})

describe('all answers together', () => {
  const limits = { readBytesInFlightMax: 2 * FRAME_COST, readBytesWaitingMax: FRAME_COST }

  test('hold no more than they may: the next one waits, one more is told to come back, and nobody who does fails', async () => {
    const volume = await withVolume(64 * 4, { ...NOTHING, limits })
    const [first, second] = [ask(volume, range(1, 64)), ask(volume, range(65, 128))]
    await settle()
    const waiting = ask(volume, range(129, 192))
    await settle()
    const { readBytesInFlightNow, readBytesWaitingNow, framesRead } = volume.pagestore.metrics()
    expect([readBytesInFlightNow, readBytesWaitingNow, framesRead]).toEqual([2 * FRAME_COST, FRAME_COST, 2])
    const refused = await ask(volume, range(193, 256)).text()
    expect(refused).toContain('PAGESTORE_BUSY')
    expect(refused).toContain('"retryAfterMs":250')
    for (const answer of [first, waiting, second]) expect((await answer.bytes()).length).toBeGreaterThan(FRAME_BYTES)
    expect(volume.pagestore.metrics()).toMatchObject({ readBytesInFlightNow: 0, readBytesWaitingNow: 0 })
    expect((await ask(volume, range(193, 256)).bytes()).length).toBeGreaterThan(FRAME_BYTES)
  })

  test.each([
    ['is left by its reader', (answer: ReturnType<typeof ask>) => answer.cancel()],
    ['is aborted', async (answer: ReturnType<typeof ask>) => answer.abort()],
    ['is read to its end', (answer: ReturnType<typeof ask>) => answer.bytes()],
  ])('an answer that %s makes room', async (_, end) => {
    const volume = await withVolume(64 * 4, { ...NOTHING, limits })
    const answers = [ask(volume, range(1, 64)), ask(volume, range(65, 128)), ask(volume, range(129, 192))] as const
    await settle()
    await end(answers[0])
    await settle()
    expect(volume.pagestore.metrics()).toMatchObject({ readBytesInFlightNow: 2 * FRAME_COST, readBytesWaitingNow: 0 })
    await Promise.all([answers[1].bytes(), answers[2].bytes()])
    expect(inFlight(volume)).toBe(0)
  })

  test('an answer that fails makes room, and so does one that is aborted while it waits', async () => {
    const volume = await withVolume(64 * 4, { ...NOTHING, limits })
    const held = Promise.withResolvers<void>()
    volume.scripted.onGet = async (forward, key, options) => {
      await held.promise
      return key.includes('segments') ? undefined : forward(key, options)
    }
    const failing = [ask(volume, range(1, 64)), ask(volume, range(65, 128))] as const
    await settle()
    const leaving = ask(volume, range(129, 192))
    await settle()
    leaving.abort()
    await settle()
    expect(volume.pagestore.metrics()).toMatchObject({ readBytesInFlightNow: 2 * FRAME_COST, readBytesWaitingNow: 0 })
    held.resolve()
    for (const answer of failing) expect(await answer.text()).toContain('SEGMENT_MISSING')
    expect(inFlight(volume)).toBe(0)
  })

  test('an answer counts for what it reads, or for what one may hold; zero pages for nothing', async () => {
    const volume = await withVolume(64 * 4, { ...NOTHING, limits: { answerBytesMax: 3 * FRAME_COST } })
    const other = volume.newVolume()
    await volume.commit(other, { base: 0, pageCount: 1000, own: [] })
    await volume.read(other, 1, range(1, 1000))
    expect(inFlight(volume)).toBe(0)
    for (const [pages, cost] of [
      [[1], FRAME_COST],
      [[1, 100], 2 * FRAME_COST],
      [range(1, 192), 3 * FRAME_COST],
      [range(1, 193), 3 * FRAME_COST],
    ] as const) {
      const answer = ask(volume, pages)
      await settle()
      expect(inFlight(volume)).toBe(cost)
      await answer.bytes()
    }
  })
})
