import type { S3Client } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { listAll, type ObjectStore } from '../../src/object-store.ts'
import { prefixed } from '../../src/prefixed.ts'
import { retrying } from '../../src/retrying.ts'
import { S3Store, type S3StoreOptions } from '../../src/s3.ts'
import { newClient } from './s3-client.ts'
import { type Fault, S3Double } from './s3-double.ts'

const BODY = new TextEncoder().encode('new')
const OLD = new TextEncoder().encode('old')
const RANGE = { offset: 1, length: 2 }

let double: S3Double
let clients: S3Client[]

beforeEach(async () => {
  double = await S3Double.start()
  clients = []
})

afterEach(async () => {
  for (const client of clients) client.destroy()
  await double.stop()
})

function clientOf(maxAttempts?: number): S3Client {
  const client = newClient(double.endpoint, maxAttempts === undefined ? {} : { maxAttempts })
  clients.push(client)
  return client
}

function open(options: Partial<S3StoreOptions> = {}, maxAttempts?: number): S3Store {
  return new S3Store({ client: clientOf(maxAttempts), bucket: 'bucket', capabilities: { conditionalDelete: true }, ...options })
}

/** A store with one object `k`, and its etag. The requests so far are forgotten. */
async function withObject(maxAttempts?: number): Promise<{ store: S3Store; etag: string }> {
  const store = open({}, maxAttempts)
  const { etag } = await store.put('k', OLD)
  double.requests.length = 0
  return { store, etag }
}

type Write = (store: S3Store, etag: string) => Promise<unknown>
const CONDITIONAL: [name: string, method: string, write: Write][] = [
  ['create', 'PUT', (store) => store.create('new', BODY)],
  ['compareAndSwap', 'PUT', (store, etag) => store.compareAndSwap('k', BODY, { etag })],
  ['conditional delete', 'DELETE', (store, etag) => store.delete('k', { etag })],
]
const UNCONDITIONAL: [name: string, method: string, write: Write][] = [
  ['put', 'PUT', (store) => store.put('k', BODY)],
  ['delete', 'DELETE', (store) => store.delete('k')],
  ['deleteMany', 'POST', (store) => store.deleteMany(['k'])],
]

