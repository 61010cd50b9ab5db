import { PageService } from '@graft-ts/protocol'
import { CallTelemetry, type TelemetrySink } from '@graft-ts/protocol/service'
import type { Attributes, Meter, Observable } from '@opentelemetry/api'
import type { PagestoreMetrics } from './metrics.ts'

/** Where spans and metrics go. */
export interface PagestoreTelemetry extends TelemetrySink {
  /** Requests that the object stores have been asked so far, by name of the call: `counts` of a `metered` store, for example. */
  readonly storeRequests?: () => Readonly<Record<string, number>>
}

interface Instrument {
  readonly type: 'counter' | 'gauge'
  readonly unit: string
  readonly description: string
  /** Which of the metrics it shows, each with what tells it from the others. */
  readonly values: Readonly<Partial<Record<keyof PagestoreMetrics, Attributes>>>
}

const METRIC_PREFIX = 'graft.pagestore'

/** Names that other systems read; the README lists them. */
const INSTRUMENTS: Readonly<Record<string, Instrument>> = {
  pages: {
    type: 'counter',
    unit: '{page}',
    description: 'pages of answered requests',
    values: {
      pagesWritten: { direction: 'written' },
      pagesRead: { direction: 'read' },
      zeroPagesRead: { direction: 'zero' },
      usefulPagesDropped: { direction: 'dropped' },
    },
  },
  frames: {
    type: 'counter',
    unit: '{frame}',
    description: 'frames that reads needed, by where they came from',
    values: {
      framesRead: { source: 'store' },
      framesCached: { source: 'memory' },
      framesShared: { source: 'shared' },
      framesRejected: { source: 'rejected' },
    },
  },
  segments: { type: 'counter', unit: '{segment}', description: 'segments that became durable', values: { segmentsWritten: {} } },
  'segment.bytes': {
    type: 'counter',
    unit: 'By',
    description: 'bytes that became durable, as pages and as stored',
    values: { pageBytesWritten: { form: 'pages' }, segmentBytesWritten: { form: 'stored' } },
  },
  'uploads.failed': {
    type: 'counter',
    unit: '{upload}',
    description: 'tries of uploads that failed, and uploads that were given up',
    values: { uploadRetries: { outcome: 'retried' }, uploadsFailed: { outcome: 'given_up' } },
  },
  gets: { type: 'counter', unit: '{request}', description: 'ranged reads of the object stores', values: { gets: {} } },
  'get.bytes': { type: 'counter', unit: 'By', description: 'bytes of ranged reads', values: { getBytes: {} } },
  'cache.size': { type: 'gauge', unit: 'By', description: 'frames in memory', values: { cacheBytesNow: {} } },
  'requests.in_flight': { type: 'gauge', unit: '{request}', description: 'calls under way', values: { requestsInFlightNow: {} } },
  'write.queue': {
    type: 'gauge',
    unit: 'By',
    description: 'bytes of writes that are not durable yet',
    values: { writeBytesInFlightNow: { state: 'accepted' }, writeBytesWaitingNow: { state: 'waiting' } },
  },
  'get.queue': {
    type: 'gauge',
    unit: '{request}',
    description: 'ranged reads under way, and waiting for their turn',
    values: { getsInFlightNow: { state: 'running' }, getsWaitingNow: { state: 'waiting' } },
  },
}

/** Spans and metrics of a page store. */
export class Telemetry extends CallTelemetry {
  constructor(options: PagestoreTelemetry, nowMs: () => number) {
    super({ ...options, service: PageService, name: '@graft-ts/pagestore', metricPrefix: METRIC_PREFIX, nowMs })
  }

  /** Reports the counters whenever they are collected, until it is stopped. */
  observeMetrics(look: () => PagestoreMetrics, storeRequests: PagestoreTelemetry['storeRequests']): void {
    const { meter } = this
    const made = Object.entries(INSTRUMENTS).map(([name, instrument]) => ({
      observable: newObservable(meter, name, instrument),
      values: Object.entries(instrument.values) as [keyof PagestoreMetrics, Attributes][],
    }))
    const described = { unit: '{request}', description: 'store requests' }
    const requests = meter.createObservableCounter(`${METRIC_PREFIX}.store.requests`, described)
    this.observe(
      (result) => {
        const now = look()
        for (const { observable, values } of made) {
          for (const [metric, attributes] of values) result.observe(observable, now[metric], attributes)
        }
        for (const [operation, count] of Object.entries(storeRequests?.() ?? {})) result.observe(requests, count, { operation })
      },
      [...made.map(({ observable }) => observable), requests],
    )
  }
}

function newObservable(meter: Meter, name: string, { type, unit, description }: Instrument): Observable {
  const options = { unit, description }
  const fullName = `${METRIC_PREFIX}.${name}`
  return type === 'gauge' ? meter.createObservableGauge(fullName, options) : meter.createObservableCounter(fullName, options)
}
