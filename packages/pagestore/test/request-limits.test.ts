import { createClient } from '@connectrpc/connect'
import { type ArrivingCall, type Authorize, httpTransport, PageService } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { idToBytes, type VolumeId } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { createPagestoreHandler } from '../src/index.ts'
import { concat, type Harness, openHarness, pagesOf, settle } from './harness.ts'
import { ScriptedStore } from './scripted-store.ts'

const TOO_MANY = { kind: 'exhausted', code: 'REQUESTS_TOO_MANY', retryAfterMs: 250 }

const byToken: Authorize = async ({ headers }) => ({ id: headers.get('authorization') as string })

/** A client over HTTP, without a network. */
function overHttp({ pagestore }: Harness, name = 'alice') {
  const fetch = (input: RequestInfo | URL, init?: RequestInit) => pagestore.handler(new Request(input, init))
  return createClient(PageService, httpTransport({ baseUrl: 'https://graft.test', fetch, token: async () => name }).pages)
}

const writeOf = (volumeId: VolumeId) => {
  const pages = pagesOf([1])
  return { volumeId: idToBytes(volumeId), pageSize: 512, pages: Splinter.from([1]).toBytes(), data: concat(pages) }
}

/** A page store with a commit to read, whose object store answers when it is told to. */
async function openHeld(options: Parameters<typeof openHarness>[0] = {}) {
  let scripted: ScriptedStore | undefined
  const wrap = (inner: ConstructorParameters<typeof ScriptedStore>[0]) => (scripted = new ScriptedStore(inner))
  const harness = openHarness({ wrap, authorize: byToken, ...options })
  const store = scripted as unknown as ScriptedStore
  const volumeId = harness.newVolume()
  await harness.commit(volumeId, { base: 0, pageCount: 3, inline: pagesOf([1, 2, 3]) })
  const held = Promise.withResolvers<void>()
  store.onGet = async (forward, key, getOptions) => {
    await held.promise
    return forward(key, getOptions)
  }
  store.onCreate = async (forward, key, body, createOptions) => {
    await held.promise
    return forward(key, body, createOptions)
  }
  const read = async (name: string, signal?: AbortSignal): Promise<number> => {
    const request = { volumeId: idToBytes(volumeId), lsn: 1n, wanted: Splinter.from([1, 2, 3]).toBytes() }
    let pages = 0
    const answer = overHttp(harness, name).readPages(request, signal === undefined ? {} : { signal })
    for await (const group of answer) pages += group.writtenLsns.length
    return pages
  }
  const write = (name: string) => overHttp(harness, name).writePages(writeOf(volumeId))
  return { harness, volumeId, read, write, release: held.resolve }
}

describe('calls at a time', () => {
  test('of one principal, reads and writes together: one more is told to wait, others are not; what is over makes room', async () => {
    const { read, write, release } = await openHeld({ limits: { requestsPerPrincipalMax: 2 } })
    const first = [read('alice'), write('alice')]
    await settle()
    await expect(read('alice')).rejects.toMatchObject(TOO_MANY)
    await expect(write('alice')).rejects.toMatchObject(TOO_MANY)
    const other = write('bob')
    await settle()
    release()
    await Promise.all([...first, other])
    expect(await Promise.all([read('alice'), read('alice')])).toEqual([3, 3])
  })

  test('of all: one more is turned away before anybody is asked about it', async () => {
    const { harness, read, write, release } = await openHeld({ limits: { requestsMax: 2 } })
    const { metrics } = harness.pagestore
    const first = [read('alice'), write('bob')]
    await settle()
    expect(metrics().requestsInFlightNow).toBe(2)
    await expect(read('carol')).rejects.toMatchObject(TOO_MANY)
    expect(metrics()).toMatchObject({ refusedRequests: 1, failedRequests: 0, readRequests: 1 })
    expect(harness.events.at(-1)).toMatchObject({ type: 'request-refused', method: 'ReadPages', code: 'REQUESTS_TOO_MANY' })
    release()
    await Promise.all(first)
    expect(metrics().requestsInFlightNow).toBe(0)
    expect(await read('carol')).toBe(3)
  })

  test('a read counts until its reader has gone', async () => {
    const { harness, read, release } = await openHeld({ limits: { requestsPerPrincipalMax: 1 } })
    const controller = new AbortController()
    const left = read('alice', controller.signal)
    left.catch(() => undefined)
    await settle()
    await expect(read('alice')).rejects.toMatchObject(TOO_MANY)
    controller.abort()
    await settle()
    expect(harness.pagestore.metrics().requestsInFlightNow).toBe(0)
    release()
    expect(await read('alice')).toBe(3)
  })

  test.each(['requestsMax', 'requestsPerPrincipalMax'] as const)('%s of 0 would let nobody in', (name) => {
    expect(() => openHarness({ limits: { [name]: 0 } })).toThrow(expect.objectContaining({ code: 'PAGESTORE_OPTIONS' }))
    expect(() => openHarness({ limits: { [name]: 1 } })).not.toThrow()
  })
})