describe.each(CONDITIONAL)('%s', (_, method, write) => {
  test('I6: a lost reply is an unknown outcome, and nothing is sent again', async () => {
    // A client that would retry, as clients do by default.
    const { store, etag } = await withObject()
    double.failNext(method, { isDone: true, isCut: true })
    await expect(write(store, etag)).rejects.toMatchObject({ kind: 'unknown', code: 'STORE_OUTCOME_UNKNOWN' })
    expect(double.requests.filter((request) => request.method === method).length).toBe(1)
    // Had it been sent again, it would have met its own effect: the second one does.
    await expect(
      write(store, etag).then(
        () => 'done',
        (error: { kind: string }) => error.kind,
      ),
    ).resolves.toBe(method === 'DELETE' ? 'done' : 'conflict')
  })

  test.each<[string, Fault, string, string]>([
    ['a connection that is cut before the effect', { isCut: true }, 'unknown', 'STORE_OUTCOME_UNKNOWN'],
    ['500', { error: { status: 500, code: 'InternalError' } }, 'unknown', 'STORE_OUTCOME_UNKNOWN'],
    ['500 after the effect', { isDone: true, error: { status: 500, code: 'InternalError' } }, 'unknown', 'STORE_OUTCOME_UNKNOWN'],
    ['500 without a body', { error: { status: 500 } }, 'unknown', 'STORE_OUTCOME_UNKNOWN'],
    ['502 of a proxy', { isDone: true, error: { status: 502 } }, 'unknown', 'STORE_OUTCOME_UNKNOWN'],
    ['503 of a proxy', { isDone: true, error: { status: 503 } }, 'unknown', 'STORE_OUTCOME_UNKNOWN'],
    ['504 of a proxy', { isDone: true, error: { status: 504 } }, 'unknown', 'STORE_OUTCOME_UNKNOWN'],
    ['503 SlowDown', { error: { status: 503, code: 'SlowDown' } }, 'exhausted', 'STORE_THROTTLED'],
    ['429', { error: { status: 429, headers: { 'retry-after': '7' } } }, 'exhausted', 'STORE_THROTTLED'],
    ['409', { error: { status: 409, code: 'ConditionalRequestConflict' } }, 'unavailable', 'STORE_UNAVAILABLE'],
    ['412', { error: { status: 412, code: 'PreconditionFailed' } }, 'conflict', ''],
    ['404 NoSuchBucket', { error: { status: 404, code: 'NoSuchBucket' } }, 'missing', 'STORE_MISSING'],
    ['403', { error: { status: 403, code: 'AccessDenied' } }, 'denied', 'STORE_DENIED'],
    ['400', { error: { status: 400, code: 'InvalidArgument' } }, 'invalid', 'STORE_ARGUMENT'],
    ['400 RequestTimeout', { error: { status: 400, code: 'RequestTimeout' } }, 'unavailable', 'STORE_UNAVAILABLE'],
    ['403 QuotaExceeded', { error: { status: 403, code: 'QuotaExceeded' } }, 'exhausted', 'STORE_FULL'],
    ['501', { error: { status: 501, code: 'NotImplemented' } }, 'unsupported', 'STORE_UNSUPPORTED'],
    ['301', { error: { status: 301, code: 'PermanentRedirect' } }, 'invalid', 'STORE_ARGUMENT'],
  ])('%s is told apart, after one request', async (_name, fault, kind, code) => {
    const { store, etag } = await withObject()
    double.failNext(method, fault)
    const expected = { kind, ...(code === '' ? {} : { code }), ...(fault.error?.status === 429 ? { retryAfterMs: 7000 } : {}) }
    await expect(write(store, etag)).rejects.toMatchObject(expected)
    expect(double.requests.filter((request) => request.method === method).length).toBe(1)
  })

  test('a signal after the request was sent leaves it unknown', async () => {
    const { store, etag } = await withObject()
    const controller = new AbortController()
    double.fault = () => {
      controller.abort(new Error('enough'))
      return { isSilent: true }
    }
    const stoppable: Record<string, () => Promise<unknown>> = {
      create: () => store.create('new', BODY, { signal: controller.signal }),
      compareAndSwap: () => store.compareAndSwap('k', BODY, { etag, signal: controller.signal }),
      'conditional delete': () => store.delete('k', { etag, signal: controller.signal }),
    }
    await expect(stoppable[_]?.()).rejects.toMatchObject({ kind: 'unknown', code: 'STORE_OUTCOME_UNKNOWN' })
  })
})

test('404 on If-Match means changed, not missing', async () => {
  const { store, etag } = await withObject()
  await store.delete('k')
  await expect(store.compareAndSwap('k', BODY, { etag })).rejects.toMatchObject({ kind: 'conflict', code: 'STORE_CHANGED' })
  await store.delete('k', { etag })
})

test('the retries of the client are not even asked', async () => {
  const asked: string[] = []
  const token = { getRetryCount: () => 0, getRetryDelay: () => 0 }
  const client = newClient(double.endpoint, {
    retryStrategy: {
      acquireInitialRetryToken: async () => (asked.push('begin'), token),
      refreshRetryTokenForRetry: async () => {
        if (asked.push('again') > 3) throw new Error('enough')
        return token
      },
      recordSuccess: () => undefined,
    },
  })
  clients.push(client)
  const store = new S3Store({ client, bucket: 'bucket' })
  double.failNext('PUT', { isCut: true })
  await expect(store.create('k', BODY)).rejects.toMatchObject({ kind: 'unknown' })
  expect(asked).toEqual([])
  double.failNext('PUT', { isCut: true })
  await store.put('k', BODY)
  expect(asked).toEqual(['begin', 'again'])
})

