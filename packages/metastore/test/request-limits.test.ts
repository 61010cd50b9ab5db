import { createClient } from '@connectrpc/connect'
import {
  type ArrivingCall,
  type Authorize,
  httpTransport,
  MetaService,
  type SignedSegmentRef,
  watchRequestToWire,
} from '@graft-ts/protocol'
import { idToBytes, type Lsn, type VolumeId } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { settle } from './clock.ts'
import { type Faults, faulty } from './faulty-store.ts'
import { commitMany, commitOf, type Node, newVolume, openHarness } from './harness.ts'

const TOO_MANY = { kind: 'exhausted', code: 'REQUESTS_TOO_MANY', retryAfterMs: 250 }

/** A client over HTTP, without a network. */
function overHttp(node: Node, name = 'alice') {
  const fetch = (input: RequestInfo | URL, init?: RequestInit) => node.metastore.handler(new Request(input, init))
  return createClient(MetaService, httpTransport({ baseUrl: 'https://graft.test', fetch, token: async () => name }).meta)
}

const byToken: Authorize = async ({ headers }) => ({ id: headers.get('authorization') as string })

/** A meta store whose store answers when it is told to. */
async function openHeld(options: Parameters<typeof openHarness>[0] = {}) {
  const faults: Faults = { get: undefined, create: undefined }
  const harness = openHarness({ wrap: (inner) => faulty(inner, faults), authorize: byToken, ...options })
  const volumeId = newVolume()
  const client = overHttp(harness)
  await client.commit(commitOf(volumeId, 0))
  const held = Promise.withResolvers<void>()
  faults.get = async (_, run) => {
    await held.promise
    return run()
  }
  const pull = (name: string, signal?: AbortSignal) =>
    overHttp(harness, name).pull({ volumeId: idToBytes(volumeId) }, signal === undefined ? {} : { signal })
  return { harness, volumeId, pull, release: held.resolve }
}

