import { create, toBinary } from '@bufbuild/protobuf'
import { expect, test, vi } from 'vitest'
import { CommitRequestSchema, WatchRequestSchema } from '../src/index.ts'
import { handlerOf } from './stand-ins.ts'

const BODY_BYTES = 1000
const REFUSED = 'REQUESTS_TOO_MANY'
const message = toBinary(CommitRequestSchema, create(CommitRequestSchema, { own: new Uint8Array(BODY_BYTES - 3) }))

/** A call whose body is sent by hand. */
function call(handler: (request: Request) => Promise<Response>, method = 'Commit', contentType = 'application/proto') {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) })
  const abort = new AbortController()
  const init = { method: 'POST', body, headers: { 'content-type': contentType }, duplex: 'half', signal: abort.signal }
  const answer = handler(new Request(`https://graft.test/graft.v1.MetaService/${method}`, init))
  answer.catch(() => undefined)
  const sender = controller as unknown as ReadableStreamDefaultController<Uint8Array>
  return { answer, abort: () => abort.abort(), send: (bytes: Uint8Array) => sender.enqueue(bytes), end: () => sender.close() }
}

const settle = async () => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function sendWhole(handler: (request: Request) => Promise<Response>): Promise<string> {
  const { answer, send, end } = call(handler)
  send(message)
  end()
  const response = await answer
  return `${response.status} ${await response.text()}`
}

test('bodies of calls that are not over take no more than they may: exactly so much is taken, one more is told to come back', async () => {
  const commit = vi.fn<() => object>(() => ({}))
  const handler = handlerOf({ meta: { commit } }, 2000, { bodiesBytesMax: 2 * BODY_BYTES })
  const slow = call(handler)
  slow.send(message)
  await settle()
  // Room for one more, again and again: what is over gives its room back.
  for (let i = 0; i < 5; i++) expect(await sendWhole(handler)).toContain('200')
  const other = call(handler)
  other.send(Uint8Array.of(0x0a))
  await settle()
  const refused = await sendWhole(handler)
  expect(refused).toContain('429 ')
  expect(refused).toContain(REFUSED)
  expect(refused).toContain('"retryAfterMs":250')
  // What was refused takes no room, nor does the rest of its body that is thrown away.
  expect(await sendWhole(handler)).toContain(REFUSED)
  slow.end()
  expect((await slow.answer).status).toBe(200)
  expect(await sendWhole(handler)).toContain('200')
  expect(commit).toHaveBeenCalledTimes(7)
})

test('the body of a call that its caller leaves takes no room any more, nor does what comes after it', async () => {
  const handler = handlerOf({ meta: { commit: () => ({}) } }, 2000, { bodiesBytesMax: BODY_BYTES })
  for (let i = 0; i < 3; i++) {
    const left = call(handler)
    left.send(message.subarray(0, 500))
    await settle()
    left.abort()
    left.send(message.subarray(500))
    left.end()
    await left.answer
  }
  expect(await sendWhole(handler)).toContain('200')
})

test('the request of a stream takes room until the stream is over', async () => {
  const held = Promise.withResolvers<void>()
  const watch = async function* () {
    yield {}
    await held.promise
  }
  const handler = handlerOf({ meta: { watch, commit: () => ({}) } }, 2000, { bodiesBytesMax: BODY_BYTES })
  const content = toBinary(WatchRequestSchema, create(WatchRequestSchema, { volumes: [{ volumeId: new Uint8Array(16) }] }))
  const stream = call(handler, 'Watch', 'application/connect+proto')
  stream.send(Uint8Array.of(0, 0, 0, 0, content.length, ...content))
  stream.end()
  const response = await stream.answer
  expect(await sendWhole(handler)).toContain(REFUSED)
  held.resolve()
  await response.arrayBuffer()
  expect(await sendWhole(handler)).toContain('200')
})

test('a call in another form counts as well', async () => {
  const held = Promise.withResolvers<object>()
  const handler = handlerOf({ meta: { pull: () => held.promise, commit: () => ({}) } }, 2000, { bodiesBytesMax: BODY_BYTES })
  const json = call(handler, 'Pull', 'application/json')
  json.send(new TextEncoder().encode('{"since":"3"}'))
  json.end()
  await settle()
  expect(await sendWhole(handler)).toContain(REFUSED)
  held.resolve({})
  await json.answer
  expect(await sendWhole(handler)).toContain('200')
})
