import type { S3Client } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ObjectStore } from '../../src/object-store.ts'
import { retrying } from '../../src/retrying.ts'
import { S3Store } from '../../src/s3.ts'
import { newClient } from './s3-client.ts'
import { type DoubleRequest, type Fault, S3Double } from './s3-double.ts'

const BODY = new TextEncoder().encode('new')

let double: S3Double
let client: S3Client

beforeEach(async () => {
  double = await S3Double.start()
  client = newClient(double.endpoint, { maxAttempts: 1 })
})

afterEach(async () => {
  client.destroy()
  await double.stop()
})

function open(prefix?: string): S3Store {
  return new S3Store({ client, bucket: 'bucket', partBytes: 2, prefix })
}

describe('a server that keeps folders', () => {
  const inTheWay: Fault = { error: { status: 409, code: 'ExistingObjectIsDirectory' } }
  const isWrite = ({ method, query }: DoubleRequest): boolean => method === 'PUT' || query.has('uploadId')
  const writes: [name: string, write: (store: ObjectStore) => Promise<unknown>][] = [
    ['create', (store) => store.create('a', BODY)],
    ['put', (store) => store.put('a', BODY)],
    ['put in parts', (store) => store.put('a', new Blob([BODY]))],
  ]

  test.each(writes)('refuses %s while it removes a folder: nothing was written, and a repetition is', async (_, write) => {
    for (const fault of [inTheWay, { error: { status: 404, code: 'NoSuchKey' } }]) {
      const store = open()
      double.objects.set('a0', { bytes: Buffer.alloc(1), etag: 'e' })
      double.failNext('PUT', fault)
      await expect(write(store)).rejects.toMatchObject({ kind: 'unavailable', code: 'STORE_UNAVAILABLE' })
      double.failNext('PUT', fault)
      await write(retrying(store, { delay: async () => undefined }))
      expect(double.objects.has('a')).toBe(true)
      double.objects.clear()
    }
  })

  test.each(writes)('refuses %s of a key that begins another one: that will not change', async (_, write) => {
    const store = open('p')
    double.objects.set('p/a/b', { bytes: Buffer.alloc(1), etag: 'e' })
    double.fault = (request) => (isWrite(request) ? inTheWay : undefined)
    const call = write(retrying(store, { delay: async () => undefined }))
    await expect(call).rejects.toMatchObject({
      kind: 'invalid',
      code: 'STORE_KEY',
      message: expect.stringContaining('key=a') as string,
    })
  })

  test('a refusal that cannot be looked into may be repeated, some times', async () => {
    const store = open()
    double.objects.set('a/b', { bytes: Buffer.alloc(1), etag: 'e' })
    double.fault = ({ method }) => (method === 'PUT' ? inTheWay : { error: { status: 500 } })
    const call = retrying(store, { delay: async () => undefined, attemptsMax: 3 }).create('a', BODY)
    await expect(call).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('ExistingObjectIsDirectory') as string,
    })
    expect(double.requests.filter(({ method }) => method === 'PUT').length).toBe(3)
  })
})
