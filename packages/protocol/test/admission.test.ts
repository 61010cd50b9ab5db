import { create, toBinary } from '@bufbuild/protobuf'
import { createClient } from '@connectrpc/connect'
import { describe, expect, test, vi } from 'vitest'
import {
  type ArrivingCall,
  CommitRequestSchema,
  MetaService,
  type WatchEvent,
  WatchRequestSchema,
  watchEventToWire,
} from '../src/index.ts'
import { handlerOf, overHttp, StoreError } from './stand-ins.ts'

const COMMITTED = { outcome: { case: 'committed' as const, value: {} } }
const commitBytes = (refs: number) =>
  toBinary(CommitRequestSchema, create(CommitRequestSchema, { refs: Array.from({ length: refs }, () => ({})) }))
const watchBytes = (volumes: number) =>
  toBinary(WatchRequestSchema, create(WatchRequestSchema, { volumes: Array.from({ length: volumes }, () => ({})) }))

// The body of the request that was made last.
let reading = { chunks: 0 }

/** A request whose body counts how much of it was read. */
function request(method: string, body: Uint8Array, contentType = 'application/proto') {
  const read = { chunks: 0 }
  reading = read
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const start = read.chunks++ * 100
        if (start >= body.length) controller.close()
        else controller.enqueue(body.subarray(start, start + 100))
      },
    },
    { highWaterMark: 0 },
  )
  const init = { method: 'POST', body: stream, headers: { 'content-type': contentType }, duplex: 'half' }
  return { read, request: new Request(`http://graft.test/graft.v1.MetaService/${method}`, init) }
}

function envelope(...messages: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const parts = messages.flatMap((message) => {
    const header = new Uint8Array(5)
    new DataView(header.buffer).setUint32(1, message.length)
    return [...header, ...message]
  })
  return Uint8Array.from(parts)
}

const detailOf = async (response: Response) => {
  const text = await response.text()
  const { details } = JSON.parse(text.slice(text.indexOf('{'))).error ?? JSON.parse(text)
  return details[0].debug as unknown
}

describe('a call is refused before its body is read', () => {
  const refusal = new StoreError('exhausted', 'RATE_LIMITED', 'slow down', 1500)
  const seen: ArrivingCall[] = []
  const chunksRead: number[] = []
  const commit = vi.fn<() => typeof COMMITTED>(() => COMMITTED)
  const watch = vi.fn<() => AsyncGenerator<WatchEvent>>(async function* () {})
  const admit = (call: ArrivingCall) => {
    seen.push(call)
    chunksRead.push(reading.chunks)
    if (call.headers.get('authorization') === null) throw refusal
  }
  const handler = handlerOf({ meta: { commit, watch } }, 1 << 16, { admit })
  const told = { kind: 'exhausted', code: 'RATE_LIMITED', retryAfterMs: 1500 }

  test('a unary one', async () => {
    expect(await detailOf(await handler(request('Commit', commitBytes(100)).request))).toEqual(told)
    expect(chunksRead.at(-1)).toBe(0)
    expect(commit).not.toHaveBeenCalled()
    expect(seen.at(-1)?.method).toBe('Commit')
    expect(seen.at(-1)?.signal.aborted).toBe(true)
  })

  test('a stream', async () => {
    const arriving = request('Watch', envelope(watchBytes(100)), 'application/connect+proto')
    expect(await detailOf(await handler(arriving.request))).toEqual(told)
    expect(chunksRead.at(-1)).toBe(0)
    expect(watch).not.toHaveBeenCalled()
    expect(seen.at(-1)?.signal.aborted).toBe(true)
  })

  test('our client is told as of any other refusal, and of nothing when it is let in', async () => {
    const meta = createClient(MetaService, overHttp(handler).meta)
    await expect(meta.commit({})).rejects.toMatchObject(told)
    await meta.commit({}, { headers: { authorization: 'Bearer x' } })
    expect(commit).toHaveBeenCalledOnce()
  })

  test('a decision that fails is no permission, and tells nothing', async () => {
    const broken = handlerOf({ meta: { commit } }, 1 << 16, { admit: () => Promise.reject(new Error('hunter2')) })
    const response = await broken(request('Commit', commitBytes(1)).request)
    expect(response.status).toBe(500)
    expect(commit).not.toHaveBeenCalled()
    expect(await response.text()).not.toContain('hunter2')
  })
})

describe('I11: a message of too many fields is refused before it is decoded, and the rest is thrown away', () => {
  const told = { kind: 'exhausted', code: 'MESSAGE_TOO_LARGE' }

  test('a unary one', async () => {
    const commit = vi.fn<() => typeof COMMITTED>(() => COMMITTED)
    const handler = handlerOf({ meta: { commit } }, 1 << 16, { fieldsMax: 60 })
    expect((await handler(request('Commit', commitBytes(60)).request)).status).toBe(200)
    const { read, request: arriving } = request('Commit', commitBytes(30_000))
    expect(await detailOf(await handler(arriving))).toEqual(told)
    expect(read.chunks).toBeGreaterThan(600)
    expect(commit).toHaveBeenCalledOnce()
  })

  test('the one message of a stream', async () => {
    const watch = vi.fn<() => AsyncGenerator<WatchEvent>>(async function* () {
      yield watchEventToWire(undefined)
    })
    const handler = handlerOf({ meta: { watch } }, 1 << 16, { fieldsMax: 60 })
    const post = (bytes: Uint8Array) => request('Watch', bytes, 'application/connect+proto')
    await (await handler(post(envelope(watchBytes(60))).request)).text()
    expect(watch).toHaveBeenCalledOnce()
    const { read, request: arriving } = post(envelope(watchBytes(30_000)))
    expect(await detailOf(await handler(arriving))).toEqual(told)
    expect(read.chunks).toBeGreaterThan(600)
    const several = envelope(watchBytes(60), watchBytes(1))
    expect(await detailOf(await handler(post(several).request))).toEqual({ kind: 'invalid', code: 'MESSAGE_INVALID' })
    expect(watch).toHaveBeenCalledOnce()
  })

  test('in JSON, by its size', async () => {
    const commit = vi.fn<() => typeof COMMITTED>(() => COMMITTED)
    const handler = handlerOf({ meta: { commit } }, 1 << 20)
    const json = (bytes: number) => request('Commit', new TextEncoder().encode('{}'.padEnd(bytes)), 'application/json')
    expect((await handler(json(65_536).request)).status).toBe(200)
    expect(await detailOf(await handler(json(65_537).request))).toEqual(told)
    expect(commit).toHaveBeenCalledOnce()
  })
})
