import { describe, expect, test } from 'vitest'
import { failureOf } from '../../src/conformance/trial.ts'
import { probe } from '../../src/probe.ts'
import { R2Store } from '../../src/r2.ts'
import { R2Double } from './r2-double.ts'

const BODY = Uint8Array.of(1, 2, 3)

function setUp(): { store: R2Store; bucket: R2Double } {
  const bucket = new R2Double()
  return { store: new R2Store({ bucket }), bucket }
}

function failAll(bucket: R2Double, fail: () => Promise<never>): void {
  Object.assign(bucket, { head: fail, get: fail, put: fail, delete: fail, list: fail })
}

test('etags go to the binding as they came, and conditions as it wants them', async () => {
  const { store, bucket } = setUp()
  const seen: unknown[] = []
  const put = bucket.put.bind(bucket)
  bucket.put = (key, value, options) => {
    seen.push(options?.onlyIf)
    return put(key, value, options)
  }
  const { etag } = await store.create('k', BODY)
  await store.compareAndSwap('k', BODY, { etag })
  await store.put('k', BODY)
  expect(etag).toMatch(/^[0-9a-f]{32}$/)
  expect(seen).toEqual([{ etagDoesNotMatch: '*' }, { etagMatches: etag }, undefined])
})

test('its own limits: a Worker has little memory', () => {
  expect(setUp().store.capabilities.objectBytesMax).toBe(64 * 1024 * 1024)
})

describe.each([
  [10001, 'unknown', 'unavailable'],
  [10003, 'denied', 'denied'],
  [10006, 'missing', 'missing'],
  [10037, 'unavailable', 'unavailable'],
  [10043, 'unknown', 'unavailable'],
  [10058, 'exhausted', 'exhausted'],
  [100100, 'exhausted', 'exhausted'],
  [19999, 'unknown', 'unavailable'],
])('a failure with code %d', (code, writeKind, readKind) => {
  const failure = new Error(`put: something (${code})`)
  test(`is ${writeKind} for writes, ${readKind} for reads`, async () => {
    const { store, bucket } = setUp()
    failAll(bucket, () => Promise.reject(failure))
    const writes = [
      store.put('k', BODY),
      store.create('k', BODY),
      store.compareAndSwap('k', BODY, { etag: 'e' }),
      store.delete('k'),
      store.deleteMany(['k']),
    ]
    for (const write of writes) expect(await failureOf(write)).toMatchObject({ kind: writeKind, cause: failure })
    for (const read of [store.get('k'), store.head('k'), store.list({ prefix: '' })]) {
      expect(await failureOf(read)).toMatchObject({ kind: readKind, cause: failure })
    }
  })
})

test('a failure without a code, and one that is no error, are no more certain', async () => {
  const { store, bucket } = setUp()
  for (const thrown of [new Error('network connection lost'), 'text', undefined]) {
    bucket.put = () => Promise.reject(thrown)
    bucket.head = () => Promise.reject(thrown)
    expect(await failureOf(store.create('k', BODY))).toMatchObject({ kind: 'unknown' })
    expect(await failureOf(store.head('k'))).toMatchObject({ kind: 'unavailable' })
  }
})

test('a condition that fails with an error instead of null is a conflict too', async () => {
  const { store, bucket } = setUp()
  bucket.put = () => Promise.reject(new Error('put: At least one of the pre-conditions you specified did not hold. (10031)'))
  expect(await failureOf(store.create('k', BODY))).toMatchObject({ code: 'STORE_EXISTS' })
  expect(await failureOf(store.compareAndSwap('k', BODY, { etag: 'e' }))).toMatchObject({ code: 'STORE_CHANGED' })
})

test('an unconditional write that gives nothing back is no success', async () => {
  const { store, bucket } = setUp()
  bucket.put = async () => null
  expect(await failureOf(store.put('k', BODY))).toMatchObject({ kind: 'unknown' })
})

describe('replies that are not to be believed', () => {
  async function reading(change: (reply: object) => object): Promise<{ failure: unknown; bucket: R2Double }> {
    const { store, bucket } = setUp()
    await store.put('k', new Uint8Array(10))
    const get = bucket.get.bind(bucket)
    bucket.get = async (key, options) => change((await get(key, options)) as object) as never
    return { failure: await failureOf(store.get('k', { range: { offset: 2, length: 4 } })), bucket }
  }

  test.each([
    ['another part', { range: { offset: 3, length: 4 } }],
    ['a longer part', { range: { offset: 2, length: 5 } }],
    ['a shorter part', { range: { offset: 2, length: 3 } }],
    ['the whole object', { range: undefined }],
    ['a part from the end', { range: { suffix: 4 } }],
  ])('%s', async (_, change) => {
    const { failure, bucket } = await reading((reply) => ({ ...reply, ...change }))
    expect(failure).toMatchObject({ kind: 'corrupt', code: 'STORE_REPLY' })
    expect(bucket.openBodies).toBe(0)
  })

  test('a body that ends early', async () => {
    const { failure } = await reading((reply) => ({ ...reply, arrayBuffer: async () => new ArrayBuffer(3) }))
    expect(failure).toMatchObject({ kind: 'unavailable' })
  })

  test('a body that breaks off', async () => {
    const { failure } = await reading((reply) => ({ ...reply, arrayBuffer: () => Promise.reject(new Error('lost')) }))
    expect(failure).toMatchObject({ kind: 'unavailable' })
  })
})