describe('calls at a time', () => {
  test('of one principal: one more is told to wait, others are not; what is over makes room', async () => {
    const { pull, release } = await openHeld({ limits: { requestsPerPrincipalMax: 2 } })
    const first = [pull('alice'), pull('alice')]
    await settle()
    await expect(pull('alice')).rejects.toMatchObject(TOO_MANY)
    const other = pull('bob')
    await settle()
    release()
    await Promise.all([...first, other])
    await Promise.all([pull('alice'), pull('alice')])
  })

  test('of all: one more is turned away before anybody is asked about it', async () => {
    const { harness, pull, release } = await openHeld({ limits: { requestsMax: 2 } })
    const first = [pull('alice'), pull('bob')]
    await settle()
    expect(harness.metastore.metrics().requestsInFlightNow).toBe(2)
    await expect(pull('carol')).rejects.toMatchObject(TOO_MANY)
    expect(harness.metastore.metrics().refusedRequests).toBe(1)
    expect(harness.events.at(-1)).toMatchObject({ type: 'request-refused', method: 'Pull', code: 'REQUESTS_TOO_MANY' })
    release()
    await Promise.all(first)
    expect(harness.metastore.metrics().requestsInFlightNow).toBe(0)
    await pull('carol')
  })

  test('a commit counts until it is decided, also when its client has gone', async () => {
    const held = Promise.withResolvers<void>()
    const faults: Faults = { get: undefined, create: undefined }
    const harness = openHarness({ wrap: (inner) => faulty(inner, faults), limits: { requestsPerPrincipalMax: 1 } })
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 1)
    faults.create = async (_, run) => {
      await held.promise
      return run()
    }
    const controller = new AbortController()
    const left = harness.client.commit(commitOf(volumeId, 1, { pageCount: 50 }), { signal: controller.signal })
    left.catch(() => undefined)
    await settle()
    controller.abort()
    await settle()
    await expect(harness.commit(commitOf(volumeId, 1, { pageCount: 50 }))).rejects.toMatchObject(TOO_MANY)
    held.resolve()
    await settle()
    expect((await harness.pull(volumeId, 0)).snapshot.lsn).toBe(2)
  })

  test('a history counts until it is read, or left', async () => {
    const harness = openHarness({ limits: { requestsPerPrincipalMax: 1 } })
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 30)
    const controller = new AbortController()
    const request = { volumeId: idToBytes(volumeId), from: 1n }
    const iterator = harness.client.history(request, { signal: controller.signal })[Symbol.asyncIterator]()
    await iterator.next()
    await expect(harness.pull(volumeId, 0)).rejects.toMatchObject(TOO_MANY)
    controller.abort()
    await settle()
    expect((await harness.pull(volumeId, 0)).snapshot.lsn).toBe(30)
  })

  test('watches have limits of their own', async () => {
    const harness = openHarness({ limits: { requestsMax: 1, requestsPerPrincipalMax: 1 } })
    const volumeId: VolumeId = newVolume()
    const client = overHttp(harness)
    await client.commit(commitOf(volumeId, 0))
    const controllers = [new AbortController(), new AbortController()]
    for (const { signal } of controllers) {
      const watching = client.watch(watchRequestToWire([[volumeId, 0 as Lsn]]), { signal })
      await watching[Symbol.asyncIterator]().next()
    }
    expect(harness.metastore.metrics()).toMatchObject({ watchesOpenNow: 2, requestsInFlightNow: 0 })
    expect((await client.pull({ volumeId: idToBytes(volumeId) })).snapshot?.lsn).toBe(1n)
    for (const controller of controllers) controller.abort()
    await settle()
    expect(harness.metastore.metrics()).toMatchObject({ watchesOpenNow: 0 })
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
    await expect(overHttp(harness).commit(commitOf(newVolume(), 0))).rejects.toMatchObject({
      kind: 'exhausted',
      code: 'RATE_LIMITED',
      retryAfterMs: 700,
    })
    expect(seen.map(({ method, headers }) => [method, headers.get('authorization')])).toEqual([['Commit', 'Bearer alice']])
    expect(harness.metastore.metrics()).toMatchObject({ refusedRequests: 1, requestsInFlightNow: 0, commits: 0 })
    expect(harness.events).toEqual([
      expect.objectContaining({ type: 'request-refused', method: 'Commit', kind: 'exhausted', code: 'RATE_LIMITED' }),
    ])
  })

  test('millions of empty refs are refused without anybody being asked', async () => {
    const asked: unknown[] = []
    const authorize: Authorize = async (request) => {
      asked.push(request)
      return { id: 'x' }
    }
    const { metastore } = openHarness({ authorize })
    const body = new Uint8Array(4 * 2 ** 20).map((_, i) => (i % 2 === 0 ? 0x4a : 0))
    const request = new Request('http://graft.test/graft.v1.MetaService/Commit', {
      method: 'POST',
      headers: { 'content-type': 'application/proto' },
      body,
    })
    const response = await metastore.handler(request)
    expect(response.status).toBe(429)
    expect(await response.text()).toContain('too many fields')
    expect(asked).toEqual([])
    expect(metastore.metrics().commits).toBe(0)
  })

  test('as many refs and volumes as the limits allow come through', async () => {
    const harness = openHarness({ limits: { refsMax: 900 }, watch: { volumesMax: 2500 } })
    const client = overHttp(harness)
    const ref: SignedSegmentRef = {
      $typeName: 'graft.v1.SignedSegmentRef',
      ref: Uint8Array.of(1),
      issuedAtMs: 1n,
      keyId: 'k',
      signature: Uint8Array.of(2),
    }
    const commit = (refs: number) => client.commit(commitOf(newVolume(), 0, { refs: Array.from({ length: refs }, () => ref) }))
    await expect(commit(900)).rejects.toMatchObject({ code: 'REFS_EXPIRED' })
    await expect(commit(901)).rejects.toMatchObject({ code: 'REFS_TOO_MANY' })
    const controller = new AbortController()
    const known = Array.from({ length: 2500 }, () => [newVolume(), 9 as Lsn] as const)
    const watching = client.watch(watchRequestToWire(known), { signal: controller.signal })
    expect((await watching[Symbol.asyncIterator]().next()).value?.volumeId).toHaveLength(0)
    controller.abort()
    await settle()
  })
})

test('CORS: a page of the web may call the handler where that was asked for, and nowhere else', async () => {
  const origin = 'https://app.example'
  const preflight = () =>
    new Request('http://graft.test/graft.v1.MetaService/Pull', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    })
  const open = openHarness({ cors: { origins: [origin] } })
  expect((await open.metastore.handler(preflight())).headers.get('access-control-allow-origin')).toBe(origin)
  const closed = await openHarness().metastore.handler(preflight())
  expect([closed.status, closed.headers.get('access-control-allow-origin')]).toEqual([405, null])
})
