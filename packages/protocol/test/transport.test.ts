import { create } from '@bufbuild/protobuf'
import { createClient } from '@connectrpc/connect'
import type { ErrorKind } from '@graft-ts/volume'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  commitAnswerFromWire,
  commitProposalFromWire,
  commitProposalToWire,
  fromConnectError,
  type HistoryEntry,
  HistoryEntrySchema,
  httpTransport,
  META_LIMITS_DEFAULT,
  MetaService,
  PageService,
  RemoteError,
  snapshotToWire,
} from '../src/index.ts'
import { lsn, PROPOSAL, plain, SNAPSHOT } from './samples.ts'
import { overHttp, StoreError, TRANSPORTS } from './stand-ins.ts'

const KINDS: readonly ErrorKind[] = [
  'invalid',
  'missing',
  'conflict',
  'denied',
  'exhausted',
  'unavailable',
  'unknown',
  'corrupt',
  'unsupported',
  'aborted',
  'closed',
]
const entry = (n: number) => create(HistoryEntrySchema, { snapshot: snapshotToWire({ ...SNAPSHOT, lsn: lsn(n) }) })
const never = () => new Promise<never>(() => undefined)

afterEach(() => void vi.useRealTimers())

describe.each(TRANSPORTS)('%s', (_, open) => {
  test('a commit arrives as it was sent, and so does its answer', async () => {
    let arrived: unknown
    const transport = open({
      meta: {
        commit(message) {
          arrived = commitProposalFromWire(message, META_LIMITS_DEFAULT)
          return { outcome: { case: 'committed', value: { snapshot: snapshotToWire(SNAPSHOT) } } }
        },
      },
    })
    const answer = await createClient(MetaService, transport.meta).commit(commitProposalToWire(PROPOSAL))
    expect(plain(arrived)).toEqual(plain(PROPOSAL))
    expect(commitAnswerFromWire(answer)).toEqual({ type: 'committed', snapshot: SNAPSHOT })
  })

  test.each(KINDS)('an error of kind %s keeps kind, code and hint, for reads, writes and streams', async (kind) => {
    const error = new StoreError(kind, 'THE_CODE', 'what happened', 250)
    const fail = () => {
      throw error
    }
    const transport = open({
      meta: {
        pull: fail,
        commit: fail,
        async *history() {
          yield entry(1)
          fail()
        },
      },
      pages: { writePages: fail },
    })
    const meta = createClient(MetaService, transport.meta)
    const expected = { name: 'RemoteError', kind, code: 'THE_CODE', message: 'what happened', retryAfterMs: 250 }
    await expect(meta.pull({})).rejects.toMatchObject(expected)
    await expect(meta.commit({})).rejects.toMatchObject(expected)
    await expect(createClient(PageService, transport.pages).writePages({})).rejects.toMatchObject(expected)
    const { received, error: ended } = await drain(meta.history({}))
    expect(received).toBe(1)
    expect(ended).toMatchObject(expected)
  })

  test('a bug of the server tells nothing but that it happened', async () => {
    const fail = () => {
      throw new Error('password=hunter2')
    }
    const transport = open({
      meta: {
        pull: fail,
        commit: fail,
        // biome-ignore lint/correctness/useYield: it fails before its first message.
        history: fail,
      },
    })
    const meta = createClient(MetaService, transport.meta)
    const outcomes = [await errorOf(meta.pull({})), await errorOf(meta.commit({})), (await drain(meta.history({}))).error]
    expect(outcomes.map((error) => [error?.kind, error?.code])).toEqual([
      ['unavailable', 'NO_ANSWER'],
      ['unknown', 'OUTCOME_UNKNOWN'],
      ['unavailable', 'NO_ANSWER'],
    ])
    for (const error of outcomes) expect(error?.message).not.toContain('hunter2')
  })

  test('a method that the server lacks', async () => {
    const transport = open({})
    await expect(createClient(MetaService, transport.meta).commit({})).rejects.toMatchObject({
      kind: 'unsupported',
      code: 'METHOD_UNKNOWN',
    })
  })

  test('a message that cannot be written was not sent', async () => {
    const commit = vi.fn<() => object>(() => ({}))
    const meta = createClient(MetaService, open({ meta: { commit } }).meta)
    await expect(meta.commit({ pageCount: -1 })).rejects.toMatchObject({ kind: 'invalid', code: 'MESSAGE_INVALID' })
    expect(commit).not.toHaveBeenCalled()
  })

  test('a call that is aborted before it begins has no effect and says so', async () => {
    const commit = vi.fn<() => object>(() => ({}))
    const history = vi.fn<() => AsyncGenerator<HistoryEntry>>(async function* () {
      yield entry(1)
    })
    const meta = createClient(MetaService, open({ meta: { commit, history } }).meta)
    const options = { signal: AbortSignal.abort() }
    await expect(meta.commit({}, options)).rejects.toMatchObject({ kind: 'aborted', code: 'ABORTED' })
    expect((await drain(meta.history({}, options))).error).toMatchObject({ kind: 'aborted', code: 'ABORTED' })
    expect(commit).not.toHaveBeenCalled()
    expect(history).not.toHaveBeenCalled()
  })

  test.each([
    ['plain', undefined],
    ['with an error of the caller', new Error('enough')],
    ['with a text', 'enough'],
  ])('a call that is aborted under way, %s', async (_, reason) => {
    for (const [method, kind, code] of [
      ['pull', 'aborted', 'ABORTED'],
      ['commit', 'unknown', 'OUTCOME_UNKNOWN'],
    ] as const) {
      const arrived = Promise.withResolvers<void>()
      const stuck = () => {
        arrived.resolve()
        return never()
      }
      const meta = createClient(MetaService, open({ meta: { [method]: stuck } }).meta)
      const controller = new AbortController()
      const call = errorOf(meta[method]({}, { signal: controller.signal }))
      await arrived.promise
      controller.abort(reason)
      expect(await call).toMatchObject({ kind, code })
    }
  })

  test('a reader that goes away ends the stream on the server', async () => {
    const released = Promise.withResolvers<void>()
    const transport = open({
      meta: {
        async *history() {
          try {
            for (let n = 1; ; n++) yield entry(n)
          } finally {
            released.resolve()
          }
        },
      },
    })
    const controller = new AbortController()
    const iterator = createClient(MetaService, transport.meta).history({}, { signal: controller.signal })[Symbol.asyncIterator]()
    expect((await iterator.next()).value?.snapshot?.lsn).toBe(1n)
    controller.abort()
    await released.promise
    await expect(iterator.next()).rejects.toMatchObject({ kind: 'aborted', code: 'ABORTED' })
  })

  test('a stream whose server watches the signal learns that the reader went away', async () => {
    const noticed = Promise.withResolvers<void>()
    const transport = open({
      meta: {
        async *history(_, context) {
          yield entry(1)
          await new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve()))
          noticed.resolve()
        },
      },
    })
    const controller = new AbortController()
    const iterator = createClient(MetaService, transport.meta).history({}, { signal: controller.signal })[Symbol.asyncIterator]()
    await iterator.next()
    const second = errorOf(iterator.next())
    controller.abort()
    await noticed.promise
    expect(await second).toMatchObject({ kind: 'aborted' })
  })
})

