import { MetaService } from '@graft-ts/protocol'
import { CallTelemetry, type TelemetrySink } from '@graft-ts/protocol/service'
import type { MetastoreMetrics } from './metrics.ts'

/** Where spans and metrics go. */
export interface MetastoreTelemetry extends TelemetrySink {
  /** Requests that the object store has been asked so far, by name of the call: `counts` of a `metered` store, for example. */
  readonly storeRequests?: () => Readonly<Record<string, number>>
}

const METRIC_PREFIX = 'graft.metastore'

/** Names that other systems read; the README lists them. */
const METRIC = {
  outcomes: `${METRIC_PREFIX}.commits`,
  storeRequests: `${METRIC_PREFIX}.store.requests`,
  cache: `${METRIC_PREFIX}.cache.size`,
  watches: `${METRIC_PREFIX}.watches`,
  watchedVolumes: `${METRIC_PREFIX}.watched_volumes`,
  inFlight: `${METRIC_PREFIX}.commits.in_flight`,
} as const

/** Spans and metrics of a meta store. */
export class Telemetry extends CallTelemetry {
  readonly #outcomes

  constructor(options: MetastoreTelemetry, nowMs: () => number) {
    super({ ...options, service: MetaService, name: '@graft-ts/metastore', metricPrefix: METRIC_PREFIX, nowMs })
    this.#outcomes = this.meter.createCounter(METRIC.outcomes, { unit: '{commit}', description: 'commits, by outcome' })
  }

  /** Notes a commit that was decided. */
  commitDecided(outcome: 'accepted' | 'conflicted'): void {
    this.#outcomes.add(1, { outcome })
  }

  /** Reports sizes whenever they are collected, until it is stopped. */
  observeSizes(look: () => MetastoreMetrics, storeRequests: MetastoreTelemetry['storeRequests']): void {
    const { meter } = this
    const cache = meter.createObservableGauge(METRIC.cache, { unit: 'By', description: 'commit records in memory' })
    const watches = meter.createObservableGauge(METRIC.watches, { unit: '{watch}', description: 'open watches' })
    const volumes = meter.createObservableGauge(METRIC.watchedVolumes, { unit: '{volume}', description: 'watched volumes' })
    const inFlight = meter.createObservableGauge(METRIC.inFlight, { unit: '{commit}', description: 'commits being decided' })
    const requests = meter.createObservableCounter(METRIC.storeRequests, { unit: '{request}', description: 'store requests' })
    this.observe(
      (result) => {
        const now = look()
        result.observe(cache, now.cacheBytesNow)
        result.observe(watches, now.watchesOpenNow)
        result.observe(volumes, now.volumesWatchedNow)
        result.observe(inFlight, now.commitsInFlightNow)
        for (const [operation, count] of Object.entries(storeRequests?.() ?? {})) result.observe(requests, count, { operation })
      },
      [cache, watches, volumes, inFlight, requests],
    )
  }
}
