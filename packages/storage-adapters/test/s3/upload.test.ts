import { openAsBlob } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { S3Client } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { failureOf, pattern } from '../../src/conformance/trial.ts'
import { S3Store } from '../../src/s3.ts'
import { tempFolder } from '../fs/temp-folder.ts'
import { newClient } from './s3-client.ts'
import { type DoubleRequest, type Fault, S3Double } from './s3-double.ts'

const BODY = pattern(250)

let double: S3Double
let client: S3Client
let store: S3Store

beforeEach(async () => {
  double = await S3Double.start()
  client = newClient(double.endpoint, { maxAttempts: 1 })
  store = new S3Store({ client, bucket: 'bucket', prefix: 'p', partBytes: 100 })
})

afterEach(async () => {
  client.destroy()
  await double.stop()
})

const isPart = ({ query }: DoubleRequest): boolean => query.has('partNumber')
const isCompletion = ({ method, query }: DoubleRequest): boolean => method === 'POST' && query.has('uploadId')

function failWhere(matches: (request: DoubleRequest) => boolean, fault: Fault): void {
  double.fault = (request) => (matches(request) ? fault : undefined)
}

test('a long body goes in parts of the given length, a short one whole', async () => {
  const { etag } = await store.put('long', new Blob([BODY]))
  expect(double.requests.filter(isPart).map(({ body }) => body.length)).toEqual([100, 100, 50])
  expect(double.objects.get('p/long')?.bytes.equals(BODY)).toBe(true)
  expect(await store.head('long')).toEqual({ size: 250, etag })
  double.requests.length = 0
  await store.put('short', new Blob([BODY.subarray(0, 100)]))
  expect(double.requests.map(({ method, query }) => [method, query.has('uploads')])).toEqual([['PUT', false]])
})

test('checksums that the client sends with parts are named again in the end', async () => {
  await store.put('k', new Blob([BODY]))
  const [part] = double.requests.filter(isPart)
  const completion = double.requests.find(isCompletion)?.body.toString() ?? ''
  // The double answers none, as servers without checksums do; the tags of the parts are there.
  expect(part?.headers['x-amz-checksum-crc32']).toMatch(/./)
  expect(completion.match(/<ETag>/g)?.length).toBe(3)
  const answered = 'AAAAAA=='
  double.fault = (request) =>
    isPart(request)
      ? { change: (answer) => ({ ...answer, headers: { ...answer.headers, 'x-amz-checksum-crc32': answered } }) }
      : undefined
  double.requests.length = 0
  await store.put('k', new Blob([BODY]))
  const named = double.requests.find(isCompletion)?.body.toString() ?? ''
  expect(named.match(new RegExp(`<ChecksumCRC32>${answered}`, 'g'))?.length).toBe(3)
})

test('a file of Node is a body', async () => {
  const path = join(await tempFolder(), 'file')
  await writeFile(path, BODY)
  await store.put('k', await openAsBlob(path))
  expect((await store.get('k'))?.bytes).toEqual(BODY)
})

describe('what goes wrong before the end leaves nothing behind and nothing open', () => {
  test.each<[string, () => void, object]>([
    ['no upload', () => failWhere(({ query }) => query.has('uploads'), { error: { status: 500 } }), { kind: 'unavailable' }],
    ['a part fails', () => failWhere(isPart, { error: { status: 500 } }), { kind: 'unavailable' }],
    ['a part is cut off', () => failWhere(isPart, { isCut: true, isDone: true }), { kind: 'unavailable' }],
    ['a part is refused', () => failWhere(isPart, { error: { status: 403, code: 'AccessDenied' } }), { kind: 'denied' }],
    [
      'the completion is refused',
      () => failWhere(isCompletion, { error: { status: 400, code: 'EntityTooSmall' } }),
      { kind: 'invalid' },
    ],
    [
      'somebody removed the parts',
      () => failWhere(isCompletion, { error: { status: 404, code: 'NoSuchUpload' } }),
      { kind: 'unavailable' },
    ],
  ])('%s', async (_, breakIt, expected) => {
    breakIt()
    expect(await failureOf(store.put('k', new Blob([BODY])))).toMatchObject(expected)
    expect(double.uploads.size).toBe(0)
    expect(double.objects.size).toBe(0)
  })

  test('a failure to remove the parts does not hide what went wrong', async () => {
    failWhere(({ method, query }) => query.has('partNumber') || method === 'DELETE', {
      error: { status: 403, code: 'AccessDenied' },
    })
    expect(await failureOf(store.put('k', new Blob([BODY])))).toMatchObject({
      kind: 'denied',
      message: expect.stringContaining('part 1') as string,
    })
  })
})