describe('HTTP: who answers is not a graft server', () => {
  const html = (status: number, headers: Record<string, string> = {}) =>
    new Response('<html>hello</html>', { status, headers: { 'content-type': 'text/html', ...headers } })
  const json = (status: number, body: unknown) =>
    new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
  const proto = (bytes: Uint8Array<ArrayBuffer>) => new Response(bytes, { headers: { 'content-type': 'application/proto' } })

  test.each<[string, () => Response, [ErrorKind, string], [ErrorKind, string]]>([
    ['a page of a portal', () => html(200), ['unavailable', 'NO_ANSWER'], ['unknown', 'OUTCOME_UNKNOWN']],
    ['404', () => html(404), ['unsupported', 'METHOD_UNKNOWN'], ['unsupported', 'METHOD_UNKNOWN']],
    ['401', () => html(401), ['denied', 'DENIED'], ['denied', 'DENIED']],
    ['403', () => html(403), ['denied', 'DENIED'], ['denied', 'DENIED']],
    ['413 of a proxy', () => html(413), ['exhausted', 'MESSAGE_TOO_LARGE'], ['exhausted', 'MESSAGE_TOO_LARGE']],
    ['405', () => html(405), ['unsupported', 'METHOD_UNKNOWN'], ['unsupported', 'METHOD_UNKNOWN']],
    ['407 of a proxy', () => html(407), ['denied', 'DENIED'], ['denied', 'DENIED']],
    ['414', () => html(414), ['exhausted', 'HEADERS_TOO_LARGE'], ['exhausted', 'HEADERS_TOO_LARGE']],
    ['415', () => html(415), ['unsupported', 'METHOD_UNKNOWN'], ['unsupported', 'METHOD_UNKNOWN']],
    ['429 of a proxy', () => html(429), ['unavailable', 'TOO_MANY_REQUESTS'], ['unavailable', 'TOO_MANY_REQUESTS']],
    ['431 for a long token', () => html(431), ['exhausted', 'HEADERS_TOO_LARGE'], ['exhausted', 'HEADERS_TOO_LARGE']],
    ['451', () => html(451), ['denied', 'DENIED'], ['denied', 'DENIED']],
    // What may have been done stays open.
    ['408', () => html(408), ['unavailable', 'NO_ANSWER'], ['unknown', 'OUTCOME_UNKNOWN']],
    ['418', () => html(418), ['unavailable', 'NO_ANSWER'], ['unknown', 'OUTCOME_UNKNOWN']],
    ['a redirect', () => html(302), ['unavailable', 'NO_ANSWER'], ['unknown', 'OUTCOME_UNKNOWN']],
    ['500', () => html(500), ['unavailable', 'NO_ANSWER'], ['unknown', 'OUTCOME_UNKNOWN']],
    ['502', () => html(502), ['unavailable', 'NO_ANSWER'], ['unknown', 'OUTCOME_UNKNOWN']],
    ['JSON of something else', () => json(500, { oops: 1 }), ['unavailable', 'NO_ANSWER'], ['unknown', 'OUTCOME_UNKNOWN']],
    ['a JSON list', () => json(400, [1]), ['unavailable', 'NO_ANSWER'], ['unknown', 'OUTCOME_UNKNOWN']],
    [
      'a Connect server that knows no details',
      () => json(400, { code: 'invalid_argument', message: 'no' }),
      ['invalid', 'MESSAGE_INVALID'],
      ['invalid', 'MESSAGE_INVALID'],
    ],
    ['an answer cut short', () => proto(Uint8Array.of(10, 99, 1)), ['unavailable', 'NO_ANSWER'], ['unknown', 'OUTCOME_UNKNOWN']],
    ['an empty body of the wrong type', () => new Response(null), ['unavailable', 'NO_ANSWER'], ['unknown', 'OUTCOME_UNKNOWN']],
  ])('%s', async (_, respond, read, write) => {
    const meta = createClient(MetaService, overHttp(respond).meta)
    const pulled = await errorOf(meta.pull({}))
    expect([pulled?.kind, pulled?.code]).toEqual(read)
    const committed = await errorOf(meta.commit({}))
    expect([committed?.kind, committed?.code]).toEqual(write)
    expect(pulled).toBeInstanceOf(RemoteError)
  })

  test('the hint of whoever refuses with 429 is kept', async () => {
    const respond = () => new Response('slow down', { status: 429, headers: { 'retry-after': '7' } })
    const error = await errorOf(createClient(MetaService, overHttp(respond).meta).commit({}))
    expect(error).toMatchObject({ kind: 'unavailable', code: 'TOO_MANY_REQUESTS', retryAfterMs: 7000 })
  })

  test('a redirect is neither followed nor left to a mode that Workers refuse', async () => {
    const modes: string[] = []
    const respond = (request: Request) => {
      modes.push(request.redirect)
      return html(302, { location: 'http://elsewhere.test' })
    }
    await errorOf(createClient(MetaService, overHttp(respond).meta).pull({}))
    expect(modes).toEqual(['manual'])
  })

  test('a redirect as browsers tell it is no answer', async () => {
    const hidden = () => Object.defineProperty(html(200), 'status', { value: 0 })
    expect(await errorOf(createClient(MetaService, overHttp(hidden).meta).commit({}))).toMatchObject({
      kind: 'unknown',
      code: 'OUTCOME_UNKNOWN',
    })
  })

  test('the hint of a proxy is kept', async () => {
    const meta = createClient(MetaService, overHttp(() => html(503, { 'retry-after': '7' })).meta)
    expect(await errorOf(meta.pull({}))).toMatchObject({ kind: 'unavailable', retryAfterMs: 7000 })
  })

  test('a stream that ends without its last word is not a short answer', async () => {
    const torn = new Response(Uint8Array.of(0, 0, 0, 0, 0), { headers: { 'content-type': 'application/connect+proto' } })
    const meta = createClient(MetaService, overHttp(() => torn).meta)
    const { received, error } = await drain(meta.history({}))
    expect(received).toBe(1)
    expect(error).toMatchObject({ kind: 'unavailable', code: 'NO_ANSWER' })
  })
})