test('an object that is too large is not read', async () => {
  const { bucket } = setUp()
  await bucket.put('k', new Uint8Array(10))
  for (const objectBytesMax of [0, Number.NaN]) {
    expect(() => new R2Store({ bucket, objectBytesMax })).toThrow(expect.objectContaining({ code: 'STORE_ARGUMENT' }))
  }
  const small = new R2Store({ bucket, objectBytesMax: 9 })
  expect(await failureOf(small.get('k'))).toMatchObject({ code: 'STORE_OBJECT_TOO_LARGE' })
  expect(bucket.openBodies).toBe(0)
  expect((await small.get('k', { range: { offset: 1, length: 9 } }))?.bytes.byteLength).toBe(9)
})

test('a failure of a ranged read stays one, unless the range is to blame', async () => {
  const { store, bucket } = setUp()
  await store.put('k', BODY)
  const failure = new Error('get: Unspecified error (0)')
  bucket.get = () => Promise.reject(failure)
  const reading = (offset: number): Promise<unknown> => failureOf(store.get('k', { range: { offset, length: 1 } }))
  expect(await reading(3)).toMatchObject({ code: 'STORE_RANGE' })
  expect(await reading(2)).toMatchObject({ kind: 'unavailable', cause: failure })
  await store.delete('k')
  expect(await reading(3)).toMatchObject({ kind: 'unavailable', cause: failure })
})

test('a range whose end is no exact number is asked for without an end', async () => {
  const { store, bucket } = setUp()
  await store.put('k', BODY)
  await store.get('k', { range: { offset: 1, length: Number.MAX_SAFE_INTEGER } })
  await store.get('k', { range: { offset: 1, length: 7 } })
  expect(bucket.ranges).toEqual([{ offset: 1 }, { offset: 1, length: 7 }])
})

test('a call that is given up does not hold its caller, and a write is unknown then', async () => {
  const { store, bucket } = setUp()
  failAll(bucket, () => new Promise(() => undefined))
  const stopped = async (call: (signal: AbortSignal) => Promise<unknown>): Promise<unknown> => {
    const controller = new AbortController()
    const failure = failureOf(call(controller.signal))
    controller.abort()
    return failure
  }
  expect(await stopped((signal) => store.get('k', { signal }))).toMatchObject({ kind: 'aborted' })
  expect(await stopped((signal) => store.list({ prefix: '', signal }))).toMatchObject({ kind: 'aborted' })
  expect(await stopped((signal) => store.create('k', BODY, { signal }))).toMatchObject({ kind: 'unknown' })
  expect(await stopped((signal) => store.deleteMany(['k'], { signal }))).toMatchObject({ kind: 'unknown' })
})

test('a page without keys of ours is not the end, and one that leads nowhere is no list', async () => {
  const { store, bucket } = setUp()
  for (const key of ['/a', '/b', 'c', 'd']) await bucket.put(key, BODY)
  const page = await store.list({ prefix: '', limit: 2 })
  expect(page.entries.map(({ key }) => key)).toEqual(['c', 'd'])
  bucket.list = async () => ({ objects: [], truncated: true })
  expect(await failureOf(store.list({ prefix: '' }))).toMatchObject({ code: 'STORE_REPLY' })
})

test('more keys than one call takes are deleted in several', async () => {
  const { store, bucket } = setUp()
  for (let i = 0; i < 1500; i++) await bucket.put(`k${i}`, BODY)
  await store.deleteMany([...bucket.objects.keys()])
  expect(bucket.objects.size).toBe(0)
})

test('the probe passes it, and refuses a binding that ignores conditions', async () => {
  const rounds = [{ bodyBytes: 10, count: 2 }]
  await probe(setUp().store, { rounds })
  const { store, bucket } = setUp()
  const put = bucket.put.bind(bucket)
  bucket.put = (key, value) => put(key, value)
  await expect(probe(store, { rounds })).rejects.toMatchObject({ kind: 'unsupported' })
})
