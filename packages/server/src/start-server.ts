import type { MetastoreMetrics } from '@graft-ts/metastore'
import type { PagestoreMetrics } from '@graft-ts/pagestore'
import { allowEverybody, withCors } from '@graft-ts/protocol'
import { safeLog } from '@graft-ts/protocol/service'
import { deadline, limited, type ObjectStore } from '@graft-ts/storage-adapters'
import { systemTimers, type Timers } from '@graft-ts/volume'
import { ServerError } from './errors.ts'
import type { ServerLog } from './events.ts'
import { createFront } from './http/front.ts'
import { Listener } from './http/listener.ts'
import { isLoopback, urlHost } from './http/loopback.ts'
import { Readiness } from './http/readiness.ts'
import { checkPort, type ProcessLimits, processLimits, type ServerOptions } from './options.ts'
import { probeStores } from './probe-stores.ts'
import { openServices, type Services } from './services.ts'

const READY_ANSWER_AGE_MS_MAX = 1000

/** A server that is listening. */
export interface GraftServer {
  /** Address for clients, without a slash at the end. */
  readonly url: string
  readonly port: number
  /** Counters of the stores that this process serves. */
  readonly metrics: () => { readonly meta: MetastoreMetrics | undefined; readonly pages: PagestoreMetrics | undefined }
  /**
   * Stops: `/readyz` says no, nothing new is accepted, requests under way are finished or, at the deadline, cut off, and
   * every page that a write was told to be durable is. Writes that nobody was told about are waited for, up to a deadline of
   * their own. May be called again; all calls settle together.
   */
  readonly close: () => Promise<void>
}

/**
 * Starts a server for one or both stores over plain HTTP/1.1.
 *
 * @throws {@link ServerError} if it cannot listen there or the options make no sense; what the stores throw about theirs:
 * `OPTIONS_INVALID` without an `authorize`; `StoreError` `STORE_UNSUPPORTED` if an object store does not keep its conditions.
 */
export async function startServer(options: ServerOptions): Promise<GraftServer> {
  const host = options.host ?? '127.0.0.1'
  const isLoopbackOnly = isLoopback(host)
  if (!isLoopbackOnly && options.allowRemote !== true) {
    throw new ServerError(
      'HOST_NOT_LOOPBACK',
      `other machines could reach this address, and that was not asked for, host=${host}`,
    )
  }
  const port = checkPort(options.port)
  const limits = processLimits(options.limits)
  const log = safeLog(options.log)
  const { timers = systemTimers, nowMs = Date.now } = options
  const bounded = { ...options, stores: boundedStores(options.stores, limits, timers) }
  const services = openServices(bounded, log)
  const stores = [...new Set([options.stores.commits, options.stores.segments])]
  const readiness = new Readiness({
    stores,
    nowMs,
    timers,
    timeoutMs: limits.readyMsMax,
    answerAgeMsMax: READY_ANSWER_AGE_MS_MAX,
  })
  const { metastore, pagestore } = services
  const front = createFront({ meta: metastore?.handler, pages: pagestore?.handler, readiness, isLoopbackOnly, nowMs, log })
  const handle = options.cors === undefined ? front : withCors(front, options.cors)
  const listening = { handle, host, port, connectionsMax: limits.connectionsMax, timers }
  const listener = await orClose(services, async () => {
    await probeStores(bounded)
    return await Listener.open(listening)
  })
  const url = `http://${urlHost(host)}:${listener.port}`
  log({ type: 'listening', url })
  if (options.authorize === allowEverybody) log({ type: 'open-to-everybody', url, isLoopbackOnly })
  return {
    url,
    port: listener.port,
    metrics: () => ({ meta: metastore?.metrics(), pages: pagestore?.metrics() }),
    close: once(() => stop({ listener, readiness, services, limits, timers, log })),
  }
}

/**
 * A store that never answers would hold every request, and everybody who waits for the same record, for ever; and one that
 * gets a thousand calls at once answers many of them too late. The time counts from a call's turn.
 */
function boundedStores(
  { segments, commits }: ServerOptions['stores'],
  limits: ProcessLimits,
  timers: Timers,
): ServerOptions['stores'] {
  const timed = (store: ObjectStore): ObjectStore => deadline(store, { ms: limits.storeMsMax, timers })
  const boundedSegments = limited(timed(segments), { inFlightMax: limits.storeCallsMax })
  // One store stays one.
  if (commits === segments) return { segments: boundedSegments, commits: boundedSegments }
  return { segments: boundedSegments, commits: limited(timed(commits), { sharedWith: boundedSegments }) }
}

/** Lets nothing of a start that fails live on. */
async function orClose(services: Services, start: () => Promise<Listener>): Promise<Listener> {
  try {
    return await start()
  } catch (error) {
    await closeServices(services)
    throw error
  }
}

async function closeServices({ metastore, pagestore }: Services, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
  await pagestore?.close(options)
  await metastore?.close()
}

async function stop(running: {
  readonly listener: Listener
  readonly readiness: Readiness
  readonly services: Services
  readonly limits: ProcessLimits
  readonly timers: Timers
  readonly log: ServerLog
}): Promise<void> {
  const { listener, readiness, services, limits, timers, log } = running
  log({ type: 'stopping', requestsInFlight: listener.requestsInFlight })
  readiness.drain()
  // Watches have no end of their own: left alone they would hold up every stop until its deadline.
  const metaClosed = services.metastore?.close()
  const requestsCutOff = await listener.close(limits.drainMsMax)
  // Writes that were cut off may still be uploading; a segment that nobody refers to does no harm, half a process does.
  const giveUp = new AbortController()
  const closed = Promise.all([metaClosed, closeServices(services, { signal: giveUp.signal })])
  const isSettled = await settlesWithin(closed, limits.settleMsMax, timers)
  // No upload is tried again in a process that has said that it has stopped.
  if (!isSettled) giveUp.abort()
  log({ type: 'stopped', requestsCutOff, isSettled })
}

/** Waits for work, or for the time to be over; work that goes on after that is left to itself. */
async function settlesWithin(work: Promise<unknown>, ms: number, timers: Timers): Promise<boolean> {
  let cancel = (): void => undefined
  const tooLate = new Promise<false>((resolve) => {
    cancel = timers.start(() => resolve(false), ms)
  })
  try {
    return await Promise.race([work.then(() => true), tooLate])
  } finally {
    cancel()
  }
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => (running ??= run())
}
