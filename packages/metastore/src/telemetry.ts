import { MetaService } from '@graft-ts/protocol'
import { CallTelemetry, type Instrument, type StoreTelemetrySink } from '@graft-ts/protocol/service'
import type { MetastoreMetrics } from './metrics.ts'

/** Where spans and metrics go. */
export type MetastoreTelemetry = StoreTelemetrySink

const METRIC_PREFIX = 'graft.metastore'

/** Names that other systems read; the README lists them. */
const INSTRUMENTS: Readonly<Record<string, Instrument<keyof MetastoreMetrics>>> = {
  'cache.size': { type: 'gauge', unit: 'By', description: 'commit records in memory', values: { cacheBytesNow: {} } },
  watches: { type: 'gauge', unit: '{watch}', description: 'open watches', values: { watchesOpenNow: {} } },
  watched_volumes: { type: 'gauge', unit: '{volume}', description: 'watched volumes', values: { volumesWatchedNow: {} } },
  'commits.in_flight': {
    type: 'gauge',
    unit: '{commit}',
    description: 'commits being decided',
    values: { commitsInFlightNow: {} },
  },
}

/** Spans and metrics of a meta store. */
export class Telemetry extends CallTelemetry {
  readonly #outcomes

  constructor(options: MetastoreTelemetry, nowMs: () => number) {
    super({ ...options, service: MetaService, name: '@graft-ts/metastore', metricPrefix: METRIC_PREFIX, nowMs })
    const described = { unit: '{commit}', description: 'commits, by outcome' }
    this.#outcomes = this.meter.createCounter(`${METRIC_PREFIX}.commits`, described)
  }

  /** Notes a commit that was decided. */
  commitDecided(outcome: 'accepted' | 'conflicted'): void {
    this.#outcomes.add(1, { outcome })
  }

  /** Reports sizes whenever they are collected, until it is stopped. */
  observeSizes(look: () => MetastoreMetrics, storeRequests: MetastoreTelemetry['storeRequests']): void {
    this.observe({ instruments: INSTRUMENTS, look, storeRequests })
  }
}
