// Both stores as one `Request -> Response` function: what every host mounts, unchanged.
import { createCommitLogs } from '@graft-ts/commit-log'
import { createMetastore } from '@graft-ts/metastore'
import { createPagestore } from '@graft-ts/pagestore'
import { hmacRefSigner, MetaService, PageService, RemoteError, withCors } from '@graft-ts/protocol'
import { jwtAuthorize } from '@graft-ts/protocol/jwt'

/** Where hosts tell the counters of the meta store. */
export const METRICS = '/metrics'
/** An origin whose pages may call. */
export const ORIGIN = 'https://app.example'
/** Who sends this header is turned away before the body is read. */
export const REFUSED = 'x-refused'
/** How long a body may take: short, so that a test can wait for the end of it. */
export const BODY_MS_MAX = 3000
// Short, so that tests hear a heartbeat soon.
const WATCH = { heartbeatMs: 100, probeMs: 100, probeMsMax: 100 }

/**
 * Opens both stores over an object store.
 *
 * @param settings.origins Further origins whose pages may call.
 * @param memory.cacheBytesMax For records, and again for frames.
 * @param memory.limits Of the page store.
 */
export function openStores(
  store,
  { issuer, audience, publicKey, refSecret, origins = [] },
  { cacheBytesMax = 64 * 2 ** 20, limits = {} } = {},
) {
  const refs = hmacRefSigner({ keys: [{ id: 'first', secret: Uint8Array.from(refSecret) }], nowMs: Date.now })
  const authorize = jwtAuthorize({ audience, issuers: [{ issuer, keys: [publicKey] }] })
  const shared = { logs: createCommitLogs({ store, cacheBytesMax }), authorize, refs }
  const cors = { origins: [ORIGIN, ...origins] }
  const metastore = createMetastore({ ...shared, watch: WATCH, cors })
  const pagestore = createPagestore({
    ...shared,
    segments: store,
    commits: store,
    cacheBytesMax,
    limits: { ...limits, bodyMsMax: BODY_MS_MAX },
    admit({ headers }) {
      if (headers.has(REFUSED)) throw new RemoteError('exhausted', 'RATE_LIMITED', 'too often', { retryAfterMs: 7 })
    },
  })
  const pagesHandler = withCors(pagestore.handler, cors)
  const metricsHandler = withCors(async () => Response.json(metastore.metrics()), cors)
  return {
    async handle(request) {
      const { pathname } = new URL(request.url)
      if (pathname.startsWith(`/${MetaService.typeName}/`)) return metastore.handler(request)
      if (pathname.startsWith(`/${PageService.typeName}/`)) return pagesHandler(request)
      return pathname === METRICS ? metricsHandler(request) : new Response('not found', { status: 404 })
    },
    metrics: () => metastore.metrics(),
    async close() {
      await Promise.all([metastore.close(), pagestore.close()])
    },
  }
}