describe('HTTP: nobody answers', () => {
  const failing = (error: Error) =>
    overHttp(() => {
      throw error
    })

  test('a read is unavailable, a write has an unknown outcome', async () => {
    const transport = failing(new TypeError('fetch failed'))
    const meta = createClient(MetaService, transport.meta)
    await expect(meta.pull({})).rejects.toMatchObject({ kind: 'unavailable', code: 'NO_ANSWER' })
    await expect(meta.commit({})).rejects.toMatchObject({ kind: 'unknown', code: 'OUTCOME_UNKNOWN' })
    await expect(createClient(PageService, transport.pages).writePages({})).rejects.toMatchObject({ kind: 'unknown' })
    expect((await drain(meta.history({}))).error).toMatchObject({ kind: 'unavailable', code: 'NO_ANSWER' })
  })

  test('a call is given up after its time', async () => {
    vi.useFakeTimers()
    const meta = createClient(MetaService, overHttp(stuckUntilAborted, { timeoutMs: 5000 }).meta)
    const outcomes = Promise.all([errorOf(meta.pull({})), errorOf(meta.commit({})), drain(meta.history({}))])
    await vi.advanceTimersByTimeAsync(5000)
    const [pulled, committed, listed] = await outcomes
    expect(pulled).toMatchObject({ kind: 'unavailable', code: 'NO_ANSWER' })
    expect(committed).toMatchObject({ kind: 'unknown', code: 'OUTCOME_UNKNOWN' })
    expect(listed.error).toMatchObject({ kind: 'unavailable', code: 'NO_ANSWER' })
  })

  test('a watch is not, unless the caller says so', async () => {
    vi.useFakeTimers()
    const sent: (string | null)[] = []
    const stuck = (request: Request) => {
      sent.push(request.headers.get('connect-timeout-ms'))
      return stuckUntilAborted(request)
    }
    const meta = createClient(MetaService, overHttp(stuck, { timeoutMs: 5000 }).meta)
    const controller = new AbortController()
    let ended = 0
    const endless = drain(meta.watch({}, { signal: controller.signal })).finally(() => ended++)
    const bounded = drain(meta.watch({}, { timeoutMs: 7000 })).finally(() => ended++)
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect([ended, sent]).toEqual([1, [null, '7000']])
    expect((await bounded).error).toMatchObject({ kind: 'unavailable', code: 'NO_ANSWER' })
    controller.abort()
    expect((await endless).error).toMatchObject({ kind: 'aborted' })
  })

  function stuckUntilAborted(request: Request): Promise<Response> {
    return new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason as Error)))
  }
})

