import { createClient } from '@connectrpc/connect'
import { createCommitLogs } from '@graft-ts/commit-log'
import { ageOnlyRefSigner, allowEverybody, httpTransport, PageService } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { limited, type ObjectStore } from '@graft-ts/storage-adapters'
import { idToBytes, isTypedError } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { createPagestore, WORKER_LIMITS } from '../src/index.ts'
import { noisePage, openHarness, range, settle, syncCodec, VirtualTimers } from './harness.ts'
import { ScriptedStore } from './scripted-store.ts'

const MEBIBYTE = 2 ** 20
const CACHE_BYTES_MAX = 16 * MEBIBYTE
const CONNECTIONS = 6

/** What callers can make a page store hold, beside its caches. */
const CALLERS_BYTES_MAX = 56 * MEBIBYTE

test('what callers can make it hold adds up, and leaves room for the caches and the program within 128 MB', () => {
  const { bodiesBytesMax = 0, writeBytesInFlightMax = 0, readBytesInFlightMax = 0 } = WORKER_LIMITS
  expect(bodiesBytesMax + writeBytesInFlightMax + readBytesInFlightMax).toBe(CALLERS_BYTES_MAX)
  expect(CALLERS_BYTES_MAX + 2 * CACHE_BYTES_MAX).toBeLessThan(128e6 - 32 * MEBIBYTE)
})

test('nothing that is taken goes alone beyond a bound', () => {
  const { requestBytesMax = 0, writeBytesInFlightMax = 0, answerBytesMax = 0, readBytesInFlightMax = 0 } = WORKER_LIMITS
  // A write takes its request, and room for as much in a segment.
  expect(2 * requestBytesMax + MEBIBYTE).toBeLessThan(writeBytesInFlightMax)
  expect(answerBytesMax).toBeLessThanOrEqual(readBytesInFlightMax)
})

/** A store that takes turns of the event loop for each call, and notes how many are under way. */
function slowStore(inner: ObjectStore) {
  const store = new ScriptedStore(inner)
  const counted = { inFlight: 0, most: 0 }
  const slowly = async <T>(call: () => Promise<T>): Promise<T> => {
    counted.most = Math.max(counted.most, ++counted.inFlight)
    await new Promise((resolve) => setImmediate(resolve))
    counted.inFlight--
    return call()
  }
  store.onGet = (forward, key, options) => slowly(() => forward(key, options))
  store.onCreate = (forward, key, body, options) => slowly(() => forward(key, body, options))
  store.onHead = (forward) => slowly(forward)
  return { store, counted }
}

/** A history in which the pages of one read lie in many commits and segments; and a page store as a Worker has it, cold. */
async function openWorker() {
  const codec = { ...syncCodec, format: 'raw' } as const
  const harness = openHarness({ codec })
  const volumeId = harness.newVolume()
  for (let i = 0; i < 64; i++) {
    const pages = new Map(range(1 + i * 16, 16 + i * 16).map((index) => [index, noisePage(index, 4096)]))
    const ref = await harness.write(volumeId, pages, 4096)
    await harness.commit(volumeId, { base: i, pageCount: 16 + i * 16, refs: [ref], pageBytes: 4096 })
  }
  const { store, counted } = slowStore(harness.memory)
  const bounded = limited(store, { inFlightMax: CONNECTIONS })
  const { ids } = harness
  const pagestore = createPagestore({
    logs: createCommitLogs({ store: bounded, cacheBytesMax: CACHE_BYTES_MAX, nowMs: ids.nowMs, codec }),
    segments: bounded,
    commits: bounded,
    authorize: allowEverybody,
    refs: ageOnlyRefSigner({ nowMs: ids.nowMs }),
    codec,
    timers: new VirtualTimers(),
    limits: WORKER_LIMITS,
    cacheBytesMax: CACHE_BYTES_MAX,
  })
  return { pagestore, volumeId, counted, newVolume: harness.newVolume }
}

/** Callers of it, and the most that it held while they were served. */
function callersOf({ pagestore, volumeId, newVolume }: Awaited<ReturnType<typeof openWorker>>) {
  const most = { read: 0, write: 0, cache: 0 }
  const look = (): void => {
    const now = pagestore.metrics()
    most.read = Math.max(most.read, now.readBytesInFlightNow)
    most.write = Math.max(most.write, now.writeBytesInFlightNow)
    most.cache = Math.max(most.cache, now.cacheBytesNow)
  }
  const fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const response = await pagestore.handler(new Request(input, init))
    look()
    return response
  }
  const client = createClient(PageService, httpTransport({ baseUrl: 'https://graft.test', fetch }).pages)
  const read = async (): Promise<number> => {
    const answer = client.readPages({ volumeId: idToBytes(volumeId), lsn: 64n, wanted: Splinter.fromRange(1, 1024).toBytes() })
    let pages = 0
    for await (const group of answer) {
      pages += group.writtenLsns.length
      // A slow reader.
      await settle()
      look()
    }
    return pages
  }
  const write = async (): Promise<number> => {
    const [pages, data] = [Splinter.fromRange(1, 1024).toBytes(), new Uint8Array(4 * MEBIBYTE)]
    const { refs } = await client.writePages({ volumeId: idToBytes(newVolume()), pageSize: 4096, pages, data })
    return refs.length
  }
  return { most, read, write }
}

test('under more than it can take, it keeps within its bytes and connections; who is refused is told to come back', async () => {
  const worker = await openWorker()
  const { most, read, write } = callersOf(worker)
  const refusals: string[] = []
  const tell = (error: unknown): undefined => {
    if (!isTypedError(error)) throw error
    refusals.push(`${error.kind} ${error.code} ${(error as { retryAfterMs?: number }).retryAfterMs !== undefined}`)
  }
  const outcomes = await Promise.all(
    range(1, 24).flatMap((): Promise<number | undefined>[] => [read().catch(tell), write().catch(tell)]),
  )
  expect(worker.counted.most).toBe(CONNECTIONS)
  expect(most.read).toBeLessThanOrEqual(WORKER_LIMITS.readBytesInFlightMax as number)
  expect(most.write).toBeLessThanOrEqual(WORKER_LIMITS.writeBytesInFlightMax as number)
  expect(most.cache).toBeLessThanOrEqual(CACHE_BYTES_MAX)
  // Both bounds were reached, or nothing was shown.
  expect(most.read).toBeGreaterThan(8 * MEBIBYTE)
  expect(refusals.length).toBeGreaterThan(0)
  for (const refusal of refusals) expect(refusal).toMatch(/^exhausted (PAGESTORE_BUSY|REQUESTS_TOO_MANY) true$/)
  const answered = outcomes.filter((outcome) => outcome !== undefined)
  expect(answered).toContain(1024)
  expect(answered).toContain(1)
  expect(answered.every((outcome) => outcome === 1024 || outcome === 1)).toBe(true)
  expect(worker.pagestore.metrics()).toMatchObject({ readBytesInFlightNow: 0, readBytesWaitingNow: 0, writeBytesInFlightNow: 0 })
  // Whoever comes back is answered.
  expect(await Promise.all([read(), write()])).toEqual([1024, 1])
})
