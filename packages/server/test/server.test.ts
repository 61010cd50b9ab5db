import { Client } from '@graft-ts/client'
import type { MetastoreEvent } from '@graft-ts/metastore'
import {
  type Authorize,
  allowEverybody,
  httpTransport,
  MetaService,
  PageService,
  type RefKey,
  type WatchEvent,
} from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { type ObjectStore, StoreError } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { idToBytes, newVolumeId, systemIdSource } from '@graft-ts/volume'
import { createNodeFrameCodec } from '@graft-ts/volume/node'
import { MemoryLevel } from 'memory-level'
import { afterEach, describe, expect, test } from 'vitest'
import type { ServerEvent } from '../src/events.ts'
import { type GraftServer, type ServerOptions, startServer } from '../src/index.ts'
import { deferred, ManualTimers } from './http/controlled.ts'
import { storeWithHead } from './http/stores.ts'

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(options: Partial<ServerOptions> & { store?: ObjectStore } = {}): Promise<GraftServer> {
  const { store = new MemoryStore(), ...rest } = options
  const server = await startServer({ stores: { segments: store, commits: store }, port: 0, authorize: allowEverybody, ...rest })
  closing.push(server.close)
  return server
}

async function openClient(urls: { baseUrl: string; pagesBaseUrl?: string }): Promise<Client> {
  const store = new MemoryLevel<string, Uint8Array>({ keyEncoding: 'utf8', valueEncoding: 'view' })
  const client = await Client.open({ transport: httpTransport(urls), store, attemptsMax: 1 })
  closing.push(() => client.close())
  return client
}

const page = (value: number): Uint8Array => new Uint8Array(4096).fill(value)

/** Commits so many pages that they have to go through the page store. */
async function commitPages(client: Client, pageCount: number) {
  const volume = await client.createVolume()
  await volume.transact((tx) => {
    for (let pageIndex = 1; pageIndex <= pageCount; pageIndex++) tx.write(pageIndex, page(pageIndex))
  })
  const { snapshot } = await volume.push()
  return { volumeId: volume.volumeId, snapshot }
}

async function firstBytes(client: Client, volumeId: Awaited<ReturnType<typeof commitPages>>['volumeId']): Promise<number[]> {
  const volume = await client.openVolume(volumeId)
  const snapshot = volume.snapshot()
  const bytes: number[] = []
  for (let pageIndex = 1; pageIndex <= snapshot.pageCount; pageIndex++) {
    bytes.push((await snapshot.read(pageIndex))[0] as number)
  }
  snapshot.close()
  return bytes
}

async function probe(url: string, path: string): Promise<[number, unknown]> {
  const response = await fetch(`${url}${path}`)
  return [response.status, await response.json()]
}

/** A write of pages, as the client sends it. */
function writePages({ url }: GraftServer, count: number) {
  const { pages } = httpTransport({ baseUrl: url })
  const request = {
    volumeId: idToBytes(newVolumeId(systemIdSource)),
    pageSize: 4096,
    pages: Splinter.fromRange(1, count).toBytes(),
    data: new Uint8Array(count * 4096),
  }
  return pages.unary(PageService.method.writePages, undefined, undefined, undefined, request)
}