describe('HTTP: tokens', () => {
  test('a fresh one goes out with each request', async () => {
    const sent: (string | null)[] = []
    let count = 0
    const handler = (request: Request) => {
      sent.push(request.headers.get('authorization'))
      return new Response(null, { status: 404 })
    }
    const transport = overHttp(handler, { token: async () => `t${++count}` })
    const meta = createClient(MetaService, transport.meta)
    await errorOf(meta.pull({}))
    await drain(meta.history({}))
    expect(sent).toEqual(['Bearer t1', 'Bearer t2'])
  })

  test.each([
    ['typed', new StoreError('denied', 'LOGGED_OUT', 'log in again'), { kind: 'denied', code: 'LOGGED_OUT' }],
    ['not typed', new Error('secret'), { kind: 'unavailable', code: 'TOKEN_FAILED', message: 'no token could be had' }],
  ])('one that cannot be had, %s, means that nothing was sent', async (_, error, expected) => {
    const handler = vi.fn<() => Response>(() => new Response(null))
    const meta = createClient(MetaService, overHttp(handler, { token: () => Promise.reject(error) }).meta)
    await expect(meta.commit({})).rejects.toMatchObject(expected)
    expect((await drain(meta.history({}))).error).toMatchObject(expected)
    expect(handler).not.toHaveBeenCalled()
  })
})

