import { createClient } from '@connectrpc/connect'
import {
  type Action,
  type AuthorizationRequest,
  type Authorize,
  httpTransport,
  inProcessTransport,
  MetaService,
} from '@graft-ts/protocol'
import { idToBytes } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { commitMany, commitOf, firstOf, newVolume, openHarness } from './harness.ts'

class Denied extends Error {
  override readonly name = 'Denied'
  readonly kind = 'denied'
  readonly code = 'NOT_ALLOWED'
}

/** Allows some actions to everybody, and remembers what it was asked. */
function allowing(...allowed: Action[]): { authorize: Authorize; asked: AuthorizationRequest[] } {
  const asked: AuthorizationRequest[] = []
  const authorize: Authorize = async (request) => {
    asked.push(request)
    if (!allowed.includes(request.action)) throw new Denied('not allowed')
    return { id: request.headers.get('authorization') ?? 'nobody' }
  }
  return { authorize, asked }
}

describe('a caller who may do nothing', () => {
  test('learns nothing about whether a volume exists, and costs no store request', async () => {
    const harness = openHarness()
    const known = newVolume()
    await commitMany(harness, known, 3)
    const { client } = harness.other(allowing())
    harness.store.reset()
    for (const volumeId of [known, newVolume()].map(idToBytes)) {
      const calls = [
        client.pull({ volumeId }),
        client.pull({ volumeId, since: 99n, atLeast: 2n ** 60n }),
        client.getSnapshot({ volumeId, lsn: 2n }),
        firstOf(client.history({ volumeId, from: 0n })),
        client.commit({ ...commitOf(known, 0), volumeId }),
        client.commit({ ...commitOf(known, 3), volumeId }),
        client.commit({ ...commitOf(known, 3), volumeId, own: Uint8Array.of(1, 2, 3) }),
      ]
      for (const call of calls)
        await expect(call).rejects.toMatchObject({ kind: 'denied', code: 'NOT_ALLOWED', message: 'not allowed' })
    }
    expect(harness.store.counts).toMatchObject({ get: 0, create: 0, head: 0, put: 0, list: 0 })
  })

  test('may ask what the server speaks', async () => {
    const { client } = openHarness(allowing())
    expect((await client.describe({})).protocolVersions).toEqual([1])
  })

  test('a repeat by somebody who may not write finds nothing', async () => {
    const harness = openHarness()
    const request = commitOf(newVolume(), 0)
    await harness.commit(request)
    await expect(harness.other(allowing('read')).commit(request)).rejects.toMatchObject({ kind: 'denied' })
  })
})

describe('each call asks for its action', () => {
  test('reading', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 1)
    const { authorize, asked } = allowing('read')
    const { client } = harness.other({ authorize })
    const request = { volumeId: idToBytes(volumeId) }
    await client.pull(request)
    await client.getSnapshot(request)
    const history = client.history({ ...request, from: 1n })
    await firstOf(history)
    expect(asked.map((one) => [one.action, one.isMetadata, one.volumeId])).toEqual([1, 2, 3].map(() => ['read', true, volumeId]))
  })

  test('the first commit needs create and write, later ones write alone', async () => {
    const volumeId = newVolume()
    const first = commitOf(volumeId, 0)
    for (const actions of [['create'], ['write'], ['read', 'admin']] as Action[][]) {
      await expect(openHarness(allowing(...actions)).commit(first)).rejects.toMatchObject({ kind: 'denied' })
    }
    const { authorize, asked } = allowing('create', 'write')
    const harness = openHarness({ authorize })
    await harness.commit(first)
    expect(asked.map(({ action }) => action)).toEqual(['create', 'write'])
    expect(await harness.other(allowing('write')).commit(commitOf(volumeId, 1))).toMatchObject({ type: 'committed' })
  })
})

test('the headers of the request reach the decision, and its principal the log', async () => {
  const { authorize, asked } = allowing('create', 'write')
  const harness = openHarness({ authorize })
  const send = (input: RequestInfo | URL, init?: RequestInit) => harness.metastore.handler(new Request(input, init))
  const transport = httpTransport({ baseUrl: 'https://graft.test', fetch: send, token: async () => 'secret-token' })
  await createClient(MetaService, transport.meta).commit(commitOf(newVolume(), 0))
  expect(asked.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer secret-token', 'Bearer secret-token'])
  expect(harness.events).toEqual([expect.objectContaining({ type: 'commit-accepted', principal: 'Bearer secret-token' })])
})

test('without an authorize there is no meta store', () => {
  const given = { authorize: undefined as unknown as Authorize }
  expect(() => openHarness(given)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'OPTIONS_INVALID' }))
})

test('a decision that names nobody is no permission', async () => {
  const harness = openHarness({ authorize: (async () => true) as unknown as Authorize })
  await expect(harness.pull(newVolume(), 0)).rejects.toMatchObject({ kind: 'denied', code: 'ACCESS_DENIED' })
  await expect(harness.commit(commitOf(newVolume(), 0))).rejects.toMatchObject({ kind: 'denied', code: 'ACCESS_DENIED' })
  expect(harness.store.counts).toMatchObject({ get: 0, create: 0 })
})

test('a decision that fails is no permission', async () => {
  const authorize: Authorize = () => Promise.reject(new TypeError('cannot read properties of undefined'))
  const harness = openHarness({ authorize })
  await expect(harness.pull(newVolume(), 0)).rejects.toMatchObject({ kind: 'unavailable', message: 'internal error' })
  await expect(harness.commit(commitOf(newVolume(), 0))).rejects.toMatchObject({ kind: 'unknown' })
  expect(harness.store.counts).toMatchObject({ get: 0, create: 0 })
})

test('what fails is told to the log with kind, code, volume and principal, never with headers', async () => {
  const { authorize } = allowing('read')
  const harness = openHarness({ authorize })
  const volumeId = newVolume()
  const headers = { authorization: 'Bearer secret-token' }
  await expect(harness.client.pull({ volumeId: idToBytes(volumeId) }, { headers })).rejects.toMatchObject({ kind: 'missing' })
  await expect(harness.client.commit(commitOf(volumeId, 0), { headers })).rejects.toMatchObject({ kind: 'denied' })
  await expect(harness.client.pull({ volumeId: Uint8Array.of(1) }, { headers })).rejects.toMatchObject({ kind: 'invalid' })
  const facts = harness.events.map((event) => event.type === 'request-failed' && { ...event, error: undefined })
  expect(facts).toEqual([
    {
      type: 'request-failed',
      method: 'pull',
      volumeId,
      principal: 'Bearer secret-token',
      kind: 'missing',
      code: 'VOLUME_UNKNOWN',
    },
    { type: 'request-failed', method: 'commit', volumeId, principal: undefined, kind: 'denied', code: 'NOT_ALLOWED' },
    {
      type: 'request-failed',
      method: 'pull',
      volumeId: undefined,
      principal: undefined,
      kind: 'invalid',
      code: 'MESSAGE_INVALID',
    },
  ])
})

test('the routes can be mounted beside others', async () => {
  const { metastore } = openHarness()
  const transport = inProcessTransport({ meta: metastore.routes, pages: () => undefined })
  expect((await createClient(MetaService, transport.meta).describe({})).features).toContain('history')
})