describe('both stores in one process', () => {
  test('what one client commits, another one reads', async () => {
    const { url } = await start()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const { volumeId, snapshot } = await commitPages(await openClient({ baseUrl: url }), 40)
    expect([snapshot.lsn, snapshot.pageCount]).toEqual([1, 40])
    const bytes = await firstBytes(await openClient({ baseUrl: url }), volumeId)
    expect(bytes).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
  })

  test('a new process on the same store goes on where the old one stopped', async () => {
    const store = new MemoryStore()
    const first = await start({ store })
    const { volumeId } = await commitPages(await openClient({ baseUrl: first.url }), 2)
    await first.close()
    const second = await start({ store })
    expect(await firstBytes(await openClient({ baseUrl: second.url }), volumeId)).toEqual([1, 2])
  })

  test.each([
    [undefined, 1],
    ['zstd', 2],
  ] as const)('format %s: segments and inline frames are written in it', async (format, codecByte) => {
    const store = new MemoryStore()
    const { url } = await start({ store, ...(format !== undefined && { codec: createNodeFrameCodec({ format }) }) })
    const client = await openClient({ baseUrl: url })
    // Forty pages lie in a segment, two in their commit.
    for (const pageCount of [40, 2]) {
      const { volumeId } = await commitPages(client, pageCount)
      expect(await firstBytes(await openClient({ baseUrl: url }), volumeId)).toHaveLength(pageCount)
      const key = pageCount === 40 ? 'segments/' : `volumes/${volumeId}/commits/`
      const object = await store.get((await store.list({ prefix: key })).entries[0]?.key as string)
      const bytes = Buffer.from((object as { bytes: Uint8Array }).bytes)
      expect(bytes[bytes.indexOf('GTSF') + 5]).toBe(codecByte)
    }
  })

  test('its counters and its log tell what it did', async () => {
    const events: ServerEvent[] = []
    const server = await start({ log: (event) => void events.push(event) })
    await commitPages(await openClient({ baseUrl: server.url }), 40)
    expect(server.metrics().pages).toMatchObject({ writeRequests: 1, pagesWritten: 40 })
    expect(events.map((event) => (event.type === 'request' ? event.path : event.type))).toEqual(
      expect.arrayContaining(['listening', 'page-store', 'meta-store', '/graft.v1.MetaService/Commit']),
    )
    expect(JSON.stringify(events)).not.toContain('signature')
  })

  test('its log is told that everybody is let in, if so', async () => {
    const events: ServerEvent[] = []
    const log = (event: ServerEvent) => void events.push(event)
    const { url } = await start({ log })
    expect(events).toEqual([
      { type: 'listening', url },
      { type: 'open-to-everybody', url, isLoopbackOnly: true },
    ])
    await start({ log, authorize: async () => ({ id: 'me' }) })
    expect(events.at(-1)?.type).toBe('listening')
    await start({ log, host: '0.0.0.0', allowRemote: true })
    expect(events.at(-1)).toMatchObject({ type: 'open-to-everybody', isLoopbackOnly: false })
  })

  test('a log that throws breaks nothing', async () => {
    const log = () => {
      throw new Error('the log is full')
    }
    const { url } = await start({ log })
    expect((await commitPages(await openClient({ baseUrl: url }), 40)).snapshot.lsn).toBe(1)
  })
})

describe('the two stores in two processes', () => {
  const key = (value: number): RefKey => ({ id: `k${value}`, secret: new Uint8Array(32).fill(value) })

  async function split(metaKeys: RefKey[], pagesKeys: RefKey[]) {
    const store = new MemoryStore()
    const meta = await start({ store, roles: 'meta', refKeys: metaKeys })
    const pages = await start({ store, roles: 'pages', refKeys: pagesKeys })
    return { meta, pages, urls: { baseUrl: meta.url, pagesBaseUrl: pages.url } }
  }

  test('work together with the same keys, also while a key is being replaced', async () => {
    const { urls, meta, pages } = await split([key(2), key(1)], [key(1)])
    const { volumeId } = await commitPages(await openClient(urls), 40)
    expect((await firstBytes(await openClient(urls), volumeId)).length).toBe(40)
    expect([meta.metrics().pages, pages.metrics().meta]).toEqual([undefined, undefined])
  })

  test('I1: refs that were signed with another key are not committed', async () => {
    const { urls } = await split([key(1)], [key(2)])
    const client = await openClient(urls)
    await expect(commitPages(client, 40)).rejects.toMatchObject({ kind: 'missing', code: 'REFS_EXPIRED' })
    const [volumeId] = await client.volumes()
    const other = await openClient(urls)
    await expect(other.openVolume(volumeId as never)).rejects.toMatchObject({ code: 'VOLUME_UNKNOWN' })
  })

  test('need keys', async () => {
    for (const roles of ['meta', 'pages'] as const) {
      await expect(start({ roles })).rejects.toMatchObject({ kind: 'invalid', code: 'REF_KEYS_NEEDED' })
    }
  })

  test('a store that is not served here is told from one that does not answer', async () => {
    const { meta } = await split([key(1)], [key(1)])
    await expect(writePages(meta, 1)).rejects.toMatchObject({ kind: 'unsupported', code: 'METHOD_UNKNOWN' })
  })
})

