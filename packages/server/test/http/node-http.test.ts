import { systemTimers } from '@graft-ts/volume'
import { afterEach, describe, expect, test } from 'vitest'
import { Listener } from '../../src/http/listener.ts'
import { deferred } from './controlled.ts'
import { rawConnection } from './raw-connection.ts'

const MEBIBYTE = 2 ** 20
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(handle: (request: Request) => Promise<Response>): Promise<{ port: number; url: string }> {
  const listener = await Listener.open({ handle, host: '127.0.0.1', port: 0, connectionsMax: 100, timers: systemTimers })
  closing.push(() => listener.close(0))
  return { port: listener.port, url: `http://127.0.0.1:${listener.port}/` }
}

async function untilQuiet(count: () => number): Promise<number> {
  for (let before = -1; before !== count(); ) {
    before = count()
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  return count()
}

/** Sends the head of a request by hand, and gives all that comes back. */
async function exchange(port: number, head: string): Promise<string> {
  const { socket, received, ended } = await rawConnection(port)
  socket.end(`${head}\r\n\r\n`)
  await ended
  return received()
}

describe('what a request is for', () => {
  const echo = async (request: Request) => new Response(request.url)

  test.each([
    ['GET /a?b=c HTTP/1.1\r\nhost: Example.com:81', 'http://Example.com:81/a?b=c'],
    ['GET /a HTTP/1.1\r\nhost: [::1]:81', 'http://[::1]:81/a'],
    ['GET http://other.example/a HTTP/1.1\r\nhost: example.com', 'http://other.example/a'],
    ['GET /a HTTP/1.0', 'http://127.0.0.1/a'],
  ])('%j', async (head, url) => {
    const { port } = await open(echo)
    expect(await exchange(port, `${head}\r\nconnection: close`)).toContain(url)
  })

  test.each([
    'GET /a HTTP/1.1\r\nhost: example.com/b',
    'GET /a HTTP/1.1\r\nhost: user@example.com',
    'GET /a HTTP/1.1\r\nhost: example.com?b',
    'GET /a HTTP/1.1\r\nhost: example.com:99999',
    'GET /a HTTP/1.1\r\nhost: ',
    'GET ftp://example.com/a HTTP/1.1\r\nhost: example.com',
    'OPTIONS * HTTP/1.1\r\nhost: example.com',
  ])('%j is refused, and no handler is asked', async (head) => {
    let asked = 0
    const { port } = await open(async () => {
      asked += 1
      return new Response('asked')
    })
    expect(await exchange(port, `${head}\r\nconnection: close`)).toMatch(/^HTTP\/1\.1 400 /)
    expect(asked).toBe(0)
  })
})

describe('the body of a request', () => {
  test('arrives whole, piece by piece, and only as it is read', async () => {
    const [halfway, goOn] = [deferred(), deferred()]
    let bytes = 0
    const { url } = await open(async (request) => {
      const reader = (request.body as ReadableStream<Uint8Array>).getReader()
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        bytes += next.value.length
        if (bytes >= MEBIBYTE) halfway.resolve()
        if (bytes >= MEBIBYTE) await goOn.promise
      }
      return new Response(`${bytes}`)
    })
    const answer = fetch(url, { method: 'POST', body: new Uint8Array(32 * MEBIBYTE) })
    await halfway.promise
    expect(await untilQuiet(() => bytes)).toBeLessThan(2 * MEBIBYTE)
    goOn.resolve()
    expect(await (await answer).text()).toBe(`${32 * MEBIBYTE}`)
  })

  test('that breaks off fails whoever reads it', async () => {
    const failed = deferred<unknown>()
    const { port } = await open(async (request) => {
      await new Response(request.body).arrayBuffer().catch(failed.resolve)
      return new Response('x')
    })
    const { socket } = await rawConnection(port)
    socket.write('POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nabc')
    await untilQuiet(() => 0)
    socket.destroy()
    expect(await failed.promise).toBeInstanceOf(Error)
  })

  test('that its reader gives up is taken to its end, so that the answer is heard', async () => {
    const { url } = await open(async (request) => {
      const reader = (request.body as ReadableStream<Uint8Array>).getReader()
      await reader.read()
      await reader.cancel()
      return new Response('enough')
    })
    expect(await (await fetch(url, { method: 'POST', body: new Uint8Array(8 * MEBIBYTE) })).text()).toBe('enough')
  })
})