test('a version of the SDK that repeats requests in another way is stopped too', async () => {
  const client = clientOf()
  // As if the retries had another name: the middleware that takes their place does not find them.
  client.middlewareStack.add(
    (next) => async (args) => {
      for (let attempt = 0; attempt < 2; attempt++) await next(args).catch(() => undefined)
      return next(args)
    },
    { step: 'finalizeRequest', priority: 'normal', name: 'otherRetries' },
  )
  const store = new S3Store({ client, bucket: 'bucket' })
  double.failNext('PUT', { isDone: true, isCut: true })
  await expect(store.create('new', BODY)).rejects.toMatchObject({ kind: 'unknown' })
  expect(double.requests.length).toBe(1)
})

describe.each(UNCONDITIONAL)('%s', (_, method, write) => {
  test('is retried by the client', async () => {
    const { store, etag } = await withObject()
    double.failNext(method, { isDone: true, isCut: true })
    await write(store, etag)
    expect(double.requests.length).toBe(2)
  })

  test('that fails in the end is unknown, whatever the last reply', async () => {
    const { store, etag } = await withObject(2)
    let replies = 0
    double.fault = () => (replies++ === 0 ? { isDone: true, isCut: true } : { error: { status: 503, code: 'SlowDown' } })
    await expect(write(store, etag)).rejects.toMatchObject({ kind: 'unknown', code: 'STORE_OUTCOME_UNKNOWN' })
    expect(replies).toBe(2)
  })

  test('that was sent once and refused has not happened', async () => {
    const { store, etag } = await withObject(1)
    double.failNext(method, { error: { status: 503, code: 'SlowDown' } })
    await expect(write(store, etag)).rejects.toMatchObject({ kind: 'exhausted', code: 'STORE_THROTTLED' })
    double.failNext(method, { error: { status: 403, code: 'AccessDenied' } })
    await expect(write(store, etag)).rejects.toMatchObject({ kind: 'denied', code: 'STORE_DENIED' })
  })
})

test('a server that cannot be reached has written nothing', async () => {
  const store = open({}, 1)
  await double.stop()
  const unavailable = { kind: 'unavailable', code: 'STORE_UNAVAILABLE' }
  await expect(store.create('k', BODY)).rejects.toMatchObject(unavailable)
  await expect(store.put('k', BODY)).rejects.toMatchObject(unavailable)
  await expect(store.get('k')).rejects.toMatchObject(unavailable)
  double = await S3Double.start()
})

test('credentials that cannot be had are a denial, and nothing is sent', async () => {
  const client = newClient(double.endpoint, {
    credentials: () => Promise.reject(Object.assign(new Error('none'), { name: 'CredentialsProviderError' })),
  })
  clients.push(client)
  const store = new S3Store({ client, bucket: 'bucket' })
  await expect(store.create('k', BODY)).rejects.toMatchObject({ kind: 'denied', code: 'STORE_DENIED' })
  await expect(store.get('k')).rejects.toMatchObject({ kind: 'denied', code: 'STORE_DENIED' })
  expect(double.requests).toEqual([])
})

test('whatever fails before anything is sent has written nothing', async () => {
  const client = newClient(double.endpoint, { credentials: () => Promise.reject(new Error('no idea')) })
  clients.push(client)
  const store = new S3Store({ client, bucket: 'bucket' })
  await expect(store.create('k', BODY)).rejects.toMatchObject({ kind: 'unavailable' })
  await expect(store.put('k', BODY)).rejects.toMatchObject({ kind: 'unavailable' })
})

test('a write whose reply has no etag is unknown', async () => {
  const { store } = await withObject()
  double.failNext('PUT', { change: (answer) => ({ ...answer, headers: {} }) })
  await expect(store.put('k', BODY)).rejects.toMatchObject({ kind: 'unknown' })
})

