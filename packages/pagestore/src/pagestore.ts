import type { ConnectRouter } from '@connectrpc/connect'
import { toFetchHandler, withCors } from '@graft-ts/protocol'
import type { PagestoreMetrics } from './metrics.ts'
import type { PagestoreOptions } from './options.ts'
import { PagestoreServer } from './service.ts'

/** A page store: functions to be mounted somewhere. */
export interface Pagestore {
  /** Adds the page service to a Connect router. */
  readonly routes: (router: ConnectRouter) => void
  /** Answers one HTTP request. */
  readonly handler: (request: Request) => Promise<Response>
  /** A copy of the counters. */
  readonly metrics: () => PagestoreMetrics
  /**
   * Refuses new requests, uploads what has gathered, and settles when every accepted write has been answered. Reads that
   * are running go on; they change nothing.
   *
   * @param options.signal A deadline: when it fires, uploads are given up and the writes that are left fail with
   * `PAGESTORE_CLOSED`. Default: none.
   */
  readonly close: (options?: { readonly signal?: AbortSignal }) => Promise<void>
}

/**
 * Makes a page store.
 *
 * @throws `PagestoreError` `PAGESTORE_OPTIONS` if the limits or the policy make no sense, `PAGESTORE_CREATE` if the
 * segment store cannot create objects if absent; `ProtocolError` `OPTIONS_INVALID` without an `authorize`.
 */
export function createPagestore(options: PagestoreOptions): Pagestore {
  const server = new PagestoreServer(options)
  const routes = (router: ConnectRouter): void => server.mount(router)
  const plain = toFetchHandler(routes, server.handlerOptions)
  const handler = options.cors === undefined ? plain : withCors(plain, options.cors)
  return { routes, handler, metrics: () => server.metrics(), close: (closing) => server.close(closing) }
}

/** {@link createPagestore} for those who only need to answer requests. */
export function createPagestoreHandler(options: PagestoreOptions): (request: Request) => Promise<Response> {
  return createPagestore(options).handler
}