/** A stream of pieces, each of which is asked for. */
function streamOf(pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = (async function* () {
    yield* pieces
  })()
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const { done, value } = await iterator.next()
    if (done === true) controller.close()
    else controller.enqueue(value)
  }
  return new ReadableStream({ pull }, { highWaterMark: 0 })
}

describe('an answer', () => {
  /** A body without an end, and how much of it was asked for. */
  function endless() {
    let bytes = 0
    const cancelled = deferred()
    let fail = (): void => undefined
    const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      fail = () => controller.error(new Error('nobody takes it'))
    }
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      bytes += 64 * 1024
      controller.enqueue(new Uint8Array(64 * 1024))
    }
    const body = new ReadableStream({ start, pull, cancel: () => cancelled.resolve() }, { highWaterMark: 0 })
    return { body, asked: () => bytes, cancelled: cancelled.promise, fail: () => fail() }
  }

  test('is asked for no further than its reader takes it, and given up when the reader goes', async () => {
    const { body, asked, cancelled } = endless()
    const { port } = await open(async () => new Response(body))
    const { socket } = await rawConnection(port)
    socket.pause()
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const first = await untilQuiet(asked)
    // What the sockets of both sides hold comes on top of what waits here.
    expect(first).toBeLessThan(16 * MEBIBYTE)
    expect(await untilQuiet(asked)).toBe(first)
    socket.destroy()
    await cancelled
  })

  test('that fails while its reader takes nothing closes the connection', async () => {
    const { body, asked, fail } = endless()
    const closed = deferred()
    const { port } = await open(async ({ signal }) => {
      signal.addEventListener('abort', () => closed.resolve())
      return new Response(body)
    })
    const { socket } = await rawConnection(port)
    socket.pause()
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    expect(await untilQuiet(asked)).toBeGreaterThan(0)
    fail()
    await closed.promise
    socket.destroy()
  })

  test('whose pieces are all there leaves with its length, whatever they are', async () => {
    const pieces = [1, 0, 300_000, 5].map((length, i) => new Uint8Array(length).fill(i))
    const { url } = await open(async () => new Response(streamOf(pieces)))
    const response = await fetch(url)
    expect([response.headers.get('content-length'), response.headers.get('transfer-encoding')]).toEqual(['300006', null])
    expect(Buffer.compare(new Uint8Array(await response.arrayBuffer()), Buffer.concat(pieces))).toBe(0)
  })

  test.each([
    ['is larger than what may wait', [new Uint8Array(400_000), new Uint8Array(400_000)]],
    [
      'is not there yet',
      (async function* () {
        yield new Uint8Array(10)
        await new Promise((resolve) => setImmediate(resolve))
        yield new Uint8Array(799_990)
      })(),
    ],
  ])('that %s leaves piece by piece', async (_, pieces) => {
    const { url } = await open(async () => new Response(streamOf(pieces)))
    const response = await fetch(url)
    expect([response.headers.get('content-length'), response.headers.get('transfer-encoding')]).toEqual([null, 'chunked'])
    expect((await response.arrayBuffer()).byteLength).toBe(800_000)
  })

  test('begins before its first piece is there', async () => {
    const { url } = await open(async () => new Response(new ReadableStream({ pull: () => new Promise(() => undefined) })))
    const abort = new AbortController()
    const response = await fetch(url, { signal: abort.signal })
    expect(response.status).toBe(200)
    abort.abort()
  })

  test('that fails on its way ends torn', async () => {
    let pulls = 0
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      if (pulls++ === 0) controller.enqueue(new Uint8Array(10))
      else controller.error(new Error('the store is gone'))
    }
    const { url } = await open(async () => new Response(new ReadableStream({ pull }, { highWaterMark: 0 })))
    await expect(fetch(url).then((response) => response.arrayBuffer())).rejects.toThrow(TypeError)
  })

  test('keeps its status and headers, cookies each for itself', async () => {
    const headers = [
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-told', 'c'],
    ] as const
    const { url } = await open(async () => new Response('made', { status: 201, headers: headers.map((pair) => [...pair]) }))
    const response = await fetch(url)
    expect([response.status, response.headers.getSetCookie(), response.headers.get('x-told')]).toEqual([201, ['a=1', 'b=2'], 'c'])
  })

  describe('that cannot be sent is 500, and harms nobody else', () => {
    // A control character: the web's headers take it, those of Node do not.
    const headers = { 'x-strange': 'a\u0001b' }
    const used = async (): Promise<Response> => {
      const response = new Response('used up')
      await response.text()
      return response
    }
    const endless = (): ReadableStream<Uint8Array> =>
      new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1024)) }, { highWaterMark: 0 })
    const late = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        pull: async (controller) => {
          await new Promise((resolve) => setImmediate(resolve))
          controller.enqueue(new Uint8Array(1024))
        },
      })
    // Its first piece has been read, and not been looked at yet, when the head turns out to be none.
    const justThere = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        start: (controller) => {
          queueMicrotask(() => process.nextTick(() => controller.enqueue(new Uint8Array(1024))))
        },
      })
    const cases: readonly (readonly [string, () => Promise<Response> | Response])[] = [
      ['a header, without a body', () => new Response(null, { headers })],
      ['a header, with a body that is there', () => new Response('whole', { headers })],
      ['a header, with a body that is late', () => new Response(late(), { headers })],
      ['a header, with a body that has just come', () => new Response(justThere(), { headers })],
      ['a header, with a body that never ends', () => new Response(endless(), { headers })],
      ['a body that has been read', used],
      ['no answer at all', () => undefined as unknown as Response],
    ]

    test.each(cases)('%s', async (_name, answer) => {
      const broken: unknown[] = []
      const note = (error: unknown): void => void broken.push(error)
      process.on('uncaughtExceptionMonitor', note)
      closing.push(() => process.off('uncaughtExceptionMonitor', note))
      const { url } = await open(async (request) => (request.url.endsWith('/fine') ? new Response('fine') : answer()))
      expect((await fetch(url)).status).toBe(500)
      expect(await (await fetch(`${url}fine`)).text()).toBe('fine')
      await untilQuiet(() => broken.length)
      expect(broken).toEqual([])
    })
  })

  test('that cannot be sent and is not its turn yet, on a connection that asks for several at once, waits as 500', async () => {
    const slow = deferred()
    let tries = 0
    const { port } = await open(async (request) => {
      if (request.url.endsWith('/slow')) {
        await slow.promise
        return new Response('slow')
      }
      const body = new ReadableStream({
        start: (controller) => {
          queueMicrotask(() => process.nextTick(() => controller.enqueue(new Uint8Array(1024))))
        },
      })
      tries += 1
      return new Response(body, { headers: { 'x-strange': 'a\u0001b' } })
    })
    const { socket, received, ended } = await rawConnection(port)
    const head = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: example.com\r\n`
    socket.write(`${head('/slow')}\r\n${head('/strange')}connection: close\r\n\r\n`)
    await untilQuiet(() => tries)
    slow.resolve()
    await ended
    expect(received().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 500'])
  })

  test('that cannot be sent is not read any further', async () => {
    const cancelled = deferred()
    const { url } = await open(async () => {
      const body = new ReadableStream({ pull: () => new Promise(() => undefined), cancel: () => cancelled.resolve() })
      return new Response(body, { headers: { 'x-strange': 'a\u0001b' } })
    })
    expect((await fetch(url)).status).toBe(500)
    await cancelled.promise
  })

  test('of a handler that fails is 500, and tells nothing', async () => {
    const { url } = await open(async () => {
      throw new Error('secret')
    })
    const response = await fetch(url)
    expect([response.status, await response.text()]).toEqual([500, ''])
  })
})
