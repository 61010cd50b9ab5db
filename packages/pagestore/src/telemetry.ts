import { PageService } from '@graft-ts/protocol'
import { CallTelemetry, type Instrument, type StoreTelemetrySink } from '@graft-ts/protocol/service'
import type { PagestoreMetrics } from './metrics.ts'

/** Where spans and metrics go. */
export type PagestoreTelemetry = StoreTelemetrySink

/** Names that other systems read; the README lists them. */
const INSTRUMENTS: Readonly<Record<string, Instrument<keyof PagestoreMetrics>>> = {
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
      frameCacheHits: { source: 'frame_cache' },
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
  'get.hedges': {
    type: 'counter',
    unit: '{request}',
    description: 'ranged reads that were sent a second time, and those of them that were the faster',
    values: { hedgesSent: { outcome: 'sent' }, hedgesWon: { outcome: 'won' } },
  },
  'cache.size': { type: 'gauge', unit: 'By', description: 'frames in memory', values: { cacheBytesNow: {} } },
  'frame_cache.lookups': {
    type: 'counter',
    unit: '{frame}',
    description: 'frames that were looked for in the frame cache',
    values: {
      frameCacheHits: { outcome: 'found' },
      frameCacheMisses: { outcome: 'missed' },
      frameCacheRejected: { outcome: 'rejected' },
    },
  },
  'frame_cache.writes': {
    type: 'counter',
    unit: '{frame}',
    description: 'frames that the frame cache was offered',
    values: { frameCacheWrites: { outcome: 'written' }, frameCacheDropped: { outcome: 'dropped' } },
  },
  'frame_cache.failures': {
    type: 'counter',
    unit: '{access}',
    description: 'reads and writes of the frame cache that failed or took too long',
    values: { frameCacheFailures: {} },
  },
  'frame_cache.size': { type: 'gauge', unit: 'By', description: 'the frame cache', values: { frameCacheBytesNow: {} } },
  'requests.in_flight': { type: 'gauge', unit: '{request}', description: 'calls under way', values: { requestsInFlightNow: {} } },
  'write.queue': {
    type: 'gauge',
    unit: 'By',
    description: 'bytes of writes that are not durable yet',
    values: { writeBytesInFlightNow: { state: 'accepted' }, writeBytesWaitingNow: { state: 'waiting' } },
  },
  'read.queue': {
    type: 'gauge',
    unit: 'By',
    description: 'bytes that answers under way may hold, and those of reads that wait for room',
    values: { readBytesInFlightNow: { state: 'running' }, readBytesWaitingNow: { state: 'waiting' } },
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
    super({ ...options, service: PageService, name: '@graft-ts/pagestore', metricPrefix: 'graft.pagestore', nowMs })
  }

  /** Reports the counters whenever they are collected, until it is stopped. */
  observeMetrics(look: () => PagestoreMetrics, storeRequests: PagestoreTelemetry['storeRequests']): void {
    this.observe({ instruments: INSTRUMENTS, look, storeRequests })
  }
}