describe('health and readiness', () => {
  test('of a server whose store answers', async () => {
    const { url } = await start()
    expect(await probe(url, '/healthz')).toEqual([200, { service: 'graft-ts', status: 'ok' }])
    expect(await probe(url, '/readyz')).toEqual([200, { service: 'graft-ts', status: 'ready' }])
  })

  test('of one whose store does not', async () => {
    const store = storeWithHead(() => Promise.reject(new StoreError('STORE_UNAVAILABLE', 'gone')))
    const { url } = await start({ store, probe: false })
    expect((await probe(url, '/healthz'))[0]).toBe(200)
    expect(await probe(url, '/readyz')).toEqual([503, { service: 'graft-ts', status: 'not-ready', reason: 'STORE_UNAVAILABLE' }])
  })
})

describe('a store that does not answer', () => {
  test('holds nobody for longer than the deadline, and nobody who comes later', async () => {
    const store = new MemoryStore()
    const { volumeId } = await commitPages(await openClient({ baseUrl: (await start({ store })).url }), 2)
    const asked = deferred()
    const get = store.get.bind(store)
    let isSilent = true
    store.get = (key, options) => {
      if (!isSilent) return get(key, options)
      asked.resolve()
      return new Promise(() => undefined)
    }
    const timers = new ManualTimers()
    const { url } = await start({ store, timers, limits: { storeMsMax: 7000 }, probe: false })
    const client = await openClient({ baseUrl: url })
    const opening = client.openVolume(volumeId)
    opening.catch(() => undefined)
    await asked.promise
    timers.fire(6999)
    expect(timers.delays).toContain(7000)
    isSilent = false
    timers.fire(7000)
    await expect(opening).rejects.toMatchObject({ kind: 'unavailable' })
    expect(await firstBytes(client, volumeId)).toEqual([1, 2])
  })
})

/** A store whose uploads of segments wait for the test. */
function heldStore() {
  const store = new MemoryStore()
  const started = deferred()
  const release = deferred()
  const create = store.create.bind(store)
  const signals: (AbortSignal | undefined)[] = []
  store.create = async (key, body, options) => {
    if (key.startsWith('segments/')) {
      signals.push(options?.signal)
      started.resolve()
      await release.promise
    }
    return create(key, body, options)
  }
  return { store, started: started.promise, release: release.resolve, signals }
}

/** A watch of a volume that stands. */
async function watch(server: GraftServer, signal?: AbortSignal): Promise<AsyncIterator<WatchEvent>> {
  const { meta } = httpTransport({ baseUrl: server.url })
  async function* request() {
    yield { volumes: [{ volumeId: idToBytes(newVolumeId(systemIdSource)) }] }
  }
  const { message } = await meta.stream(MetaService.method.watch, signal, undefined, undefined, request())
  const iterator = message[Symbol.asyncIterator]()
  expect((await iterator.next()).value?.volumeId).toEqual(new Uint8Array(0))
  return iterator
}

