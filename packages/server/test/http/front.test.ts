import { StoreError } from '@graft-ts/storage-adapters'
import { describe, expect, test } from 'vitest'
import type { ServerEvent } from '../../src/events.ts'
import { createFront, type FrontOptions } from '../../src/http/front.ts'
import { Readiness } from '../../src/http/readiness.ts'
import { ManualTimers } from './controlled.ts'
import { storeWithHead } from './stores.ts'

function open(options: Partial<FrontOptions> & { head?: () => Promise<undefined> } = {}) {
  const events: ServerEvent[] = []
  const readiness = new Readiness({
    stores: [storeWithHead(options.head ?? (async () => undefined))],
    nowMs: () => 0,
    timers: new ManualTimers(),
    timeoutMs: 2000,
    answerAgeMsMax: 1000,
  })
  const front = createFront({
    meta: async () => new Response('meta'),
    pages: async () => new Response('pages'),
    readiness,
    isLoopbackOnly: true,
    nowMs: () => 0,
    log: (event) => void events.push(event),
    ...options,
  })
  const get = (path: string, init?: RequestInit) => front(new Request(`http://127.0.0.1:80${path}`, init))
  return { front, readiness, events, get }
}

describe('where a request goes', () => {
  test('to the store that it is for', async () => {
    const { get } = open()
    expect(await (await get('/graft.v1.MetaService/Pull', { method: 'POST' })).text()).toBe('meta')
    expect(await (await get('/graft.v1.PageService/ReadPages', { method: 'POST' })).text()).toBe('pages')
  })

  test('nowhere if this server does not hold that store, or there is no such path', async () => {
    const { get } = open({ pages: undefined })
    expect((await get('/graft.v1.PageService/ReadPages', { method: 'POST' })).status).toBe(404)
    expect((await get('/')).status).toBe(404)
    expect((await get('/healthz/more')).status).toBe(404)
  })

  test('a handler that throws is a bare 500, and the log has the error', async () => {
    const secret = new Error('a secret')
    const { get, events } = open({ meta: () => Promise.reject(secret) })
    const response = await get('/graft.v1.MetaService/Pull', { method: 'POST' })
    expect([response.status, await response.text()]).toEqual([500, 'internal error'])
    expect(events).toContainEqual({ type: 'request-broken', path: '/graft.v1.MetaService/Pull', error: secret })
  })

  test('each request is logged, with its status and without its query', async () => {
    const { get, events } = open()
    await get('/nowhere?token=secret')
    expect(events).toEqual([{ type: 'request', method: 'GET', path: '/nowhere', status: 404, durationMs: 0 }])
  })
})

describe('health and readiness', () => {
  test('healthz answers while the store does not', async () => {
    const { get } = open({ head: () => Promise.reject(new StoreError('STORE_UNAVAILABLE', 'gone')) })
    const response = await get('/healthz')
    expect([response.status, await response.json()]).toEqual([200, { service: 'graft-ts', status: 'ok' }])
  })

  test('readyz is 200 when the store answers, 503 with the code of its error when it does not', async () => {
    const ready = await open().get('/readyz')
    expect([ready.status, await ready.json()]).toEqual([200, { service: 'graft-ts', status: 'ready' }])
    const unready = await open({ head: () => Promise.reject(new StoreError('STORE_UNAVAILABLE', 'gone')) }).get('/readyz')
    expect([unready.status, await unready.json()]).toEqual([
      503,
      { service: 'graft-ts', status: 'not-ready', reason: 'STORE_UNAVAILABLE' },
    ])
  })

  test('readyz is 503 while draining, healthz is not, and connections are given up', async () => {
    const { get, readiness } = open()
    expect((await get('/readyz')).headers.get('connection')).toBeNull()
    readiness.drain()
    const response = await get('/readyz')
    expect([response.status, response.headers.get('connection')]).toEqual([503, 'close'])
    expect(await response.json()).toMatchObject({ reason: 'DRAINING' })
    expect((await get('/healthz')).status).toBe(200)
  })

  test('they are read only', async () => {
    const { get } = open()
    const head = await get('/readyz', { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    const post = await get('/healthz', { method: 'POST' })
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })
})

describe('names that a loopback server answers to', () => {
  test('loopback names only', async () => {
    const { front } = open()
    for (const host of ['127.0.0.1:80', 'localhost', 'LOCALHOST:1', '[::1]:80', '127.9.8.7']) {
      expect((await front(new Request(`http://${host}/healthz`))).status).toBe(200)
    }
    for (const host of ['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1']) {
      expect((await front(new Request(`http://${host}/healthz`))).status).toBe(421)
    }
  })

  test('any name once it may be reached from elsewhere', async () => {
    const { front } = open({ isLoopbackOnly: false })
    expect((await front(new Request('http://graft.example/healthz'))).status).toBe(200)
  })
})
