import { systemTimers, type Timers } from '@graft-ts/volume'
import { afterEach, describe, expect, test } from 'vitest'
import { Listener } from '../../src/http/listener.ts'
import { deferred, ManualTimers } from './controlled.ts'
import { rawConnection } from './raw-connection.ts'

// Before any listener was opened.
const ownGlobals = [globalThis.Request, globalThis.Response]
const listeners: Listener[] = []

afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close(0)))
})

async function open(handle: (request: Request) => Promise<Response>, timers: Timers = systemTimers, port = 0) {
  const listener = await Listener.open({ handle, host: '127.0.0.1', port, connectionsMax: 100, timers })
  listeners.push(listener)
  return { listener, url: `http://127.0.0.1:${listener.port}/` }
}

describe('a graceful stop', () => {
  test('finishes the request under way, refuses new connections, then lets go of the port', async () => {
    const started = deferred()
    const answer = deferred<Response>()
    const { listener, url } = await open(() => {
      started.resolve()
      return answer.promise
    })
    const response = fetch(url)
    await started.promise
    const closed = listener.close(60_000)
    await expect(fetch(url)).rejects.toThrow('fetch failed')
    expect(listener.requestsInFlight).toBe(1)
    answer.resolve(new Response('finished'))
    expect(await (await response).text()).toBe('finished')
    expect(await closed).toBe(0)
    await open(async () => new Response('next'), systemTimers, listener.port)
  })

  test('waits for the last byte of a stream', async () => {
    const parts = new TransformStream<Uint8Array, Uint8Array>()
    const writer = parts.writable.getWriter()
    const { listener, url } = await open(async () => new Response(parts.readable))
    const response = fetch(url)
    await writer.write(new TextEncoder().encode('first '))
    const { body } = await response
    const closed = listener.close(60_000)
    await writer.write(new TextEncoder().encode('last'))
    await writer.close()
    expect(await new Response(body).text()).toBe('first last')
    expect(await closed).toBe(0)
  })

  test('at the deadline cuts off what still runs, and its signal fires', async () => {
    const timers = new ManualTimers()
    const started = deferred()
    const aborted = deferred()
    const { listener, url } = await open((request) => {
      request.signal.addEventListener('abort', () => aborted.resolve())
      started.resolve()
      return new Promise(() => undefined)
    }, timers)
    const response = fetch(url)
    response.catch(() => undefined)
    await started.promise
    const closed = listener.close(1000)
    timers.fire(1000)
    expect(await closed).toBe(1)
    await expect(response).rejects.toThrow('fetch failed')
    await aborted.promise
    expect(timers.delays).toEqual([])
  })

  test('a connection that is kept alive does not hold it up', async () => {
    const timers = new ManualTimers()
    const { listener } = await open(async () => new Response('x'), timers)
    const kept = await rawConnection(listener.port)
    kept.socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await new Promise((resolve) => kept.socket.once('data', resolve))
    expect(await listener.close(60_000)).toBe(0)
    await kept.ended
    expect(kept.received()).toContain('200 OK')
  })

  test('a connection that was busy at that moment is closed with its answer', async () => {
    const started = deferred()
    const answer = deferred<Response>()
    const { listener } = await open(() => {
      started.resolve()
      return answer.promise
    }, new ManualTimers())
    const busy = await rawConnection(listener.port)
    busy.socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await started.promise
    const closed = listener.close(60_000)
    answer.resolve(new Response('finished'))
    // No timer fires here: it must not need one.
    expect(await closed).toBe(0)
    await busy.ended
    expect(busy.received()).toContain('finished')
  })

  test('a connection that never sent anything holds it up for a moment only', async () => {
    const timers = new ManualTimers()
    const { listener } = await open(async () => new Response('x'), timers)
    const silent = await rawConnection(listener.port)
    const closed = listener.close(60_000)
    timers.fire(1000)
    expect(await closed).toBe(0)
    await silent.ended
  })
})

describe('requests', () => {
  test('the signal fires when the client goes away', async () => {
    const started = deferred()
    const aborted = deferred()
    const { url } = await open((request) => {
      request.signal.addEventListener('abort', () => aborted.resolve())
      started.resolve()
      return new Promise(() => undefined)
    })
    const abort = new AbortController()
    const response = fetch(url, { method: 'POST', body: 'x', signal: abort.signal })
    response.catch(() => undefined)
    await started.promise
    abort.abort()
    await aborted.promise
    await expect(response).rejects.toThrow('aborted')
  })

  test('an answer that comes before the body was read reaches the client, who is still sending', async () => {
    const { url } = await open(async () => new Response('too much', { status: 413 }))
    const response = await fetch(url, { method: 'POST', body: new Uint8Array(16 * 2 ** 20) })
    expect([response.status, await response.text()]).toEqual([413, 'too much'])
  })

  test('the process keeps its own Request and Response', async () => {
    await open(async () => new Response('x'))
    expect(globalThis.Request).toBe(ownGlobals[0])
    expect(globalThis.Response).toBe(ownGlobals[1])
  })
})

describe('a socket that cannot be had', () => {
  test('a port in use', async () => {
    const { listener } = await open(async () => new Response('x'))
    await expect(open(async () => new Response('y'), systemTimers, listener.port)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`port=${listener.port}`),
    })
  })

  test('a host that is not of this machine', async () => {
    const listening = Listener.open({
      handle: async () => new Response('x'),
      host: '192.0.2.1',
      port: 0,
      connectionsMax: 1,
      timers: systemTimers,
    })
    await expect(listening).rejects.toMatchObject({ kind: 'invalid', code: 'HOST_UNKNOWN' })
  })
})