describe('a graceful stop', () => {
  test('finishes the write under way: its answer arrives, and its segment is durable', async () => {
    const { store, started, release } = heldStore()
    const events: ServerEvent[] = []
    const server = await start({ store, log: (event) => void events.push(event) })
    const write = writePages(server, 10)
    await started
    const closed = server.close()
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow('fetch failed')
    release()
    expect((await write).message.refs).toHaveLength(1)
    await closed
    expect((await store.list({ prefix: 'segments/' })).entries).toHaveLength(1)
    expect(events.at(-1)).toEqual({ type: 'stopped', requestsCutOff: 0, isSettled: true })
  })

  test('ends watches, which would never end by themselves', async () => {
    const events: ServerEvent[] = []
    const server = await start({ timers: new ManualTimers(), log: (event) => void events.push(event) })
    const iterator = await watch(server)
    const ended = iterator.next()
    ended.catch(() => undefined)
    await server.close()
    await expect(ended).rejects.toMatchObject({ kind: 'unavailable', code: 'METASTORE_CLOSED' })
    expect(events.at(-1)).toEqual({ type: 'stopped', requestsCutOff: 0, isSettled: true })
  })

  test('a client that goes away leaves no watch behind', async () => {
    const ended = deferred<MetastoreEvent>()
    const log = (event: ServerEvent): void => {
      if (event.type === 'meta-store' && event.event.type === 'watch-ended') ended.resolve(event.event)
    }
    const server = await start({ log })
    const leaving = new AbortController()
    const iterator = await watch(server, leaving.signal)
    iterator.next().catch(() => undefined)
    leaving.abort()
    expect(await ended.promise).toMatchObject({ code: 'REQUEST_ABORTED' })
    expect(server.metrics().meta).toMatchObject({ watchesOpenNow: 0, volumesWatchedNow: 0, failedRequests: 0 })
  })

  test('at the deadline cuts off what still runs, and ends once nothing is half done', async () => {
    const { store, started, release } = heldStore()
    const timers = new ManualTimers()
    const events: ServerEvent[] = []
    const log = (event: ServerEvent) => void events.push(event)
    const server = await start({ store, timers, log, limits: { drainMsMax: 5000 } })
    const write = writePages(server, 10)
    write.catch(() => undefined)
    await started
    const closed = server.close()
    timers.fire(5000)
    await expect(write).rejects.toMatchObject({ kind: 'unknown', code: 'OUTCOME_UNKNOWN' })
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(events.at(-1)).toMatchObject({ type: 'stopping', requestsInFlight: 1 })
    release()
    await closed
    expect(events.at(-1)).toEqual({ type: 'stopped', requestsCutOff: 1, isSettled: true })
    expect((await store.list({ prefix: 'segments/' })).entries).toHaveLength(1)
  })

  test('ends at a second deadline although a write is not decided, and says so', async () => {
    const { store, started, release, signals } = heldStore()
    const timers = new ManualTimers()
    const events: ServerEvent[] = []
    const log = (event: ServerEvent) => void events.push(event)
    const server = await start({ store, timers, log, limits: { drainMsMax: 5000, settleMsMax: 6000 } })
    const write = writePages(server, 10)
    write.catch(() => undefined)
    await started
    let isClosed = false
    const closed = server.close().then(() => (isClosed = true))
    timers.fire(5000)
    await expect(write).rejects.toMatchObject({ kind: 'unknown', code: 'OUTCOME_UNKNOWN' })
    while (!timers.delays.includes(6000)) await new Promise((resolve) => setImmediate(resolve))
    timers.fire(5999)
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(isClosed).toBe(false)
    expect(signals.map((signal) => signal?.aborted)).toEqual([false])
    timers.fire(6000)
    await closed
    // The upload is given up, and not tried again behind the back of whoever was told that this server has stopped.
    expect(signals.map((signal) => signal?.aborted)).toEqual([true])
    expect(events.at(-1)).toEqual({ type: 'stopped', requestsCutOff: 1, isSettled: false })
    release()
  })

  test('tells those whom it still answers to go elsewhere', async () => {
    const asked = deferred()
    const answer = deferred<undefined>()
    const store = storeWithHead(() => {
      asked.resolve()
      return answer.promise
    })
    const server = await start({ store, probe: false })
    const response = fetch(`${server.url}/readyz`)
    await asked.promise
    const closed = server.close()
    answer.resolve(undefined)
    expect((await response).headers.get('connection')).toBe('close')
    await closed
  })

  test('may be asked for twice', async () => {
    const server = await start()
    await Promise.all([server.close(), server.close()])
  })
})

describe('bad input (I11)', () => {
  test('a body over the limit is a typed error, also for a client that is still sending, and nothing is stored', async () => {
    const store = new MemoryStore()
    const server = await start({ store, limits: { pages: { requestBytesMax: 64 * 1024 } } })
    await expect(writePages(server, 1024)).rejects.toMatchObject({ kind: 'exhausted', code: 'MESSAGE_TOO_LARGE' })
    expect((await store.list({ prefix: '' })).entries).toEqual([])
    expect((await writePages(server, 10)).message.refs).toHaveLength(1)
  })

  test('bytes that are no message, an unknown method, a wrong verb', async () => {
    const { url } = await start()
    const post = (path: string, body: BodyInit, type = 'application/proto') =>
      fetch(`${url}${path}`, { method: 'POST', body, headers: { 'content-type': type } })
    const garbage = await post('/graft.v1.MetaService/Pull', new Uint8Array(100).fill(255))
    expect([garbage.status, await garbage.json()]).toMatchObject([400, { code: 'invalid_argument' }])
    expect((await post('/graft.v1.MetaService/Drop', 'x')).status).toBe(404)
    expect((await fetch(`${url}/graft.v1.MetaService/Pull`)).status).toBe(405)
    expect((await post('/graft.v1.MetaService/Pull', 'x', 'text/html')).status).toBe(415)
  })

  test('a name that is not of loopback', async () => {
    const { port } = await start()
    const { request } = await import('node:http')
    const status = await new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path: '/healthz', headers: { host: `rebound.example:${port}` } }
      request(options, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end()
    })
    expect(status).toBe(421)
  })
})

