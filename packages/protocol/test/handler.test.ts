import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { createClient } from '@connectrpc/connect'
import { describe, expect, test, vi } from 'vitest'
import {
  CommitRequestSchema,
  type HistoryEntry,
  HistoryRequestSchema,
  MetaService,
  type PullRequest,
  PullRequestSchema,
  PullResponseSchema,
  type Snapshot,
  snapshotToWire,
} from '../src/index.ts'
import { SNAPSHOT } from './samples.ts'
import { handlerOf, overHttp, StoreError } from './stand-ins.ts'

const MEBIBYTE = 2 ** 20
const URL_OF = (method: string) => `http://graft.test/graft.v1.MetaService/${method}`
const post = (method: string, body: BodyInit | null, headers: Record<string, string> = { 'content-type': 'application/proto' }) =>
  new Request(URL_OF(method), { method: 'POST', body, headers, duplex: 'half' } as RequestInit)
const pull = vi.fn<() => { snapshot: Snapshot }>(() => ({ snapshot: snapshotToWire(SNAPSHOT) }))
const handler = handlerOf({ meta: { pull } }, 1000)

interface WireError {
  readonly code: string
  readonly details?: { readonly debug: { readonly kind: string; readonly code: string } }[]
}
const errorOf = async (response: Response) => {
  const error = (await response.json()) as WireError
  return { status: response.status, connect: error.code, ...error.details?.[0]?.debug }
}

test('a request of any HTTP client is answered', async () => {
  const response = await handler(post('Pull', toBinary(PullRequestSchema, create(PullRequestSchema, { since: 3n }))))
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/proto')
  const answer = fromBinary(PullResponseSchema, new Uint8Array(await response.arrayBuffer()))
  expect(answer.snapshot?.lsn).toBe(7n)
})

test('fields that nobody knows are passed over, not kept (I11)', async () => {
  const known = toBinary(PullRequestSchema, create(PullRequestSchema, { since: 3n }))
  const body = Uint8Array.from([...known, ...Array.from({ length: 100 }, () => [0x78, 0x01]).flat()])
  pull.mockClear()
  expect((await handler(post('Pull', body))).status).toBe(200)
  const [request] = pull.mock.calls[0] as unknown as [PullRequest]
  expect(request.since).toBe(3n)
  expect(request.$unknown).toBeUndefined()
})

test('JSON is spoken too', async () => {
  const response = await handler(post('Pull', '{"since":"3"}', { 'content-type': 'application/json' }))
  expect(await response.json()).toMatchObject({ snapshot: { lsn: '7', pageCount: 9 } })
})

describe('what is no call', () => {
  test.each(['http://graft.test/', URL_OF('Nope'), 'http://graft.test/graft.v1.Nope/Pull', `${URL_OF('Pull')}/`])(
    '%s is not found',
    async (url) => {
      expect((await handler(new Request(url, { method: 'POST' }))).status).toBe(404)
    },
  )

  test.each(['GET', 'PUT', 'DELETE', 'OPTIONS'])('%s is not allowed', async (method) => {
    const response = await handler(new Request(`${URL_OF('Pull')}?encoding=proto&message=&connect=v1`, { method }))
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
  })

  test.each(['text/plain', 'application/grpc', 'application/grpc-web', 'application/xml'])(
    'a body of type %s is not taken',
    async (type) => {
      expect((await handler(post('Pull', 'x', { 'content-type': type }))).status).toBe(415)
    },
  )
})

describe('I11: bodies that are no message', () => {
  test('are refused as invalid, with kind and code', async () => {
    pull.mockClear()
    const expected = { status: 400, connect: 'invalid_argument', kind: 'invalid', code: 'MESSAGE_INVALID' }
    expect(await errorOf(await handler(post('Pull', Uint8Array.of(10, 99, 1))))).toEqual(expected)
    expect(await errorOf(await handler(post('Pull', '{"since":', { 'content-type': 'application/json' })))).toEqual(expected)
    expect(await errorOf(await handler(post('Pull', '{"since":"-1"}', { 'content-type': 'application/json' })))).toEqual(expected)
    expect(pull).not.toHaveBeenCalled()
  })

  test('in a stream too', async () => {
    const history = vi.fn<() => AsyncGenerator<HistoryEntry>>(async function* () {})
    const stream = handlerOf({ meta: { history } }, 1000)
    const response = await stream(
      post('History', envelope(Uint8Array.of(8, 255)), { 'content-type': 'application/connect+proto' }),
    )
    expect(await endOf(response)).toMatchObject({ kind: 'invalid', code: 'MESSAGE_INVALID' })
    expect(history).not.toHaveBeenCalled()
  })

  test('a compression that was not offered', async () => {
    const headers = { 'content-type': 'application/proto', 'content-encoding': 'gzip' }
    expect(await errorOf(await handler(post('Pull', Uint8Array.of(), headers)))).toMatchObject({
      status: 501,
      connect: 'unimplemented',
    })
  })
})

/** A body of chunks of 1 MiB, and how much of it was taken. */
function counted(byteLength: number) {
  let sent = 0
  const chunk = new Uint8Array(MEBIBYTE)
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    if (sent >= byteLength) return controller.close()
    sent += chunk.length
    controller.enqueue(chunk)
  }
  return { body: new ReadableStream({ pull }, { highWaterMark: 0 }), sent: () => sent }
}

