import type { DescService } from '@bufbuild/protobuf'
import {
  type Attributes,
  type BatchObservableCallback,
  type Context,
  context,
  type Histogram,
  type Meter,
  metrics,
  type Observable,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { KindAndCode } from './kind-and-code.ts'

/** Where spans and metrics go. */
export interface TelemetrySink {
  /** Default: the one that the process has registered with OpenTelemetry, or none. */
  readonly tracer?: Tracer
  /** Default: the one that the process has registered with OpenTelemetry, or none. */
  readonly meter?: Meter
}

/** Whose calls {@link CallTelemetry} is about. */
export interface CallTelemetryOptions extends TelemetrySink {
  readonly service: DescService
  /** Of the package, such as `@graft-ts/metastore`. */
  readonly name: string
  /** Begins the names of metrics, such as `graft.metastore`. */
  readonly metricPrefix: string
  readonly nowMs: () => number
}

/** Where spans and metrics of a store go, and what it may tell of its object stores. */
export interface StoreTelemetrySink extends TelemetrySink {
  /** Requests that the object stores have been asked so far, by name of the call: `counts` of a `metered` store, for example. */
  readonly storeRequests?: () => Readonly<Record<string, number>>
}

/** A metric that is looked up whenever metrics are collected. */
export interface Instrument<Name extends string> {
  readonly type: 'counter' | 'gauge'
  readonly unit: string
  readonly description: string
  /** Which of the store's metrics it shows, each with what tells it from the others. */
  readonly values: Readonly<Partial<Record<Name, Attributes>>>
}

/** What {@link CallTelemetry.observe} reports. */
export interface ObservedStore<Name extends string> {
  /** By name, without the prefix. */
  readonly instruments: Readonly<Record<string, Instrument<Name>>>
  readonly look: () => Readonly<Record<Name, number>>
  readonly storeRequests: StoreTelemetrySink['storeRequests'] | undefined
}

/** One call as telemetry sees it. */
export interface ObservedCall {
  /** The context of its span; what it calls belongs there. */
  readonly context: Context
  /** Notes what it is about. */
  readonly describe: (attributes: Attributes) => void
  /** Ends it. `error`: what it was answered with. */
  readonly end: (error?: KindAndCode) => void
}

const MS_PER_SECOND = 1000
const STORE_REQUESTS = { type: 'counter', unit: '{request}', description: 'store requests' } as const

const headerGetter = {
  keys: (headers: Headers): string[] => [...headers.keys()],
  get: (headers: Headers, key: string): string | undefined => headers.get(key) ?? undefined,
}

/** Spans and metrics of the calls of a service; they cost next to nothing while nobody has asked for them. */
export class CallTelemetry {
  /** For what a store counts besides. */
  readonly meter: Meter
  readonly #service: string
  readonly #metricPrefix: string
  readonly #tracer: Tracer
  readonly #nowMs: () => number
  readonly #duration: Histogram
  #stopObserving: () => void = () => undefined

  constructor(options: CallTelemetryOptions) {
    const { name, metricPrefix } = options
    this.#service = options.service.typeName
    this.#metricPrefix = metricPrefix
    this.#tracer = options.tracer ?? trace.getTracer(name)
    this.meter = options.meter ?? metrics.getMeter(name)
    this.#nowMs = options.nowMs
    const described = { unit: 's', description: 'time from a request to its end' }
    this.#duration = this.meter.createHistogram(`${metricPrefix}.request.duration`, described)
  }

  /**
   * Begins a call, as part of what its caller's headers name.
   *
   * @param method Such as `pull`.
   */
  begin(method: string, headers: Headers): ObservedCall {
    const startMs = this.#nowMs()
    const rpcMethod = `${method[0]?.toUpperCase()}${method.slice(1)}`
    const attributes = { 'rpc.system': 'connect_rpc', 'rpc.service': this.#service, 'rpc.method': rpcMethod }
    const parent = propagation.extract(context.active(), headers, headerGetter)
    const span = this.#tracer.startSpan(`${this.#service}/${rpcMethod}`, { kind: SpanKind.SERVER, attributes }, parent)
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

  /** Reports what a store counts whenever metrics are collected, until {@link stop}. */
  observe<Name extends string>({ instruments, look, storeRequests }: ObservedStore<Name>): void {
    const made = Object.entries(instruments).map(([name, instrument]) => ({
      observable: this.#newObservable(name, instrument),
      values: Object.entries(instrument.values) as [Name, Attributes][],
    }))
    const requests = this.#newObservable('store.requests', STORE_REQUESTS)
    const observables = [...made.map(({ observable }) => observable), requests]
    const report: BatchObservableCallback = (result) => {
      const now = look()
      for (const { observable, values } of made) {
        for (const [metric, attributes] of values) result.observe(observable, now[metric], attributes)
      }
      for (const [operation, count] of Object.entries(storeRequests?.() ?? {})) result.observe(requests, count, { operation })
    }
    this.meter.addBatchObservableCallback(report, observables)
    this.#stopObserving = () => this.meter.removeBatchObservableCallback(report, observables)
  }

  /** Reports nothing any more when metrics are collected. */
  stop(): void {
    this.#stopObserving()
  }

  #newObservable(name: string, { type, unit, description }: Omit<Instrument<string>, 'values'>): Observable {
    const options = { unit, description }
    const fullName = `${this.#metricPrefix}.${name}`
    return type === 'gauge'
      ? this.meter.createObservableGauge(fullName, options)
      : this.meter.createObservableCounter(fullName, options)
  }
}

function endSpan(span: Span, error: KindAndCode | undefined): void {
  if (error !== undefined) {
    span.setAttributes({ 'error.type': error.code, 'graft.error.kind': error.kind })
    // Only the code: what a thrown error says may be more than a trace should hold.
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.code })
  }
  span.end()
}