const WITHOUT_ETAG: Fault = {
  change: (answer) => ({
    ...answer,
    body: Buffer.from('<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>'),
  }),
}

test('an etag that the completion does not tell is asked for', async () => {
  failWhere(isCompletion, WITHOUT_ETAG)
  const { etag } = await store.put('k', new Blob([BODY]))
  expect((await store.head('k'))?.etag).toBe(etag)
  // Not an answer that leads nowhere.
  double.fault = (request) => {
    if (isCompletion(request)) return WITHOUT_ETAG
    return request.method === 'HEAD' ? { error: { status: 403 } } : undefined
  }
  expect(await failureOf(store.put('k', new Blob([BODY])))).toMatchObject({ kind: 'unknown' })
})

test('a checksum comes with the parts if and only if it was announced', async () => {
  for (const requestChecksumCalculation of ['WHEN_SUPPORTED', 'WHEN_REQUIRED'] as const) {
    const client = newClient(double.endpoint, { requestChecksumCalculation })
    onTestFinished(() => client.destroy())
    await new S3Store({ client, bucket: 'bucket', prefix: 'p', partBytes: 100 }).put('k', new Blob([BODY]))
  }
})

describe('a completion whose outcome is not known', () => {
  test.each<[string, Fault]>([
    ['the reply is lost', { isDone: true, isCut: true }],
    ['500', { isDone: true, error: { status: 500 } }],
    ['the reply has no etag, and the object is another one', WITHOUT_ETAG],
  ])('%s: is said, and the upload is let alone', async (_, fault) => {
    double.fault = (request) => {
      if (isCompletion(request)) return fault
      // Somebody is faster than the question for the etag.
      return request.method === 'HEAD' ? { change: (answer) => ({ ...answer, headers: { etag: '"other-3"' } }) } : undefined
    }
    expect(await failureOf(store.put('k', new Blob([BODY])))).toMatchObject({ kind: 'unknown' })
    expect(double.requests.some(({ method }) => method === 'DELETE')).toBe(false)
    expect(double.objects.get('p/k')?.bytes.length).toBe(250)
  })

  test('stays unknown when a repetition finds no upload any more', async () => {
    const patient = newClient(double.endpoint, { maxAttempts: 3 })
    onTestFinished(() => patient.destroy())
    const retrying = new S3Store({ client: patient, bucket: 'bucket', prefix: 'p', partBytes: 100 })
    let completions = 0
    double.fault = (request) =>
      isCompletion(request) && completions++ === 0 ? { isDone: true, error: { status: 500 } } : undefined
    expect(await failureOf(retrying.put('k', new Blob([BODY])))).toMatchObject({ kind: 'unknown' })
    expect(completions).toBeGreaterThan(1)
  })
})

test('what would need more than ten thousand parts is refused before anything is sent', async () => {
  expect(store.capabilities.objectBytesMax).toBe(1_000_000)
  const source = { size: 1_000_001, stream: () => new ReadableStream<Uint8Array<ArrayBuffer>>() }
  await expect(store.put('k', source)).rejects.toMatchObject({ code: 'STORE_OBJECT_TOO_LARGE' })
  expect(new S3Store({ client, bucket: 'bucket' }).capabilities.objectBytesMax).toBe(2 ** 30)
})

test.each([0, -1, 1.5, Number.NaN])('objects of at most %d bytes are refused', (objectBytesMax) => {
  const refused = expect.objectContaining({ code: 'STORE_ARGUMENT' })
  expect(() => new S3Store({ client, bucket: 'bucket', capabilities: { objectBytesMax } })).toThrow(refused)
})

test.each([0, -1, 1.5, Number.NaN])('parts of %d bytes are refused', (partBytes) => {
  expect(() => new S3Store({ client, bucket: 'bucket', partBytes })).toThrow(expect.objectContaining({ code: 'STORE_ARGUMENT' }))
})
