import {
  type Attributes,
  type Context,
  context,
  type Meter,
  metrics,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { MetaMethod } from './events.ts'
import type { MetastoreMetrics } from './metrics.ts'

/** Where spans and metrics go. */
export interface MetastoreTelemetry {
  /** Default: the one that the process has registered with OpenTelemetry, or none. */
  readonly tracer?: Tracer
  /** Default: the one that the process has registered with OpenTelemetry, or none. */
  readonly meter?: Meter
  /** Requests that the object store has been asked so far, by name of the call: `counts` of a `metered` store, for example. */
  readonly storeRequests?: () => Readonly<Record<string, number>>
}

/** One call as telemetry sees it. */
export interface ObservedCall {
  /** The context of its span; what it calls belongs there. */
  readonly context: Context
  /** Notes what it is about. */
  readonly describe: (attributes: Attributes) => void
  /** Ends it. `error`: what it was answered with. */
  readonly end: (error?: { readonly kind: string; readonly code: string }) => void
}

const NAME = '@graft-ts/metastore'
const SERVICE = 'graft.v1.MetaService'
const MS_PER_SECOND = 1000

/** Names that other systems read; the README lists them. */
const METRIC = {
  duration: 'graft.metastore.request.duration',
  outcomes: 'graft.metastore.commits',
  storeRequests: 'graft.metastore.store.requests',
  cache: 'graft.metastore.cache.size',
  watches: 'graft.metastore.watches',
  watchedVolumes: 'graft.metastore.watched_volumes',
  inFlight: 'graft.metastore.commits.in_flight',
} as const

const headerGetter = {
  keys: (headers: Headers): string[] => [...headers.keys()],
  get: (headers: Headers, key: string): string | undefined => headers.get(key) ?? undefined,
}

/** Spans and metrics of a meta store; they cost next to nothing while nobody has asked for them. */
export class Telemetry {
  readonly #tracer: Tracer
  readonly #meter: Meter
  readonly #nowMs: () => number
  readonly #duration
  readonly #outcomes
  #stopObserving: () => void = () => undefined

  constructor(options: MetastoreTelemetry, nowMs: () => number) {
    this.#tracer = options.tracer ?? trace.getTracer(NAME)
    this.#meter = options.meter ?? metrics.getMeter(NAME)
    this.#nowMs = nowMs
    this.#duration = this.#meter.createHistogram(METRIC.duration, { unit: 's', description: 'time from a request to its end' })
    this.#outcomes = this.#meter.createCounter(METRIC.outcomes, { unit: '{commit}', description: 'commits, by outcome' })
  }

  /** Notes a commit that was decided. */
  commitDecided(outcome: 'accepted' | 'conflicted'): void {
    this.#outcomes.add(1, { outcome })
  }

  /** Begins a call, as part of what its caller's headers name. */
  begin(method: MetaMethod, headers: Headers): ObservedCall {
    const startMs = this.#nowMs()
    const rpcMethod = `${method[0]?.toUpperCase()}${method.slice(1)}`
    const attributes = { 'rpc.system': 'connect_rpc', 'rpc.service': SERVICE, 'rpc.method': rpcMethod }
    const parent = propagation.extract(context.active(), headers, headerGetter)
    const span = this.#tracer.startSpan(`${SERVICE}/${rpcMethod}`, { kind: SpanKind.SERVER, attributes }, parent)
    return {
      context: trace.setSpan(parent, span),
      describe: (more) => void span.setAttributes(more),
      end: (error) => {
        endSpan(span, error)
        const outcome = error === undefined ? {} : { 'error.type': error.code }
        // A stream lasts as long as its reader likes.
        this.#duration.record((this.#nowMs() - startMs) / MS_PER_SECOND, { 'rpc.method': rpcMethod, ...outcome })
      },
    }
  }

  /** Reports sizes whenever they are collected, until {@link stop}. */
  observe(look: () => MetastoreMetrics, storeRequests: MetastoreTelemetry['storeRequests']): void {
    const meter = this.#meter
    const cache = meter.createObservableGauge(METRIC.cache, { unit: 'By', description: 'commit records in memory' })
    const watches = meter.createObservableGauge(METRIC.watches, { unit: '{watch}', description: 'open watches' })
    const volumes = meter.createObservableGauge(METRIC.watchedVolumes, { unit: '{volume}', description: 'watched volumes' })
    const inFlight = meter.createObservableGauge(METRIC.inFlight, { unit: '{commit}', description: 'commits being decided' })
    const requests = meter.createObservableCounter(METRIC.storeRequests, { unit: '{request}', description: 'store requests' })
    const observables = [cache, watches, volumes, inFlight, requests]
    const report: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
      const now = look()
      result.observe(cache, now.cacheBytesNow)
      result.observe(watches, now.watchesOpenNow)
      result.observe(volumes, now.volumesWatchedNow)
      result.observe(inFlight, now.commitsInFlightNow)
      for (const [operation, count] of Object.entries(storeRequests?.() ?? {})) result.observe(requests, count, { operation })
    }
    meter.addBatchObservableCallback(report, observables)
    this.#stopObserving = () => meter.removeBatchObservableCallback(report, observables)
  }

  /** Reports nothing any more when metrics are collected. */
  stop(): void {
    this.#stopObserving()
  }
}

function endSpan(span: Span, error: { readonly kind: string; readonly code: string } | undefined): void {
  if (error !== undefined) {
    span.setAttributes({ 'error.type': error.code, 'graft.error.kind': error.kind })
    // Only the code: what a thrown error says may be more than a trace should hold.
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.code })
  }
  span.end()
}
