import { createClient } from '@connectrpc/connect'
import { allowEverybody, httpTransport, PageService } from '@graft-ts/protocol'
import { Splinter, SplinterView } from '@graft-ts/splinter'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { idToBytes, parsePageSize, runBytesMax, SEGMENT_OVERHEAD_BYTES, type VolumeId } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { createPagestore } from '../src/index.ts'
import { concat, type Harness, noisePage, openHarness, outcomeOf, pagesOf, range } from './harness.ts'

function writeRequest(volumeId: VolumeId, indexes: Iterable<number> = [1], pageBytes = 512) {
  const pages = pagesOf(indexes, 0, noisePage, pageBytes)
  return { volumeId: idToBytes(volumeId), pageSize: pageBytes, pages: Splinter.from(pages.keys()).toBytes(), data: concat(pages) }
}

async function readAll(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

class DeniedError extends Error {
  override readonly name = 'DeniedError'
  readonly kind = 'denied'
  readonly code = 'NOT_ALLOWED'
}

describe('bad input of writes (I11): typed, and nothing is stored', () => {
  const cases: [string, (request: ReturnType<typeof writeRequest>) => object, RegExp][] = [
    ['no volume id', () => ({ volumeId: new Uint8Array(0) }), /^invalid ID_INVALID$/],
    ['an id of something else', (r) => ({ volumeId: Uint8Array.from([0xa0, ...r.volumeId.slice(1)]) }), /^invalid ID_INVALID$/],
    ['page size 0', () => ({ pageSize: 0 }), /^invalid PAGE_SIZE$/],
    ['page size 1000', () => ({ pageSize: 1000 }), /^invalid PAGE_SIZE$/],
    ['page size 128 KiB', () => ({ pageSize: 131072 }), /^invalid PAGE_SIZE$/],
    ['page 0', () => ({ pages: Splinter.from([0, 1]).toBytes(), data: new Uint8Array(1024) }), /^invalid SET_PAGE_ZERO$/],
    ['no pages', () => ({ pages: Splinter.from([]).toBytes(), data: new Uint8Array(0) }), /^invalid SET_EMPTY$/],
    ['pages missing', () => ({ pages: new Uint8Array(0) }), /^invalid SET_EMPTY$/],
    ['bytes that are no set', () => ({ pages: Uint8Array.of(1, 2, 3, 4) }), /^invalid SET_INVALID$/],
    ['a page of the wrong size', (r) => ({ data: r.data.slice(1) }), /^invalid DATA_LENGTH$/],
    ['a page of another size', () => ({ pageSize: 1024 }), /^invalid DATA_LENGTH$/],
    ['the same page twice', (r) => ({ data: Uint8Array.from([...r.data, ...r.data]) }), /^invalid DATA_LENGTH$/],
    [
      'one page too many',
      () => ({ pages: Splinter.fromRange(1, 9).toBytes(), data: new Uint8Array(9 * 512) }),
      /^exhausted SET_TOO_LARGE$/,
    ],
    ['a set of four billion pages', () => ({ pages: Splinter.fromRange(1, 2 ** 32 - 1).toBytes() }), /^exhausted SET_TOO_LARGE$/],
  ]

  test.each(cases)('%s', async (_, change, outcome) => {
    const { client, newVolume, store } = openHarness({ limits: { writePagesMax: 8 } })
    const request = writeRequest(newVolume())
    expect(await outcomeOf(client.writePages({ ...request, ...change(request) }))).toMatch(outcome)
    expect(store.counts).toMatchObject({ create: 0, put: 0 })
    expect(await outcomeOf(client.writePages(request))).toBe('ok')
  })

  test.each([
    [7, 'ok'],
    [8, 'ok'],
    [9, 'exhausted SET_TOO_LARGE'],
  ])('%i pages where 8 are allowed', async (count, outcome) => {
    const { client, newVolume } = openHarness({ limits: { writePagesMax: 8 } })
    expect(await outcomeOf(client.writePages(writeRequest(newVolume(), range(1, count))))).toBe(outcome)
  })

  test.each([
    [-1, 'exhausted WRITE_BYTES'],
    [0, 'ok'],
    [1, 'ok'],
  ])('a segment of what the write takes, and %i bytes', async (more, outcome) => {
    const pages = new SplinterView(Splinter.fromRange(1, 40).toBytes())
    const { frames, index } = runBytesMax(pages, parsePageSize(512))
    const limits = { segmentBytesMax: frames + index + SEGMENT_OVERHEAD_BYTES + more }
    const { client, newVolume, store } = openHarness({ limits })
    expect(await outcomeOf(client.writePages(writeRequest(newVolume(), range(1, 40))))).toBe(outcome)
    expect(store.counts.create).toBe(outcome === 'ok' ? 1 : 0)
  })

  test('the largest page size, and page numbers up to the highest', async () => {
    const { read, write, commit, newVolume } = openHarness()
    const volumeId = newVolume()
    const pages = pagesOf([1, 2 ** 32 - 1], 0, noisePage, 65536)
    const ref = await write(volumeId, pages, 65536)
    const lsn = await commit(volumeId, { base: 0, pageCount: 2 ** 32 - 1, refs: [ref], pageBytes: 65536 })
    expect((await read(volumeId, lsn, [2 ** 32 - 1])).get(2 ** 32 - 1)?.bytes).toEqual(pages.get(2 ** 32 - 1))
  })
})

describe('authorization comes first', () => {
  test('write and read ask for their action, before anything depends on the volume', async () => {
    const asked: string[] = []
    const { client, newVolume, commit, store } = openHarness({
      authorize: async ({ action, isMetadata, volumeId, headers }) => {
        expect(isMetadata).toBeUndefined()
        asked.push(`${action} ${volumeId} ${headers.get('authorization')}`)
        if (headers.get('authorization') !== 'Bearer good') throw new DeniedError('no')
        return { id: 'somebody' }
      },
    })
    const volumeId = newVolume()
    await commit(volumeId, { base: 0, pageCount: 1, own: [] })
    store.reset()
    const reading = { volumeId: idToBytes(volumeId), lsn: 1n, wanted: Splinter.from([1]).toBytes() }
    const unknown = { ...reading, volumeId: idToBytes(newVolume()) }
    const outcomes = [
      await outcomeOf(client.writePages(writeRequest(volumeId))),
      await outcomeOf(readAll(client.readPages(reading))),
      await outcomeOf(readAll(client.readPages(unknown))),
      await outcomeOf(readAll(client.readPages({ ...unknown, lsn: 0n }))),
    ]
    expect(new Set(outcomes)).toEqual(new Set(['denied NOT_ALLOWED']))
    expect(store.counts).toMatchObject({ get: 0, create: 0, head: 0 })
    expect(asked[0]).toBe(`write ${volumeId} null`)
    expect(asked[1]).toBe(`read ${volumeId} null`)
    const headers = { authorization: 'Bearer good' }
    expect(await outcomeOf(readAll(client.readPages(reading, { headers })))).toBe('ok')
    expect(await outcomeOf(client.writePages(writeRequest(volumeId), { headers }))).toBe('ok')
  })

  test('refs are signed for the volume and the principal', async () => {
    const signed: object[] = []
    const { client, newVolume } = openHarness({
      authorize: async () => ({ id: 'writer-1' }),
      refs: {
        sign: async (ref, about) => {
          signed.push({ bytes: ref.length, ...about })
          return { $typeName: 'graft.v1.SignedSegmentRef', ref, issuedAtMs: 5n, keyId: 'k', signature: Uint8Array.of(9) }
        },
        verify: () => Promise.reject(new Error('the page store never verifies')),
      },
    })
    const volumeId = newVolume()
    const answer = await client.writePages(writeRequest(volumeId))
    expect(signed).toEqual([{ bytes: answer.refs[0]?.ref.length, volumeId, principal: 'writer-1' }])
    expect(answer.refs[0]).toMatchObject({ issuedAtMs: 5n, keyId: 'k', signature: Uint8Array.of(9) })
  })
})

describe('describe, metrics and log', () => {
  test('describe tells the limits that clients need', async () => {
    const { client } = openHarness({
      limits: { writePagesMax: 77, readPagesMax: 88, readBytesMax: 99_999, requestBytesMax: 1_000_000 },
    })
    expect(await client.describe({})).toMatchObject({
      protocolVersions: [1],
      requestBytesMax: 1_000_000,
      writePagesMax: 77,
      readPagesMax: 88,
      readBytesMax: 99_999,
    })
  })

  test('metrics count', async () => {
    const { client, newVolume, write, commit, read, pagestore } = openHarness()
    const volumeId = newVolume()
    const ref = await write(volumeId, pagesOf([1, 2], 0, noisePage))
    const lsn = await commit(volumeId, { base: 0, pageCount: 4, refs: [ref] })
    await read(volumeId, lsn, [1, 3])
    await read(volumeId, lsn, [2])
    await outcomeOf(client.writePages({}))
    const metrics = pagestore.metrics()
    expect(metrics).toMatchObject({
      writeRequests: 2,
      readRequests: 2,
      failedRequests: 1,
      pagesWritten: 2,
      pageBytesWritten: 1024,
      pagesRead: 2,
      zeroPagesRead: 1,
      segmentsWritten: 1,
      gets: 1,
      getBytes: ref.frames.lengths[0],
      framesRead: 1,
      framesCached: 1,
      writeBytesInFlightNow: 0,
    })
    expect(metrics.segmentBytesWritten).toBeGreaterThan(1024)
  })

  test('a log that throws breaks nothing', async () => {
    const { client, newVolume } = openHarness({
      log: () => {
        throw new Error('log')
      },
    })
    expect(await outcomeOf(client.writePages(writeRequest(newVolume())))).toBe('ok')
  })
})

describe('as a Request to Response handler', () => {
  function overHttp(harness: Harness) {
    const fetch = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> =>
      harness.pagestore.handler(new Request(input, init))
    return createClient(PageService, httpTransport({ baseUrl: 'http://pages.example', fetch }).pages)
  }

  test('writes and reads', async () => {
    const harness = openHarness()
    const client = overHttp(harness)
    const volumeId = harness.newVolume()
    const pages = pagesOf(range(1, 100), 0, noisePage)
    const { refs } = await client.writePages(writeRequest(volumeId, pages.keys()))
    const { decodeSegmentRef } = await import('@graft-ts/volume')
    const ref = decodeSegmentRef((refs[0] as { ref: Uint8Array }).ref)
    const lsn = await harness.commit(volumeId, { base: 0, pageCount: 100, refs: [ref] })
    let count = 0
    const wanted = Splinter.fromRange(1, 100).toBytes()
    for await (const group of client.readPages({ volumeId: idToBytes(volumeId), lsn: BigInt(lsn), wanted })) {
      for (const index of Splinter.fromBytes(group.pages)) {
        const offset = [...Splinter.fromBytes(group.pages)].indexOf(index) * 512
        expect(group.data.subarray(offset, offset + 512)).toEqual(pages.get(index))
        count += 1
      }
    }
    expect(count).toBe(100)
  })

  test('typed errors cross it', async () => {
    const harness = openHarness()
    const client = overHttp(harness)
    const volumeId = harness.newVolume()
    expect(await outcomeOf(client.writePages({ ...writeRequest(volumeId), pageSize: 3 }))).toBe('invalid PAGE_SIZE')
    const reading = client.readPages({ volumeId: idToBytes(volumeId), lsn: 1n, wanted: Splinter.from([1]).toBytes() })
    expect(await outcomeOf(readAll(reading))).toBe('missing VOLUME_UNKNOWN')
  })

  test('a body over the limit is refused, typed', async () => {
    const harness = openHarness({ limits: { requestBytesMax: 10_000 } })
    const client = overHttp(harness)
    expect(await outcomeOf(client.writePages(writeRequest(harness.newVolume(), range(1, 10))))).toBe('ok')
    expect(await outcomeOf(client.writePages(writeRequest(harness.newVolume(), range(1, 20))))).toMatch(/^exhausted /)
    expect(harness.store.counts.create).toBe(1)
  })
})

describe('createPagestore', () => {
  const { logs } = openHarness()
  const rest = { logs, authorize: allowEverybody, refs: { sign: () => Promise.reject(), verify: () => Promise.reject() } }

  function codeOf(options: object): unknown {
    const segments = new MemoryStore()
    try {
      createPagestore({ segments, commits: segments, ...rest, ...options })
      return 'ok'
    } catch (error) {
      return (error as { code: string }).code
    }
  }

  test('refuses a segment store that cannot create if absent', () => {
    expect(codeOf({ segments: new MemoryStore({ without: ['create'] }) })).toBe('PAGESTORE_CREATE')
  })

  test.each([
    [{}, 'ok'],
    [{ authorize: undefined }, 'OPTIONS_INVALID'],
    [{ limits: { writePagesMax: 0 } }, 'PAGESTORE_OPTIONS'],
    [{ limits: { readPagesMax: 1.5 } }, 'PAGESTORE_OPTIONS'],
    [{ limits: { usefulPagesMax: 0 } }, 'ok'],
    [{ limits: { uploadTimeoutMs: 2 ** 31 - 1 } }, 'ok'],
    [{ limits: { uploadTimeoutMs: 2 ** 31 } }, 'PAGESTORE_OPTIONS'],
    [{ limits: { segmentRunsMax: 65_536 } }, 'ok'],
    [{ limits: { segmentRunsMax: 65_537 } }, 'PAGESTORE_OPTIONS'],
    [{ limits: { segmentBytesMax: 64 * 2 ** 20 } }, 'ok'],
    [{ limits: { segmentBytesMax: 64 * 2 ** 20 + 1 } }, 'PAGESTORE_OPTIONS'],
    [{ limits: { segmentBytesMax: 10 } }, 'PAGESTORE_OPTIONS'],
    [{ segments: new MemoryStore({ objectBytesMax: 2 ** 20 }) }, 'PAGESTORE_OPTIONS'],
    [{ policy: { type: 'cost', intervalMs: -1 } }, 'PAGESTORE_OPTIONS'],
    [{ policy: { type: 'cost', intervalMs: 60_001 } }, 'PAGESTORE_OPTIONS'],
    [{ policy: { type: 'cost', intervalMs: Number.NaN } }, 'PAGESTORE_OPTIONS'],
    [{ policy: { type: 'cost', intervalMs: 0 } }, 'ok'],
    [{ policy: { type: 'cost', intervalMs: 60_000 } }, 'ok'],
    [{ policy: { type: 'cost' } }, 'ok'],
    [{ policy: { type: 'fast' } }, 'PAGESTORE_OPTIONS'],
    [{ policy: { type: 'latency', lateAfterMs: 0 } }, 'ok'],
    [{ policy: { type: 'latency', lateAfterMs: 60_001 } }, 'PAGESTORE_OPTIONS'],
    [{ policy: { type: 'latency', lateAfterMs: Number.NaN } }, 'PAGESTORE_OPTIONS'],
    [{ segmentScope: 'tenant' }, 'PAGESTORE_OPTIONS'],
    [{ cacheBytesMax: 0 }, 'ok'],
    [{ cacheBytesMax: -1 }, 'PAGESTORE_OPTIONS'],
    [{ cacheBytesMax: Number.NaN }, 'PAGESTORE_OPTIONS'],
  ])('checks its options: %j', (options, code) => {
    expect(codeOf(options)).toBe(code)
  })
})