describe('before a body is read', () => {
  class RateLimited extends Error {
    readonly kind = 'exhausted'
    readonly code = 'RATE_LIMITED'
    readonly retryAfterMs = 700
  }

  test('a hook may refuse a call, and its answer reaches the client and the log', async () => {
    const seen: ArrivingCall[] = []
    const admit = (call: ArrivingCall) => {
      seen.push(call)
      throw new RateLimited('slow down')
    }
    const harness = openHarness({ admit })
    const told = { kind: 'exhausted', code: 'RATE_LIMITED', retryAfterMs: 700 }
    await expect(overHttp(harness).writePages(writeOf(harness.newVolume()))).rejects.toMatchObject(told)
    expect(seen.map(({ method, headers }) => [method, headers.get('authorization')])).toEqual([['WritePages', 'Bearer alice']])
    expect(harness.pagestore.metrics()).toMatchObject({ refusedRequests: 1, requestsInFlightNow: 0, writeRequests: 0 })
    expect(harness.events).toEqual([
      expect.objectContaining({ type: 'request-refused', method: 'WritePages', kind: 'exhausted', code: 'RATE_LIMITED' }),
    ])
    expect(harness.store.counts).toMatchObject({ get: 0, create: 0 })
  })

  test.each([
    [255, 'invalid'],
    [256, 'invalid'],
    [257, 'exhausted'],
  ])('a body of %i fields: %s', async (fields, kind) => {
    const { pagestore } = openHarness()
    const body = new Uint8Array(fields * 2).map((_, i) => (i % 2 === 0 ? 0x78 : 1))
    const headers = { 'content-type': 'application/proto' }
    const url = 'https://graft.test/graft.v1.PageService/WritePages'
    const response = await pagestore.handler(new Request(url, { method: 'POST', headers, body }))
    expect(response.status).toBe(kind === 'invalid' ? 400 : 429)
  })

  test('a body of millions of fields is refused without anybody being asked', async () => {
    const asked: unknown[] = []
    const authorize: Authorize = async (request) => {
      asked.push(request)
      return { id: 'x' }
    }
    const { pagestore } = openHarness({ authorize })
    // A field that nobody knows, over and over.
    const body = new Uint8Array(4 * 2 ** 20).map((_, i) => (i % 2 === 0 ? 0x78 : 1))
    const headers = { 'content-type': 'application/proto' }
    const url = 'https://graft.test/graft.v1.PageService/WritePages'
    const response = await pagestore.handler(new Request(url, { method: 'POST', headers, body }))
    expect(response.status).toBe(429)
    expect(await response.text()).toContain('too many fields')
    expect(asked).toEqual([])
    expect(pagestore.metrics().writeRequests).toBe(0)
  })
})

test('CORS: a page of the web may call the handler where that was asked for, and nowhere else', async () => {
  const origin = 'https://app.example'
  const preflight = () =>
    new Request('https://graft.test/graft.v1.PageService/ReadPages', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    })
  const open = openHarness({ cors: { origins: [origin] } })
  expect((await open.pagestore.handler(preflight())).headers.get('access-control-allow-origin')).toBe(origin)
  const closed = await openHarness().pagestore.handler(preflight())
  expect([closed.status, closed.headers.get('access-control-allow-origin')]).toEqual([405, null])
})

test('a handler alone', async () => {
  const { logs, store } = openHarness()
  const refs = {
    sign: async (ref: Uint8Array) => ({ ref, issuedAtMs: 1n, keyId: '', signature: ref }),
    verify: async () => undefined,
  }
  const handler = createPagestoreHandler({ logs, segments: store, commits: store, authorize: byToken, refs: refs as never })
  const headers = { 'content-type': 'application/json' }
  const request = new Request('https://graft.test/graft.v1.PageService/Describe', { method: 'POST', headers, body: '{}' })
  expect(await (await handler(request)).json()).toMatchObject({ requestBytesMax: 8 * 2 ** 20, writePagesMax: 1024 })
})