describe('a server that cannot start', () => {
  test('on a port in use; the one that has it goes on', async () => {
    const { port, url } = await start()
    await expect(start({ port })).rejects.toMatchObject({ kind: 'unavailable', code: 'PORT_IN_USE' })
    expect((await probe(url, '/healthz'))[0]).toBe(200)
  })

  test('where others could reach it, unless that is asked for', async () => {
    await expect(start({ host: '0.0.0.0' })).rejects.toMatchObject({ kind: 'invalid', code: 'HOST_NOT_LOOPBACK' })
    const { port, url } = await start({ host: '0.0.0.0', allowRemote: true })
    expect(url).toBe(`http://0.0.0.0:${port}`)
    expect((await probe(`http://127.0.0.1:${port}`, '/healthz'))[0]).toBe(200)
  })

  test('with options that make no sense', async () => {
    const refused = { kind: 'invalid', code: 'SERVER_OPTIONS' }
    for (const port of [-1, 65_536, 1.5, Number.NaN]) await expect(start({ port })).rejects.toMatchObject(refused)
    await expect(start({ limits: { connectionsMax: 0 } })).rejects.toMatchObject(refused)
    await expect(start({ limits: { drainMsMax: -1 } })).rejects.toMatchObject(refused)
    await expect(start({ limits: { settleMsMax: -1 } })).rejects.toMatchObject(refused)
    await expect(start({ limits: { storeMsMax: 0 } })).rejects.toMatchObject(refused)
    await expect(start({ limits: { storeCallsMax: 0 } })).rejects.toMatchObject(refused)
    await expect(start({ limits: { readyMsMax: 2 ** 31 } })).rejects.toMatchObject(refused)
  })

  test('without saying who may do what, whatever is left out', async () => {
    for (const roles of ['both', 'meta', 'pages'] as const) {
      const refKeys = [{ id: 'k', secret: new Uint8Array(32) }]
      for (const authorize of [undefined, null, true] as unknown as Authorize[]) {
        await expect(start({ roles, refKeys, authorize })).rejects.toMatchObject({ kind: 'invalid', code: 'OPTIONS_INVALID' })
      }
    }
  })

  test('on a store that cannot create objects if absent', async () => {
    await expect(start({ store: new MemoryStore({ without: ['create'] }) })).rejects.toMatchObject({
      kind: 'unsupported',
      code: 'LOG_CREATE',
    })
  })
})

describe('what the stores are told through the server', () => {
  test('a page of the web may call both stores if its origin is allowed, and no other', async () => {
    const server = await start({ cors: { origins: ['https://app.example'] } })
    for (const path of [`${MetaService.typeName}/Describe`, `${PageService.typeName}/Describe`]) {
      const ask = (origin: string) =>
        fetch(`${server.url}/${path}`, {
          method: 'OPTIONS',
          headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
        })
      expect((await ask('https://app.example')).headers.get('access-control-allow-origin')).toBe('https://app.example')
      expect((await ask('https://other.example')).headers.get('access-control-allow-origin')).toBeNull()
    }
  })

  test('the meta store: whom to admit, and how old a pull may be', async () => {
    const admitted: string[] = []
    const store = new MemoryStore()
    const metastore = {
      admit: ({ method }: { readonly method: string }) => {
        admitted.push(method)
      },
      maxStalenessMs: 3_600_000,
    }
    const [stale, fresh] = [await start({ store, metastore }), await start({ store })]
    const writer = await openClient({ baseUrl: fresh.url })
    const { volumeId } = await commitPages(writer, 1)
    const reader = await openClient({ baseUrl: stale.url })
    const volume = await reader.openVolume(volumeId)
    await volume.pull()
    expect(admitted.length).toBeGreaterThan(0)
    const writing = await writer.openVolume(volumeId)
    await writing.transact((tx) => tx.write(1, page(9)))
    await writing.push()
    await volume.pull()
    expect(volume.snapshot().lsn).toBe(1)
  })
})
