import { create, toBinary } from '@bufbuild/protobuf'
import type { Timers } from '@graft-ts/volume'
import { describe, expect, test, vi } from 'vitest'
import { CommitRequestSchema, PullRequestSchema } from '../src/index.ts'
import { handlerOf } from './stand-ins.ts'

/** A timer that a test lets run out. */
class OneTimer implements Timers {
  started: number[] = []
  cancelled = 0
  fire: () => void = () => undefined

  start(run: () => void, delayMs: number): () => void {
    this.started.push(delayMs)
    this.fire = run
    return () => {
      this.cancelled++
    }
  }
}

const settle = async () => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** A request whose body is sent by hand. */
function slow(method: string, contentType: string) {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) })
  const init = { method: 'POST', body, headers: { 'content-type': contentType }, duplex: 'half' }
  const request = new Request(`https://graft.test/graft.v1.MetaService/${method}`, init)
  const sender = controller as unknown as ReadableStreamDefaultController<Uint8Array>
  return { request, send: (bytes: Uint8Array) => sender.enqueue(bytes), end: () => sender.close() }
}

const text = async (response: Response) => `${response.status} ${await response.text()}`

describe('a body that does not come', () => {
  test.each([
    ['Commit', 'application/proto', 503],
    ['Watch', 'application/connect+proto', 200],
  ])('%s: its call is refused when the time is over, and its connection given up', async (method, contentType, status) => {
    const timers = new OneTimer()
    const service = vi.fn<() => never>(() => {
      throw new Error('asked')
    })
    const left = Promise.withResolvers<void>()
    const admit = ({ signal }: { signal: AbortSignal }) => signal.addEventListener('abort', () => left.resolve())
    const handler = handlerOf({ meta: { commit: service, watch: service } }, 1000, { bodyMsMax: 700, timers, admit })
    const { request, send } = slow(method, contentType)
    const answering = handler(request)
    send(Uint8Array.of(0, 0))
    await settle()
    expect(timers.started).toEqual([700])
    timers.fire()
    const response = await answering
    // The place that it held among the calls under way is free.
    await left.promise
    expect(response.headers.get('connection')).toBe('close')
    const told = await text(response)
    expect(told).toContain(`${status} `)
    expect(told).toContain('BODY_TIMEOUT')
    expect(told).toContain('unavailable')
    expect(service).not.toHaveBeenCalled()
  })

  test('a body that comes in time stops the clock', async () => {
    const timers = new OneTimer()
    const handler = handlerOf({ meta: { pull: () => ({}) } }, 1000, { timers })
    const { request, send, end } = slow('Pull', 'application/proto')
    const answering = handler(request)
    await settle()
    send(toBinary(PullRequestSchema, create(PullRequestSchema, { since: 3n })))
    end()
    expect((await answering).status).toBe(200)
    expect([timers.started, timers.cancelled > 0]).toEqual([[60_000], true])
  })

  test('a refused body that is not sent to its end holds up the refusal no longer than that', async () => {
    const timers = new OneTimer()
    const commit = vi.fn<() => object>(() => ({}))
    const handler = handlerOf({ meta: { commit } }, 1000, { timers })
    const { request, send } = slow('Commit', 'application/proto')
    const answering = handler(request)
    send(toBinary(CommitRequestSchema, create(CommitRequestSchema, { own: new Uint8Array(2000) })))
    await settle()
    timers.fire()
    const response = await answering
    expect(response.headers.get('connection')).toBe('close')
    expect(await text(response)).toContain('429 ')
    expect(commit).not.toHaveBeenCalled()
  })

  test('is refused for that where the read fails whose stream is cancelled, too', async () => {
    const timers = new OneTimer()
    const reading = Promise.withResolvers<never>()
    const cancel = async (): Promise<void> => reading.reject(new Error('cancelled'))
    const body = { getReader: () => ({ read: () => reading.promise, cancel }) }
    const headers = new Headers({ 'content-type': 'application/proto' })
    const request = {
      method: 'POST',
      url: 'https://graft.test/graft.v1.MetaService/Pull',
      headers,
      body,
      signal: new AbortController().signal,
    }
    const answering = handlerOf({ meta: { pull: () => ({}) } }, 1000, { timers })(request as unknown as Request)
    await settle()
    timers.fire()
    expect(await text(await answering)).toContain('BODY_TIMEOUT')
  })
})