test('deleteMany reports keys that were not deleted, and goes by batches of 1000', async () => {
  const { store } = await withObject()
  await store.deleteMany(Array.from({ length: 2500 }, (_, i) => `many/${i}`))
  expect(double.requests.map(({ body }) => body.toString().split('<Key>').length - 1).sort()).toEqual([1000, 1000, 500])
  const failed = (code: string): Fault => ({
    change: (answer) => ({
      ...answer,
      body: Buffer.from(`<DeleteResult><Error><Key>k</Key><Code>${code}</Code><Message>x</Message></Error></DeleteResult>`),
    }),
  })
  double.failNext('POST', failed('AccessDenied'))
  await expect(store.deleteMany(['k'])).rejects.toMatchObject({ kind: 'denied' })
  double.failNext('POST', failed('InternalError'))
  await expect(store.deleteMany(['k'])).rejects.toMatchObject({ kind: 'unknown' })
  double.failNext('POST', failed('NoSuchKey'))
  await store.deleteMany(['k'])
})

describe('reads', () => {
  test.each<[string, Fault, string, string]>([
    ['403', { error: { status: 403, code: 'AccessDenied' } }, 'denied', 'STORE_DENIED'],
    ['404 NoSuchBucket', { error: { status: 404, code: 'NoSuchBucket' } }, 'missing', 'STORE_MISSING'],
    ['500', { error: { status: 500, code: 'InternalError' } }, 'unavailable', 'STORE_UNAVAILABLE'],
    ['503 SlowDown', { error: { status: 503, code: 'SlowDown' } }, 'exhausted', 'STORE_THROTTLED'],
    ['a lost reply', { isCut: true }, 'unavailable', 'STORE_UNAVAILABLE'],
  ])('I8: %s is no absent key', async (_name, fault, kind, code) => {
    const { store } = await withObject(1)
    for (const read of [() => store.get('k'), () => store.get('k', { range: RANGE }), () => store.list({ prefix: '' })]) {
      double.failNext('GET', fault)
      await expect(read()).rejects.toMatchObject({ kind, code })
    }
  })

  test('I8: a missing bucket is no absent key, for every call', async () => {
    const store = open({ bucket: 'other' })
    const missing = { kind: 'missing', code: 'STORE_MISSING' }
    await expect(store.get('k')).rejects.toMatchObject(missing)
    await expect(store.head('k')).rejects.toMatchObject(missing)
    await expect(store.list({ prefix: '' })).rejects.toMatchObject(missing)
    await expect(store.create('k', BODY)).rejects.toMatchObject(missing)
    await expect(store.compareAndSwap('k', BODY, { etag: 'e' })).rejects.toMatchObject(missing)
    await expect(store.deleteMany(['k'])).rejects.toMatchObject(missing)
  })

  test('the bucket is asked for once, and only after an absent head', async () => {
    const store = open()
    expect(await store.head('none')).toBeUndefined()
    expect(await store.head('none')).toBeUndefined()
    expect(double.requests.map(({ key }) => key)).toEqual(['none', '', 'none'])
  })

  test('a server that ignores ranges is refused before its body is read', async () => {
    const { store } = await withObject(1)
    double.failNext('GET', {
      change: (answer) => ({ ...answer, status: 200, body: Buffer.alloc(3), headers: { etag: '"e"' } }),
    })
    await expect(store.get('k', { range: RANGE })).rejects.toMatchObject({ kind: 'corrupt', code: 'STORE_REPLY' })
  })

  test('a whole reply is refused for a part, whatever its content-range says', async () => {
    const { store } = await withObject(1)
    double.failNext('GET', { change: (answer) => ({ ...answer, status: 200 }) })
    await expect(store.get('k', { range: RANGE })).rejects.toMatchObject({ kind: 'corrupt', code: 'STORE_REPLY' })
  })

  test.each([
    ['another part', 'bytes 0-1/3', 2],
    ['a part that begins too early', 'bytes 0-2/3', 3],
    ['a shorter part', 'bytes 1-1/3', 1],
    ['a longer part', 'bytes 1-3/4', 3],
    ['a length that does not fit the part', 'bytes 1-2/3', 3],
    ['no total', 'bytes 1-2/*', 2],
    ['another unit', 'pages 1-2/3', 2],
    ['nothing', '', 2],
  ])('a part whose content-range tells of %s is refused', async (_name, contentRange, length) => {
    const { store } = await withObject(1)
    double.failNext('GET', {
      change: (answer) => ({
        ...answer,
        headers: { ...answer.headers, 'content-range': contentRange },
        body: Buffer.alloc(length),
      }),
    })
    await expect(store.get('k', { range: RANGE })).rejects.toMatchObject({ kind: 'corrupt', code: 'STORE_REPLY' })
  })

  test('a part where the whole was asked for is refused', async () => {
    const { store } = await withObject(1)
    double.failNext('GET', { change: (answer) => ({ ...answer, status: 206 }) })
    await expect(store.get('k')).rejects.toMatchObject({ code: 'STORE_REPLY' })
  })

  test('a reply without etag is refused', async () => {
    const { store } = await withObject(1)
    for (const [method, read] of [
      ['GET', () => store.get('k')],
      ['HEAD', () => store.head('k')],
    ] as const) {
      double.failNext(method, { change: (answer) => ({ ...answer, headers: {} }) })
      await expect(read()).rejects.toMatchObject({ kind: 'corrupt', code: 'STORE_REPLY' })
    }
  })

  test('a body that ends early is not an object', async () => {
    const store = open({}, 1)
    await store.put('k', new Uint8Array(200_000))
    for (const cutAt of [0, 1, 100_000]) {
      double.failNext('GET', { change: (answer) => ({ ...answer, cutAt }) })
      await expect(store.get('k')).rejects.toMatchObject({ kind: 'unavailable', code: 'STORE_UNAVAILABLE' })
    }
  })

  test('an object over the limit is refused before its body is read', async () => {
    const { store } = await withObject(1)
    await store.put('large', new Uint8Array(5000))
    const small = open({ capabilities: { objectBytesMax: 4000 } }, 1)
    await expect(small.get('large')).rejects.toMatchObject({ code: 'STORE_OBJECT_TOO_LARGE' })
    expect((await small.get('large', { range: { offset: 100, length: 4000 } }))?.bytes.byteLength).toBe(4000)
  })

  test('a part of an empty object is out of range, also where the server sends it whole', async () => {
    const store = open()
    await store.put('empty', new Uint8Array(0))
    const range = { offset: 0, length: 1 }
    await expect(store.get('empty', { range })).rejects.toMatchObject({ kind: 'invalid', code: 'STORE_RANGE' })
    double.failNext('GET', {
      change: () => ({ status: 200, headers: { etag: '"e"' }, body: Buffer.alloc(0) }),
    })
    await expect(store.get('empty', { range })).rejects.toMatchObject({ kind: 'invalid', code: 'STORE_RANGE' })
  })

  test('a signal stops a read while its body arrives', async () => {
    const store = open({}, 1)
    await store.put('k', new Uint8Array(100))
    const controller = new AbortController()
    double.failNext('GET', {
      // More is promised than comes, so that the body does not end by itself.
      change: (answer) => ({ ...answer, headers: { ...answer.headers, 'content-length': '200' } }),
    })
    const read = store.get('k', { signal: controller.signal })
    while (double.requests.length < 2) await new Promise((resolve) => setImmediate(resolve))
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    controller.abort(new Error('enough'))
    await expect(read).rejects.toMatchObject({ kind: 'aborted', code: 'STORE_ABORTED' })
  })
})

