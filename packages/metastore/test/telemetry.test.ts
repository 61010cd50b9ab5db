import { idToBytes } from '@graft-ts/volume'
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  type Meter,
  propagation,
  ROOT_CONTEXT,
  type SpanOptions,
  type TextMapPropagator,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { afterEach, expect, test } from 'vitest'
import { settle } from './clock.ts'
import { commitMany, commitOf, firstOf, newVolume, openHarness } from './harness.ts'

interface SeenSpan {
  readonly name: string
  readonly parent: Context | undefined
  readonly attributes: Attributes
  status: unknown
  ended: number
}

/** A tracer that keeps what it is told. */
function recordingTracer(): { tracer: Tracer; spans: SeenSpan[] } {
  const spans: SeenSpan[] = []
  const startSpan = (name: string, options: SpanOptions = {}, parent?: Context) => {
    const seen: SeenSpan = { name, parent, attributes: { ...options.attributes }, status: undefined, ended: 0 }
    spans.push(seen)
    return {
      ...trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '1'.repeat(16), traceFlags: 1 }),
      setAttributes: (attributes: Attributes) => void Object.assign(seen.attributes, attributes),
      setStatus: (status: unknown) => void (seen.status = status),
      end: () => void seen.ended++,
    }
  }
  return { tracer: { startSpan } as unknown as Tracer, spans }
}

/** A meter that keeps what it is told, and collects when it is asked. */
function recordingMeter() {
  const recorded: [string, number, Attributes][] = []
  const callbacks = new Set<(result: unknown) => void>()
  const instrument = (name: string) => ({
    name,
    add: (value: number, attributes: Attributes = {}) => void recorded.push([name, value, attributes]),
    record: (value: number, attributes: Attributes = {}) => void recorded.push([name, value, attributes]),
  })
  const meter = {
    createHistogram: instrument,
    createCounter: instrument,
    createObservableGauge: instrument,
    createObservableCounter: instrument,
    addBatchObservableCallback: (callback: (result: unknown) => void) => void callbacks.add(callback),
    removeBatchObservableCallback: (callback: (result: unknown) => void) => void callbacks.delete(callback),
  }
  const collect = () => {
    const seen: Record<string, number> = {}
    const observe = ({ name }: { name: string }, value: number, { operation }: { operation?: string } = {}) => {
      seen[operation === undefined ? name : `${name} ${operation}`] = value
    }
    for (const callback of callbacks) callback({ observe })
    return seen
  }
  return { meter: meter as unknown as Meter, recorded, collect, callbacks }
}

afterEach(() => propagation.disable())

test('each call is one span, with its volume, and its failure by code', async () => {
  const { tracer, spans } = recordingTracer()
  const harness = openHarness({ telemetry: { tracer } })
  const volumeId = newVolume()
  await harness.commit(commitOf(volumeId, 0))
  await harness.pull(volumeId, 0)
  await expect(harness.pull(newVolume(), 0)).rejects.toMatchObject({ kind: 'missing' })
  for await (const _ of harness.client.history({ volumeId: idToBytes(volumeId), from: 1n })) continue
  await expect(firstOf(harness.client.history({ volumeId: idToBytes(volumeId), from: 0n }))).rejects.toMatchObject({})
  const rpc = (method: string) => ({ 'rpc.system': 'connect_rpc', 'rpc.service': 'graft.v1.MetaService', 'rpc.method': method })
  expect(spans.map(({ name, ended }) => [name, ended])).toEqual([
    ['graft.v1.MetaService/Commit', 1],
    ['graft.v1.MetaService/Pull', 1],
    ['graft.v1.MetaService/Pull', 1],
    ['graft.v1.MetaService/History', 1],
    ['graft.v1.MetaService/History', 1],
  ])
  expect(spans[0]?.attributes).toEqual({ ...rpc('Commit'), 'graft.volume.id': volumeId })
  expect(spans[2]).toMatchObject({ attributes: { 'error.type': 'VOLUME_UNKNOWN', 'graft.error.kind': 'missing' } })
  expect(spans[2]?.status).toEqual({ code: 2, message: 'VOLUME_UNKNOWN' })
  expect([spans[0]?.status, spans[4]?.attributes['error.type']]).toEqual([undefined, 'HISTORY_RANGE'])
})

test('a span belongs to what the headers of its call name', async () => {
  const key = createContextKey('traceparent')
  const propagator: TextMapPropagator = {
    inject: () => undefined,
    extract: (parent, carrier, getter) => parent.setValue(key, getter.get(carrier, 'traceparent')),
    fields: () => ['traceparent'],
  }
  propagation.setGlobalPropagator(propagator)
  const { tracer, spans } = recordingTracer()
  const harness = openHarness({ telemetry: { tracer } })
  const volumeId = newVolume()
  await harness.client.commit(commitOf(volumeId, 0), { headers: { traceparent: '00-abc' } })
  expect(spans[0]?.parent?.getValue(key)).toBe('00-abc')
  expect(context.active()).toBe(ROOT_CONTEXT)
})

test('metrics: durations and outcomes as they happen, sizes when they are collected', async () => {
  const { meter, recorded, collect, callbacks } = recordingMeter()
  let requests = () => ({})
  const harness = openHarness({ telemetry: { meter, storeRequests: () => requests() } })
  const volumeId = newVolume()
  requests = () => ({ get: 3, create: harness.store.counts.create })
  await commitMany(harness, volumeId, 2)
  await harness.commit(commitOf(volumeId, 0))
  await expect(harness.pull(newVolume(), 0)).rejects.toMatchObject({ kind: 'missing' })
  const named = (name: string) => recorded.filter(([one]) => one === name)
  expect(named('graft.metastore.commits').map(([, , attributes]) => attributes['outcome'])).toEqual([
    'accepted',
    'accepted',
    'conflicted',
  ])
  expect(named('graft.metastore.request.duration').map(([, , attributes]) => attributes)).toEqual([
    { 'rpc.method': 'Commit' },
    { 'rpc.method': 'Commit' },
    { 'rpc.method': 'Commit' },
    { 'rpc.method': 'Pull', 'error.type': 'VOLUME_UNKNOWN' },
  ])
  const controller = new AbortController()
  const watching = harness.client.watch({ volumes: [{ volumeId: idToBytes(volumeId) }] }, { signal: controller.signal })
  await watching[Symbol.asyncIterator]().next()
  expect(collect()).toEqual({
    'graft.metastore.cache.size': harness.metastore.metrics().cacheBytesNow,
    'graft.metastore.watches': 1,
    'graft.metastore.watched_volumes': 1,
    'graft.metastore.commits.in_flight': 0,
    'graft.metastore.store.requests get': 3,
    'graft.metastore.store.requests create': harness.store.counts.create,
  })
  controller.abort()
  await settle()
  await harness.metastore.close()
  expect(callbacks.size).toBe(0)
})

test('a duration is that of the whole call, in seconds', async () => {
  const { meter, recorded } = recordingMeter()
  const authorize = async () => {
    harness.clock.nowMs += 1500
    return { id: 'x' }
  }
  const harness = openHarness({ telemetry: { meter }, authorize })
  await expect(harness.pull(newVolume(), 0)).rejects.toMatchObject({ kind: 'missing' })
  expect(recorded.map(([, value]) => value)).toEqual([1.5])
})
