import type { S3Client } from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { bareEtag, objectOf, rangeHeader } from '../../src/s3/reply.ts'
import { send } from '../../src/s3/send.ts'
import { S3Store } from '../../src/s3.ts'

const { capabilities } = new S3Store({ client: undefined as unknown as S3Client, bucket: 'b' })
const asked = { key: 'k', range: undefined, capabilities, signal: undefined }

interface FakeBody {
  readonly discarded: unknown[]
  readonly transformToByteArray: () => Promise<Uint8Array>
}

function nodeBody(bytes: Uint8Array): FakeBody & { destroy(error: unknown): void } {
  const discarded: unknown[] = []
  return { discarded, transformToByteArray: async () => bytes, destroy: (error) => void discarded.push(error) }
}

function webBody(bytes: Uint8Array): FakeBody & { cancel(reason: unknown): Promise<void> } {
  const discarded: unknown[] = []
  const cancel = async (reason: unknown): Promise<void> => {
    discarded.push(reason)
    throw new TypeError('the stream is locked')
  }
  return { discarded, transformToByteArray: async () => bytes, cancel }
}

function replyWith(Body: FakeBody, ContentLength: number, httpStatusCode = 200) {
  return { $metadata: { httpStatusCode }, ETag: '"e"', ContentLength, Body }
}

test('fewer or more bytes than the reply announced are no object', async () => {
  for (const bytes of [2, 4]) {
    const reply = replyWith(nodeBody(new Uint8Array(bytes)), 3)
    await expect(objectOf(reply, asked)).rejects.toMatchObject({ kind: 'unavailable' })
  }
  expect(await objectOf(replyWith(nodeBody(new Uint8Array(3)), 3), asked)).toMatchObject({ size: 3, etag: 'e', offset: 0 })
})

test('a body that is not wanted is let go of', async () => {
  for (const body of [nodeBody(new Uint8Array(3)), webBody(new Uint8Array(3))]) {
    await expect(objectOf(replyWith(body, 3, 206), asked)).rejects.toMatchObject({ code: 'STORE_REPLY' })
    expect(body.discarded).toEqual([expect.any(Error)])
  }
})

test('bytes of a shared pool are copied, others are handed over', async () => {
  const pool = new Uint8Array(100)
  const copied = await objectOf(replyWith(nodeBody(pool.subarray(10, 13)), 3), asked)
  expect(copied.bytes.buffer.byteLength).toBe(3)
  const own = await objectOf(replyWith(nodeBody(pool), 100), asked)
  expect(own.bytes.buffer).toBe(pool.buffer)
})

test('a range is asked for by first and last byte, to the end where that is no exact number', () => {
  expect(rangeHeader({ offset: 0, length: 1 })).toBe('bytes=0-0')
  expect(rangeHeader({ offset: 10, length: 5 })).toBe('bytes=10-14')
  expect(rangeHeader({ offset: 10, length: Number.MAX_SAFE_INTEGER })).toBe('bytes=10-')
})

test('etags lose their quotes, weak ones keep their mark', () => {
  expect(['"abc"', 'abc', 'W/"abc"', '"', '""', '', undefined].map(bareEtag)).toEqual([
    ...['abc', 'abc', 'W/"abc"', '"', '""'],
    undefined,
    undefined,
  ])
})

test('a signal ends the wait for an SDK that does not notice it', async () => {
  const client = { send: () => new Promise(() => undefined) } as unknown as S3Client
  const command = { middlewareStack: { add: () => undefined } }
  for (const isWrite of [true, false]) {
    const controller = new AbortController()
    const call = send(client, command, { what: 'test', isWrite, isSentOnce: false, signal: controller.signal })
    controller.abort(new Error('enough'))
    // Nothing went out, so nothing can have happened.
    await expect(call).rejects.toMatchObject({ kind: 'aborted', code: 'STORE_ABORTED' })
  }
})