describe('listings', () => {
  test('go on over empty pages and pages of foreign keys', async () => {
    const store = open({ prefix: 'ours' })
    const foreign = ['ours/', 'ours/a//b', 'ours/a/', 'ours/a/../b', 'theirs']
    for (const key of foreign) double.objects.set(key, { bytes: Buffer.alloc(1), etag: 'e' })
    for (const key of ['a/k', 'z']) await store.put(key, BODY)
    const keys: string[] = []
    let startAfter: string | undefined
    let pages = 0
    do {
      const page = await store.list({ prefix: '', limit: 1, startAfter })
      keys.push(...page.entries.map(({ key }) => key))
      startAfter = page.nextStartAfter
      pages++
    } while (startAfter !== undefined && pages < 20)
    expect(keys).toEqual(['a/k', 'z'])
    expect(pages).toBeLessThan(20)
  })

  test('go on by what the server calls the place, after the first page', async () => {
    const store = open()
    const keys = ['a/b', 'a/c', 'a0', 'b/c', 'b0']
    for (const key of keys) await store.put(key, BODY)
    double.isLostAfterFolders = true
    const wrapped: [ObjectStore, string[]][] = [
      [store, keys],
      [retrying(store), keys],
      [prefixed(store, 'a'), ['b', 'c']],
    ]
    for (const [listed, expected] of wrapped) {
      double.requests.length = 0
      const found: string[] = []
      for await (const { key } of listAll(listed, { prefix: '', startAfter: '0', limit: 1 })) found.push(key)
      expect(found).toEqual(expected)
      const [first, ...others] = double.requests.map(({ query }) => query)
      expect(first?.has('start-after')).toBe(true)
      expect(others.every((query) => query.has('continuation-token') && !query.has('start-after'))).toBe(true)
    }
    // By keys alone, the double loses some.
    const { nextStartAfter } = await store.list({ prefix: '', limit: 2 })
    expect(await store.list({ prefix: '', startAfter: nextStartAfter })).toEqual({ entries: [] })
  })

  test('a page that is cut off and leads nowhere is refused', async () => {
    const { store } = await withObject(1)
    double.failNext('GET', {
      change: (answer) => ({
        ...answer,
        body: Buffer.from('<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>'),
      }),
    })
    await expect(store.list({ prefix: '' })).rejects.toMatchObject({ kind: 'corrupt', code: 'STORE_REPLY' })
  })

  test('a listing that is no XML is refused', async () => {
    const { store } = await withObject(1)
    double.failNext('GET', { change: (answer) => ({ ...answer, body: Buffer.from('<ListBucketResult><Contents>') }) })
    await expect(store.list({ prefix: '' })).rejects.toMatchObject({ kind: 'corrupt', code: 'STORE_REPLY' })
  })
})