describe('requestBytesMax', () => {
  const bodyOf = (bytes: number) => {
    const empty = toBinary(CommitRequestSchema, create(CommitRequestSchema, { own: new Uint8Array(900) }))
    return toBinary(CommitRequestSchema, create(CommitRequestSchema, { own: new Uint8Array(900 + bytes - empty.length) }))
  }
  const commit = vi.fn<() => object>(() => ({}))
  const commitHandler = handlerOf({ meta: { commit } }, 1000)
  const TOO_LARGE = { status: 429, connect: 'resource_exhausted', kind: 'exhausted', code: 'MESSAGE_TOO_LARGE' }

  test('n - 1 and n bytes pass, n + 1 do not', async () => {
    for (const bytes of [999, 1000]) {
      expect(bodyOf(bytes)).toHaveLength(bytes)
      expect((await commitHandler(post('Commit', bodyOf(bytes)))).status).toBe(200)
    }
    commit.mockClear()
    expect(await errorOf(await commitHandler(post('Commit', bodyOf(1001))))).toEqual(TOO_LARGE)
    expect(commit).not.toHaveBeenCalled()
  })

  test('what is left of a refused body is thrown away, so that its connection can be used again', async () => {
    const { body, sent } = counted(20 * MEBIBYTE)
    const response = await commitHandler(post('Commit', body))
    expect(response.headers.get('connection')).toBeNull()
    expect(await errorOf(response)).toEqual(TOO_LARGE)
    expect(sent()).toBe(20 * MEBIBYTE)
  })

  test('a body that never ends is left at a bound, and its connection given up', async () => {
    const { body, sent } = counted(Number.POSITIVE_INFINITY)
    const response = await commitHandler(post('Commit', body))
    expect(response.headers.get('connection')).toBe('close')
    expect(await errorOf(response)).toEqual(TOO_LARGE)
    expect(sent()).toBeLessThanOrEqual(66 * MEBIBYTE)
  })

  test('a declared length beyond that bound is believed before anything is read', async () => {
    const { body, sent } = counted(Number.POSITIVE_INFINITY)
    const headers = { 'content-type': 'application/proto', 'content-length': `${64 * MEBIBYTE + 1}` }
    const response = await commitHandler(post('Commit', body, headers))
    expect(response.headers.get('connection')).toBe('close')
    expect(await errorOf(response)).toEqual(TOO_LARGE)
    expect(sent()).toBe(0)
  })

  test('a body that ends early or goes on longer than declared is invalid', async () => {
    for (const length of ['5', '500']) {
      const headers = { 'content-type': 'application/proto', 'content-length': length }
      expect(await errorOf(await commitHandler(post('Commit', bodyOf(450 + 500), headers)))).toMatchObject({
        code: 'MESSAGE_INVALID',
      })
    }
  })

  test('holds for the message of a stream', async () => {
    const history = vi.fn<() => AsyncGenerator<HistoryEntry>>(async function* () {})
    const stream = handlerOf({ meta: { history } }, 1000)
    const request = post('History', envelope(new Uint8Array(1001)), { 'content-type': 'application/connect+proto' })
    expect(await endOf(await stream(request))).toMatchObject({ kind: 'exhausted', code: 'MESSAGE_TOO_LARGE' })
    expect(history).not.toHaveBeenCalled()
  })

  test('is told to our client', async () => {
    const meta = createClient(MetaService, overHttp(commitHandler).meta)
    await expect(meta.commit({ own: new Uint8Array(1000) })).rejects.toMatchObject({
      kind: 'exhausted',
      code: 'MESSAGE_TOO_LARGE',
    })
  })
})

test('a body that breaks off is an error, not a crash', async () => {
  const body = new ReadableStream({ pull: (controller) => controller.error(new Error('connection reset')) }, { highWaterMark: 0 })
  const response = await handler(post('Pull', body))
  expect(response.status).toBe(500)
  expect(await response.text()).not.toContain('reset')
})

test('errors of services keep their details when other errors are completed', async () => {
  const fail = () => {
    throw new StoreError('exhausted', 'BUSY', 'wait', 5)
  }
  const busy = handlerOf({ meta: { pull: fail } })
  expect(await errorOf(await busy(post('Pull', null)))).toEqual({
    status: 429,
    connect: 'resource_exhausted',
    kind: 'exhausted',
    code: 'BUSY',
    retryAfterMs: 5,
  })
})

test('nothing is compressed on the wire', async () => {
  const big = handlerOf({ meta: { pull: () => ({ changed: new Uint8Array(100_000) }) } })
  const headers = { 'content-type': 'application/proto', 'accept-encoding': 'gzip, br' }
  const response = await big(post('Pull', null, headers))
  expect(response.headers.get('content-encoding')).toBeNull()
  expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(100_000)
})

test('a stream of any HTTP client is answered', async () => {
  const stream = handlerOf({ meta: { history: async function* () {} } })
  const body = envelope(toBinary(HistoryRequestSchema, create(HistoryRequestSchema, { from: 1n })))
  const response = await stream(post('History', body, { 'content-type': 'application/connect+proto' }))
  expect(response.status).toBe(200)
  expect(await endOf(response)).toEqual({ connect: undefined })
})

function envelope(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(5 + message.length)
  new DataView(bytes.buffer).setUint32(1, message.length)
  bytes.set(message, 5)
  return bytes
}

/** The error in the last envelope of an answer that holds nothing else. */
async function endOf(response: Response): Promise<Record<string, unknown>> {
  const bytes = new Uint8Array(await response.arrayBuffer())
  expect(bytes[0]).toBe(2)
  const { error } = JSON.parse(new TextDecoder().decode(bytes.subarray(5))) as { error?: WireError }
  return { connect: error?.code, ...error?.details?.[0]?.debug }
}
