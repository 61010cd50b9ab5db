import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { allowEverybody, httpTransport, PageService } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { idToBytes, newVolumeId, systemIdSource } from '@graft-ts/volume'
import { afterEach, describe, expect, test } from 'vitest'
import { type GraftServer, type ServerOptions, startServer } from '../../src/index.ts'
import { deferred, ManualTimers } from './controlled.ts'

const REQUEST_BYTES_MAX = 64 * 1024
const PATH = '/graft.v1.PageService/WritePages'
const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(options: Partial<ServerOptions> = {}): Promise<GraftServer> {
  const store = new MemoryStore()
  const limits = { pages: { requestBytesMax: REQUEST_BYTES_MAX, requestsMax: 1 } }
  const stores = { segments: store, commits: store }
  const server = await startServer({ stores, port: 0, authorize: allowEverybody, limits, ...options })
  closing.push(server.close)
  return server
}

const writeOf = (pages: number) => ({
  volumeId: idToBytes(newVolumeId(systemIdSource)),
  pageSize: 4096,
  pages: Splinter.fromRange(1, pages).toBytes(),
  data: new Uint8Array(pages * 4096),
})

function write({ url }: GraftServer, pages: number) {
  const { writePages } = PageService.method
  return httpTransport({ baseUrl: url }).pages.unary(writePages, undefined, undefined, undefined, writeOf(pages))
}

/** Sends chunks of 64 KiB without saying how many, over the one connection of an agent. */
function post(server: GraftServer, agent: Agent, chunks: number): Promise<{ status: number; text: string; port: number }> {
  const headers = { 'content-type': 'application/proto', 'transfer-encoding': 'chunked' }
  const { promise, resolve, reject } = deferred<{ status: number; text: string; port: number }>()
  const outgoing = request({ host: '127.0.0.1', port: server.port, path: PATH, method: 'POST', agent, headers }, (incoming) => {
    const { localPort: port } = incoming.socket as Socket & { localPort: number }
    let text = ''
    incoming.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
    })
    incoming.on('end', () => resolve({ status: incoming.statusCode as number, text, port }))
    incoming.on('error', reject)
  })
  outgoing.on('error', reject)
  for (let i = 0; i < chunks; i++) outgoing.write(new Uint8Array(64 * 1024))
  outgoing.end()
  return promise
}

describe('a body over the limit', () => {
  test.each([17, 256, 2000])('of %i pages: the refusal arrives, and the next call is answered', async (pages) => {
    const server = await start()
    for (let i = 0; i < 5; i++) {
      await expect(write(server, pages)).rejects.toMatchObject({ kind: 'exhausted', code: 'MESSAGE_TOO_LARGE' })
      expect((await write(server, 2)).message.refs).toHaveLength(1)
    }
  })

  test('of undeclared length: one connection goes on after any number of refusals', async () => {
    const server = await start()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    closing.push(async () => agent.destroy())
    const answers: Awaited<ReturnType<typeof post>>[] = []
    for (const chunks of [2, 40, 3, 200]) answers.push(await post(server, agent, chunks))
    for (const { status, text } of answers) {
      expect(status).toBe(429)
      expect(text).toContain('MESSAGE_TOO_LARGE')
    }
    expect(new Set(answers.map(({ port }) => port)).size).toBe(1)
  })
})

test('a body that does not come: it is told so, its connection ends, and its place is free', async () => {
  const timers = new ManualTimers()
  const server = await start({ timers })
  const socket = connect(server.port, '127.0.0.1')
  closing.push(async () => void socket.destroy())
  let told = ''
  const ended = deferred()
  socket.setEncoding('utf8').on('data', (text: string) => {
    told += text
  })
  socket.on('close', () => ended.resolve())
  socket.write(`POST ${PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/proto\r\ncontent-length: 1000\r\n\r\n`)
  // The beginning of a message.
  socket.write(Uint8Array.of(0x0a))
  while (!timers.delays.includes(60_000)) await new Promise((resolve) => setImmediate(resolve))
  expect(server.metrics().pages?.requestsInFlightNow).toBe(1)
  await expect(write(server, 1)).rejects.toMatchObject({ code: 'REQUESTS_TOO_MANY' })
  timers.fire(60_000)
  await ended.promise
  expect(told).toMatch(/^HTTP\/1\.1 503 /)
  expect(told).toContain('BODY_TIMEOUT')
  expect(server.metrics().pages?.requestsInFlightNow).toBe(0)
  expect((await write(server, 1)).message.refs).toHaveLength(1)
})