describe('etags', () => {
  test('go without quotes where the server wants them so', async () => {
    double.hasBareEtags = true
    const store = open({ quoteEtags: false })
    const { etag } = await store.put('k', OLD)
    expect(etag).toMatch(/^[0-9a-f]{32}$/)
    const swapped = await store.compareAndSwap('k', BODY, { etag })
    expect((await store.get('k'))?.etag).toBe(swapped.etag)
    expect((await store.list({ prefix: '' })).entries[0]?.etag).toBe(swapped.etag)
    expect(double.requests.map(({ headers }) => headers['if-match'])).toContain(etag)
    await expect(open().compareAndSwap('k', OLD, { etag: swapped.etag })).rejects.toMatchObject({ kind: 'conflict' })
  })

  test('are the same from every call, quoted by the server or not', async () => {
    const { store, etag } = await withObject()
    expect(etag).toMatch(/^[0-9a-f]{32}$/)
    expect((await store.head('k'))?.etag).toBe(etag)
    double.hasBareEtags = true
    expect((await store.head('k'))?.etag).toBe(etag)
  })
})

test('a prefix is checked, and keys below it do not lead out', async () => {
  expect(() => open({ prefix: '../x' })).toThrow('key')
  const store = open({ prefix: 'tenants/7/' })
  await store.put('k', BODY)
  expect([...double.objects.keys()]).toEqual(['tenants/7/k'])
  await expect(store.get('../8/k')).rejects.toMatchObject({ code: 'STORE_KEY' })
})
