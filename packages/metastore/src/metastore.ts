import type { ConnectRouter } from '@connectrpc/connect'
import { toFetchHandler, withCors } from '@graft-ts/protocol'
import type { MetastoreMetrics } from './metrics.ts'
import type { MetastoreOptions } from './options.ts'
import { MetastoreServer } from './service.ts'

/** A meta store: functions to be mounted somewhere. */
export interface Metastore {
  /**
   * Adds the meta service to a Connect router. What a stranger may send before anybody is asked is then that router's
   * affair: neither `admit` nor `requestsMax` counts there, and bodies are as large and have as many fields as it allows.
   * The limits of what a message holds, and those of principals, count.
   */
  readonly routes: (router: ConnectRouter) => void
  /** Answers one HTTP request. */
  readonly handler: (request: Request) => Promise<Response>
  /** A copy of the counters. */
  readonly metrics: () => MetastoreMetrics
  /**
   * Refuses new requests and ends watches with `METASTORE_CLOSED`, and settles when every commit that was let in has been
   * decided. Pulls and histories that are running go on; they change nothing.
   */
  readonly close: () => Promise<void>
}

/**
 * Makes a meta store. It keeps nothing that matters: any number of them may serve the same volumes.
 *
 * @throws `MetastoreError` `METASTORE_OPTIONS` if the limits make no sense; `ProtocolError` `OPTIONS_INVALID` without an
 * `authorize`.
 */
export function createMetastore(options: MetastoreOptions): Metastore {
  const server = new MetastoreServer(options)
  const routes = (router: ConnectRouter): void => server.mount(router)
  const plain = toFetchHandler(routes, server.handlerOptions)
  const handler = options.cors === undefined ? plain : withCors(plain, options.cors)
  return { routes, handler, metrics: () => server.metrics(), close: () => server.close() }
}

/** {@link createMetastore} for those who only need to answer requests. */
export function createMetastoreHandler(options: MetastoreOptions): (request: Request) => Promise<Response> {
  return createMetastore(options).handler
}