describe('HTTP: addresses', () => {
  test('the page store may live elsewhere', async () => {
    const urls: string[] = []
    const handler = (request: Request) => {
      urls.push(request.url)
      return new Response(null, { status: 404 })
    }
    const transport = overHttp(handler, { pagesBaseUrl: 'https://pages.test/graft/' })
    await errorOf(createClient(MetaService, transport.meta).pull({}))
    await errorOf(createClient(PageService, transport.pages).describe({}))
    expect(urls).toEqual([
      'https://graft.test/graft.v1.MetaService/Pull',
      'https://pages.test/graft/graft.v1.PageService/Describe',
    ])
  })

  test.each(['http://graft.test', 'http://localhost.graft.test', 'http://10.0.0.7:7420'])(
    'no token goes to %s in the clear',
    (url) => {
      const token = async () => 'secret'
      const refusal = { kind: 'invalid', code: 'TOKEN_IN_CLEAR' }
      expect(() => httpTransport({ baseUrl: url, token })).toThrow(expect.objectContaining(refusal))
      expect(() => httpTransport({ baseUrl: 'https://graft.test', pagesBaseUrl: url, token })).toThrow(
        expect.objectContaining(refusal),
      )
      expect(() => httpTransport({ baseUrl: url })).not.toThrow()
      expect(() => httpTransport({ baseUrl: url, token, allowPlainToken: true })).not.toThrow()
    },
  )

  test.each(['http://localhost:7420', 'http://127.0.0.1', 'http://[::1]:7420/x', '/graft', 'https://graft.test'])(
    'a token may go to %s',
    (url) => {
      expect(() => httpTransport({ baseUrl: url, token: async () => 'secret' })).not.toThrow()
    },
  )

  test.each(['', 'graft.test', 'ftp://graft.test', 'http://', 'localhost:80'])('%s is refused at once', (baseUrl) => {
    expect(() => httpTransport({ baseUrl })).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID', kind: 'invalid' }))
    expect(() => httpTransport({ baseUrl: 'http://graft.test', pagesBaseUrl: baseUrl })).toThrow('address')
  })

  test.each([0, -1, 1.5, Number.NaN, 2 ** 31])('timeoutMs %s is refused at once', (timeoutMs) => {
    expect(() => httpTransport({ baseUrl: 'http://graft.test', timeoutMs })).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID' }),
    )
  })
})

/** The error that a call ends with. */
async function errorOf(call: Promise<unknown>): Promise<RemoteError | undefined> {
  try {
    await call
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(RemoteError)
    return fromConnectError(error, true)
  }
}

async function drain(stream: AsyncIterable<unknown>): Promise<{ received: number; error: RemoteError | undefined }> {
  let received = 0
  const read = async (): Promise<void> => {
    for await (const _ of stream) received++
  }
  const error = await errorOf(read())
  return { received, error }
}
