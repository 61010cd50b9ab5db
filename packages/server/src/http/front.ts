import { MetaService, PageService } from '@graft-ts/protocol'
import type { ServerLog } from '../events.ts'
import { isLoopback } from './loopback.ts'
import type { Readiness } from './readiness.ts'

/** Answers one request. */
export type Handler = (request: Request) => Promise<Response>

/** What is behind the front. */
export interface FrontOptions {
  /** Absent: this server does not hold that store. */
  readonly meta: Handler | undefined
  readonly pages: Handler | undefined
  readonly readiness: Readiness
  /** Refuses requests whose Host header names something other than this machine. */
  readonly isLoopbackOnly: boolean
  readonly nowMs: () => number
  readonly log: ServerLog
}

/**
 * Sends each request to the store that it is for, and answers `/healthz` and `/readyz` itself. Never rejects.
 *
 * A page of the web can make a browser on this machine send requests to loopback under a name of its own (DNS
 * rebinding), which nothing else here would keep out. So a server for loopback only answers to loopback's names.
 */
export function createFront(options: FrontOptions): Handler {
  const { readiness, nowMs, log } = options
  return async (request) => {
    const startedMs = nowMs()
    const { pathname, hostname } = new URL(request.url)
    const response =
      options.isLoopbackOnly && !isLoopback(hostname)
        ? plain(421, 'this server answers to loopback names only')
        : await answer(request, pathname, options)
    // Whoever is being kept alive should come back to another server.
    if (readiness.isDraining) response.headers.set('connection', 'close')
    log({ type: 'request', method: request.method, path: pathname, status: response.status, durationMs: nowMs() - startedMs })
    return response
  }
}

async function answer(request: Request, pathname: string, options: FrontOptions): Promise<Response> {
  try {
    if (pathname === '/healthz') return await probe(request, async () => json(200, { service: 'graft-ts', status: 'ok' }))
    if (pathname === '/readyz') return await probe(request, () => readyz(options.readiness))
    const handler = handlerOf(pathname, options)
    return handler === undefined ? plain(404, 'not found') : await handler(request)
  } catch (error) {
    options.log({ type: 'request-broken', path: pathname, error })
    return plain(500, 'internal error')
  }
}

function handlerOf(pathname: string, options: FrontOptions): Handler | undefined {
  if (pathname.startsWith(`/${MetaService.typeName}/`)) return options.meta
  if (pathname.startsWith(`/${PageService.typeName}/`)) return options.pages
  return undefined
}

async function probe(request: Request, run: () => Promise<Response>): Promise<Response> {
  if (request.method === 'GET') return run()
  if (request.method !== 'HEAD') return plain(405, 'method not allowed', { allow: 'GET, HEAD' })
  const { status, headers } = await run()
  return new Response(null, { status, headers })
}

async function readyz(readiness: Readiness): Promise<Response> {
  const answer = await readiness.check()
  if (answer.isReady) return json(200, { service: 'graft-ts', status: 'ready' })
  return json(503, { service: 'graft-ts', status: 'not-ready', reason: answer.reason })
}

function json(status: number, body: unknown): Response {
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers } })
}
