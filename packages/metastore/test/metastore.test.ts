import { createCommitLogs } from '@graft-ts/commit-log'
import { ageOnlyRefSigner, allowEverybody, META_LIMITS_DEFAULT, metaDescriptionFromWire } from '@graft-ts/protocol'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { idToBytes } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { createMetastoreHandler, DEFAULT_LIMITS, type MetastoreLimits, type MetastoreOptions } from '../src/index.ts'
import { type Faults, faulty } from './faulty-store.ts'
import { commitMany, commitOf, firstOf, newVolume, openHarness, START_MS } from './harness.ts'

describe('what the meta store says about itself', () => {
  test('tells version, features and limits', async () => {
    const { client } = openHarness()
    expect(metaDescriptionFromWire(await client.describe({}))).toEqual({
      features: ['history', 'watch'],
      limits: META_LIMITS_DEFAULT,
      watch: { volumesMax: 1024, watchesPerPrincipalMax: 256, watchesMax: 4096, heartbeatMs: 15_000 },
    })
    const own = openHarness({ limits: { inlineBytesMax: 0, refsMax: 7 } })
    expect(metaDescriptionFromWire(await own.client.describe({})).limits).toMatchObject({ inlineBytesMax: 0, refsMax: 7 })
  })
})

describe('limits that make no sense are refused at once', () => {
  test.each<[Partial<MetastoreLimits>]>([
    [{ requestBytesMax: 0 }],
    [{ refsMax: 0 }],
    [{ pagesMax: 1.5 }],
    [{ inlineBytesMax: -1 }],
    [{ historyCommitsMax: 0 }],
    [{ historyCommitsMax: Number.NaN }],
    [{ pagesMax: 2 ** 32 }],
    [{ inlineBytesMax: DEFAULT_LIMITS.requestBytesMax }],
  ])('%j', (limits) => {
    expect(() => openHarness({ limits })).toThrow(
      expect.objectContaining({ name: 'MetastoreError', kind: 'invalid', code: 'METASTORE_OPTIONS' }),
    )
  })
})

describe('options that make no sense are refused at once', () => {
  test.each<[Partial<MetastoreOptions>]>([
    [{ maxStalenessMs: -1 }],
    [{ maxStalenessMs: Number.NaN }],
    [{ maxStalenessMs: Number.POSITIVE_INFINITY }],
    [{ watch: { volumesMax: 0 } }],
    [{ watch: { heartbeatMs: 0 } }],
    [{ watch: { heartbeatMs: 2 ** 31 } }],
    [{ watch: { probeMs: 1.5 } }],
    [{ watch: { probeMs: 10, probeMsMax: 9 } }],
  ])('%j', (options) => {
    expect(() => openHarness(options)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'METASTORE_OPTIONS' }))
  })
})

describe('close', () => {
  test('refuses what comes later, as something to try again elsewhere', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 1)
    await harness.metastore.close()
    const request = { volumeId: idToBytes(volumeId) }
    const closed = { kind: 'unavailable', code: 'METASTORE_CLOSED' }
    await expect(harness.client.pull(request)).rejects.toMatchObject(closed)
    await expect(harness.client.getSnapshot(request)).rejects.toMatchObject(closed)
    await expect(firstOf(harness.client.history({ ...request, from: 1n }))).rejects.toMatchObject(closed)
    await expect(harness.commit(commitOf(volumeId, 1))).rejects.toMatchObject(closed)
    expect((await harness.other().pull(volumeId, 0)).snapshot.lsn).toBe(1)
  })

  test.each(['authorized', 'written'])('waits for a commit that is being %s', async (stage) => {
    const faults: Faults = { get: undefined, create: undefined }
    const held = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const hold = async () => {
      reached.resolve()
      await held.promise
    }
    const harness = openHarness({
      wrap: (inner) => faulty(inner, faults),
      authorize: async () => {
        if (stage === 'authorized') await hold()
        return { id: 'x' }
      },
    })
    if (stage === 'written') {
      faults.create = async (_, run) => {
        await hold()
        return run()
      }
    }
    const call = harness.commit(commitOf(newVolume(), 0))
    await reached.promise
    expect(harness.metastore.metrics().commitsInFlightNow).toBe(1)
    const order: string[] = []
    const closing = harness.metastore.close().then(() => order.push('closed'))
    const committed = call.then(() => order.push('committed'))
    // The commit itself is held, so nothing but a hasty close could come first.
    for (let i = 0; i < 20; i++) await Promise.resolve()
    expect(order).toEqual([])
    held.resolve()
    await Promise.all([closing, committed])
    expect(harness.store.counts.create).toBe(1)
    expect(harness.metastore.metrics().commitsInFlightNow).toBe(0)
  })
})

test('metrics count what happened', async () => {
  const harness = openHarness()
  const { metastore, client, commit, pull } = harness
  const volumeId = newVolume()
  await commitMany(harness, volumeId, 3)
  await commit(commitOf(volumeId, 1, { pages: [9], pageCount: 50 }))
  await pull(volumeId, 1)
  await client.getSnapshot({ volumeId: idToBytes(volumeId) })
  for await (const _ of client.history({ volumeId: idToBytes(volumeId), from: 2n })) continue
  await expect(pull(newVolume(), 0)).rejects.toMatchObject({ kind: 'missing' })
  expect(metastore.metrics()).toMatchObject({
    pulls: 2,
    commits: 4,
    snapshots: 1,
    histories: 1,
    commitsAccepted: 3,
    commitsConflicted: 1,
    changedPagesSent: 4,
    historyEntriesSent: 2,
    failedRequests: 1,
    commitsInFlightNow: 0,
  })
  expect(metastore.metrics().cacheBytesNow).toBeGreaterThan(0)
})

test('createMetastoreHandler is the handler alone', async () => {
  const handler = createMetastoreHandler({
    logs: createCommitLogs({ store: new MemoryStore() }),
    authorize: allowEverybody,
    refs: ageOnlyRefSigner({ nowMs: () => START_MS }),
  })
  const headers = { 'content-type': 'application/json' }
  const response = await handler(
    new Request('http://graft.test/graft.v1.MetaService/Describe', { method: 'POST', headers, body: '{}' }),
  )
  expect(await response.json()).toMatchObject({ protocolVersions: [1], inlineBytesMax: 32768 })
  expect(
    (await handler(new Request('http://graft.test/graft.v1.PageService/Describe', { method: 'POST', headers, body: '{}' })))
      .status,
  ).toBe(404)
})
