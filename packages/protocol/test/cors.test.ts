import { createClient } from '@connectrpc/connect'
import { describe, expect, test, vi } from 'vitest'
import { type CorsOptions, MetaService, snapshotToWire, withCors } from '../src/index.ts'
import { SNAPSHOT } from './samples.ts'
import { handlerOf, overHttp } from './stand-ins.ts'

const APP = 'https://app.example'
const URL_OF_PULL = 'http://graft.test/graft.v1.MetaService/Pull'

function open(options: CorsOptions) {
  const pull = vi.fn<() => object>(() => ({ snapshot: snapshotToWire(SNAPSHOT) }))
  const handler = withCors(handlerOf({ meta: { pull } }), options)
  const preflight = (origin: string) =>
    handler(
      new Request(URL_OF_PULL, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,connect-protocol-version,content-type',
        },
      }),
    )
  return { handler, pull, preflight }
}

const corsHeaders = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control') || name === 'vary'))

describe('a preflight', () => {
  test('of a page that may call', async () => {
    const { preflight, pull } = open({ origins: [APP], maxAgeSeconds: 60 })
    const response = await preflight(APP)
    expect(response.status).toBe(204)
    expect(corsHeaders(response)).toEqual({
      'access-control-allow-origin': APP,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers':
        'authorization, connect-protocol-version, connect-timeout-ms, content-type, traceparent, tracestate',
      'access-control-max-age': '60',
      vary: 'origin',
    })
    expect(pull).not.toHaveBeenCalled()
  })

  test.each(['https://evil.example', 'https://app.example.evil.example', 'http://app.example', 'null'])(
    'of one that may not: %s',
    async (origin) => {
      expect(corsHeaders(await open({ origins: [APP] }).preflight(origin))).toEqual({ vary: 'origin' })
    },
  )

  test('whom a list or a function lets in', async () => {
    const allowed = async (options: CorsOptions, origin: string) =>
      (await open(options).preflight(origin)).headers.get('access-control-allow-origin')
    expect(await allowed({ origins: ['*'] }, APP)).toBe(APP)
    expect(await allowed({ origins: [] }, APP)).toBeNull()
    const tenants: CorsOptions = { origins: (origin) => origin.endsWith('.app.example') }
    expect(await allowed(tenants, 'https://a.app.example')).toBe('https://a.app.example')
    expect(await allowed(tenants, APP)).toBeNull()
  })
})

describe('a call', () => {
  test('of a page that may: our client works through it, and may read what the server asks it to wait', async () => {
    const { handler } = open({ origins: [APP] })
    const answers: Response[] = []
    const transport = overHttp(async (request) => {
      const headers = new Headers(request.headers)
      headers.set('origin', APP)
      const response = await handler(new Request(request, { headers }))
      answers.push(response)
      return response
    })
    const { snapshot } = await createClient(MetaService, transport.meta).pull({})
    expect(snapshot).toEqual(snapshotToWire(SNAPSHOT))
    expect(corsHeaders(answers[0] as Response)).toEqual({
      'access-control-allow-origin': APP,
      'access-control-expose-headers': 'retry-after',
      vary: 'origin',
    })
  })

  test('of others is answered as ever, without a word to their browser', async () => {
    const { handler } = open({ origins: [APP] })
    for (const headers of [{}, { origin: 'https://evil.example' }]) {
      const request = new Request(URL_OF_PULL, { method: 'POST', headers: { 'content-type': 'application/proto', ...headers } })
      const response = await handler(request)
      expect([response.status, corsHeaders(response)]).toEqual([200, { vary: 'origin' }])
    }
  })

  test('errors can be read, too', async () => {
    const { handler } = open({ origins: [APP] })
    const response = await handler(new Request('http://graft.test/nothing', { method: 'POST', headers: { origin: APP } }))
    expect([response.status, corsHeaders(response)['access-control-allow-origin']]).toEqual([404, APP])
  })

  test('OPTIONS that are no preflight are no call', async () => {
    const { handler } = open({ origins: [APP] })
    expect((await handler(new Request(URL_OF_PULL, { method: 'OPTIONS', headers: { origin: APP } }))).status).toBe(405)
  })
})
