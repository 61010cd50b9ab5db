import { Splinter } from '@graft-ts/splinter'
import { idToBytes } from '@graft-ts/volume'
import type { Attributes, Meter, SpanOptions, Tracer } from '@opentelemetry/api'
import { trace } from '@opentelemetry/api'
import { expect, test } from 'vitest'
import { openHarness, outcomeOf, pagesOf } from './harness.ts'

interface SeenSpan {
  readonly name: string
  readonly attributes: Attributes
  ended: number
}

/** A tracer that keeps what it is told. */
function recordingTracer(): { tracer: Tracer; spans: SeenSpan[] } {
  const spans: SeenSpan[] = []
  const startSpan = (name: string, options: SpanOptions = {}) => {
    const seen: SeenSpan = { name, attributes: { ...options.attributes }, ended: 0 }
    spans.push(seen)
    return {
      ...trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '1'.repeat(16), traceFlags: 1 }),
      setAttributes: (attributes: Attributes) => void Object.assign(seen.attributes, attributes),
      setStatus: () => undefined,
      end: () => void seen.ended++,
    }
  }
  return { tracer: { startSpan } as unknown as Tracer, spans }
}

/** A meter that keeps what it is told, and collects when it is asked. */
function recordingMeter() {
  const recorded: [string, Attributes][] = []
  const callbacks = new Set<(result: unknown) => void>()
  const instrument = (name: string) => ({
    name,
    record: (_: number, attributes: Attributes = {}) => void recorded.push([name, attributes]),
  })
  const meter = {
    createHistogram: instrument,
    createObservableGauge: instrument,
    createObservableCounter: instrument,
    addBatchObservableCallback: (callback: (result: unknown) => void) => void callbacks.add(callback),
    removeBatchObservableCallback: (callback: (result: unknown) => void) => void callbacks.delete(callback),
  }
  const collect = () => {
    const seen: Record<string, number> = {}
    const observe = ({ name }: { name: string }, value: number, attributes: Attributes = {}) => {
      const key = [name.replace('graft.pagestore.', ''), ...Object.values(attributes)].join(' ')
      if (key in seen) throw new Error(`observed twice, ${key}`)
      seen[key] = value
    }
    for (const callback of callbacks) callback({ observe })
    return seen
  }
  return { meter: meter as unknown as Meter, recorded, collect, callbacks }
}

test('each call is one span, with its volume and what it was about, and its failure by code', async () => {
  const { tracer, spans } = recordingTracer()
  const harness = openHarness({ telemetry: { tracer } })
  const volumeId = harness.newVolume()
  const ref = await harness.write(volumeId, pagesOf([1, 2]))
  await harness.commit(volumeId, { base: 0, pageCount: 3, refs: [ref] })
  await harness.read(volumeId, 1, [1, 3])
  await outcomeOf(harness.read(volumeId, 9, [1]))
  const rpc = (method: string) => ({ 'rpc.system': 'connect_rpc', 'rpc.service': 'graft.v1.PageService', 'rpc.method': method })
  expect(spans).toEqual([
    {
      name: 'graft.v1.PageService/WritePages',
      attributes: { ...rpc('WritePages'), 'graft.volume.id': volumeId, 'graft.pages': 2, 'graft.segment.id': ref.segmentId },
      ended: 1,
    },
    {
      name: 'graft.v1.PageService/ReadPages',
      attributes: { ...rpc('ReadPages'), 'graft.volume.id': volumeId, 'graft.pages': 2, 'graft.lsn': 1 },
      ended: 1,
    },
    {
      name: 'graft.v1.PageService/ReadPages',
      attributes: {
        ...rpc('ReadPages'),
        'graft.volume.id': volumeId,
        'error.type': 'LSN_FUTURE',
        'graft.error.kind': 'missing',
      },
      ended: 1,
    },
  ])
})

test('metrics: durations as calls end, counters and queues when they are collected, nothing after a stop', async () => {
  const { meter, recorded, collect, callbacks } = recordingMeter()
  const storeRequests = () => ({ get: 7, create: 1 })
  const harness = openHarness({ telemetry: { meter, storeRequests } })
  const volumeId = harness.newVolume()
  const ref = await harness.write(volumeId, pagesOf([1, 2]))
  await harness.commit(volumeId, { base: 0, pageCount: 3, refs: [ref] })
  await harness.read(volumeId, 1, [1, 3])
  await harness.read(volumeId, 1, [1, 2])
  await outcomeOf(harness.client.writePages({ volumeId: idToBytes(volumeId), pages: Splinter.from([1]).toBytes() }))
  const duration = 'graft.pagestore.request.duration'
  expect(recorded).toEqual([
    [duration, { 'rpc.method': 'WritePages' }],
    [duration, { 'rpc.method': 'ReadPages' }],
    [duration, { 'rpc.method': 'ReadPages' }],
    [duration, { 'rpc.method': 'WritePages', 'error.type': 'PAGE_SIZE' }],
  ])
  const metrics = harness.pagestore.metrics()
  const seen = collect()
  expect(seen).toMatchObject({
    'pages written': 2,
    'pages read': 3,
    'pages zero': 1,
    'pages dropped': 0,
    'frames store': 1,
    'frames memory': 1,
    'frames shared': 0,
    'frames rejected': 0,
    segments: 1,
    'segment.bytes pages': 1024,
    'segment.bytes stored': metrics.segmentBytesWritten,
    'uploads.failed retried': 0,
    'uploads.failed given_up': 0,
    gets: 1,
    'get.bytes': metrics.getBytes,
    'cache.size': metrics.cacheBytesNow,
    'requests.in_flight': 0,
    'write.queue accepted': 0,
    'write.queue waiting': 0,
    'get.queue running': 0,
    'get.queue waiting': 0,
    'store.requests get': 7,
    'store.requests create': 1,
  })
  expect(metrics.cacheBytesNow).toBeGreaterThan(0)
  await harness.pagestore.close()
  expect([callbacks.size, collect()]).toEqual([0, {}])
})
