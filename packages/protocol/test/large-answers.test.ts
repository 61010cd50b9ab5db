import { create, toBinary } from '@bufbuild/protobuf'
import { createClient } from '@connectrpc/connect'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PageService, ReadPagesRequestSchema } from '../src/index.ts'
import { handlerOf, overHttp, StoreError } from './stand-ins.ts'

/** From here on bytes go around the encoder. */
const LARGE = 16 * 1024

interface Group {
  readonly pages: Uint8Array<ArrayBuffer>
  readonly writtenLsns: bigint[]
  readonly data: Uint8Array<ArrayBuffer>
}

const bytesOf = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff)
const groupOf = (pagesBytes: number, dataBytes: number, seed = 1): Group => ({
  pages: bytesOf(pagesBytes, seed),
  writtenLsns: [1n, 2n],
  data: bytesOf(dataBytes, seed + 7),
})

function serving(groups: readonly Group[], error?: Error) {
  return handlerOf({
    pages: {
      async *readPages() {
        yield* groups
        if (error !== undefined) throw error
      },
    },
  })
}

async function readAll(handler: (request: Request) => Promise<Response>): Promise<Group[]> {
  const seen: Group[] = []
  const client = createClient(PageService, overHttp(handler).pages)
  for await (const { pages, writtenLsns, data } of client.readPages({})) {
    seen.push({ pages: pages as Group['pages'], writtenLsns, data: data as Group['data'] })
  }
  return seen
}

function request(contentType: string): Request {
  const message = toBinary(ReadPagesRequestSchema, create(ReadPagesRequestSchema, {}))
  const content = contentType.includes('json') ? new TextEncoder().encode('{}') : message
  const body = new Uint8Array(5 + content.length)
  new DataView(body.buffer).setUint32(1, content.length)
  body.set(content, 5)
  const headers = { 'content-type': contentType }
  return new Request('https://graft.test/graft.v1.PageService/ReadPages', { method: 'POST', headers, body })
}

async function chunksOf(response: Response): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return chunks
}

describe('answers with large fields', () => {
  test.each([0, 1, LARGE - 1, LARGE, LARGE + 1, 300_000])('data of %i bytes arrives as it was', async (bytes) => {
    const groups = [groupOf(20, bytes), groupOf(0, 5), groupOf(bytes, bytes, 3), groupOf(bytes, 0)]
    expect(await readAll(serving(groups))).toEqual(groups)
  })

  test('any mixture of messages arrives in order, whole, and the service keeps its own', async () => {
    const size = fc.oneof(fc.nat(50), fc.integer({ min: LARGE - 2, max: LARGE + 2 }), fc.constant(70_000))
    const sizes = fc.array(fc.tuple(size, size), { maxLength: 6, size: 'max' })
    await fc.assert(
      fc.asyncProperty(sizes, async (list) => {
        const groups = list.map(([pages, data], i) => groupOf(pages, data, i))
        const kept = groups.map((group) => ({ ...group }))
        expect(await readAll(serving(groups))).toEqual(kept)
        expect(groups).toEqual(kept)
      }),
      { numRuns: Math.min(Number(process.env['FAST_CHECK_RUNS'] ?? 15), 200) },
    )
  })

  test('large fields leave as the bytes that the service gave, not as a copy', async () => {
    const { pages, writtenLsns, data } = groupOf(10, 300_000)
    const chunks = await chunksOf(await serving([{ pages, writtenLsns, data }])(request('application/connect+proto')))
    expect(chunks.some((chunk) => chunk.buffer === data.buffer && chunk.length === data.length)).toBe(true)
    const small = groupOf(10, LARGE - 1)
    const copied = await chunksOf(await serving([small])(request('application/connect+proto')))
    expect(copied.some((chunk) => chunk.buffer === small.data.buffer)).toBe(false)
  })

  test('an error behind them arrives too', async () => {
    const error = new StoreError('exhausted', 'SLOW', 'later', 70)
    const groups = [groupOf(3, 70_000), groupOf(3, 10)]
    await expect(readAll(serving(groups, error))).rejects.toMatchObject({ kind: 'exhausted', code: 'SLOW', retryAfterMs: 70 })
  })

  test('JSON says the same', async () => {
    const group = groupOf(3, 20_000)
    const chunks = await chunksOf(await serving([group])(request('application/connect+json')))
    const first = Buffer.concat(chunks)
    const length = first.readUInt32BE(1)
    const { data } = JSON.parse(first.subarray(5, 5 + length).toString()) as { data: string }
    expect(Buffer.from(data, 'base64').equals(Buffer.from(group.data))).toBe(true)
  })

  test('a reader that leaves between two pieces of a message ends the service', async () => {
    let isOver = false
    const handler = handlerOf({
      pages: {
        async *readPages() {
          try {
            for (;;) yield groupOf(3, 70_000)
          } finally {
            isOver = true
          }
        },
      },
    })
    const response = await handler(request('application/connect+proto'))
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    await reader.cancel()
    for (let i = 0; i < 10 && !isOver; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(isOver).toBe(true)
  })

  test('a reader that leaves while the service waits reaches it by its signal', async () => {
    const aborted = Promise.withResolvers<void>()
    const handler = handlerOf({
      pages: {
        async *readPages(_, { signal }) {
          yield groupOf(3, 70_000)
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
          aborted.resolve()
        },
      },
    })
    const response = await handler(request('application/connect+proto'))
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    for (let bytes = 0; bytes < 70_000; ) bytes += (await reader.read()).value?.length ?? 0
    void reader.read().catch(() => undefined)
    void reader.cancel().catch(() => undefined)
    await aborted.promise
  })
})
