import { createCommitLogs } from '@graft-ts/commit-log'
import { createMetastore } from '@graft-ts/metastore'
import { createPagestore } from '@graft-ts/pagestore'
import { ageOnlyRefSigner, allowEverybody, type GraftTransport, httpTransport } from '@graft-ts/protocol'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import fc from 'fast-check'
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { Client } from '../src/index.ts'
import { MemoryLocalStore } from '../src/local/memory-local-store.ts'
import { headStamps, immediateTimers, openWorld, outcomeOf, PAGE_SIZE, page, pushedVolume, stampOf, write } from './harness.ts'
import { propertyParameters } from './parameters.ts'

/** Both stores behind one handler. */
function overHttp(): GraftTransport {
  const store = new MemoryStore()
  const shared = { logs: createCommitLogs({ store }), authorize: allowEverybody, refs: ageOnlyRefSigner({ nowMs: Date.now }) }
  const metastore = createMetastore(shared)
  const pagestore = createPagestore({ ...shared, segments: store, commits: store })
  const fetch = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    return request.url.includes('/graft.v1.MetaService/') ? metastore.handler(request) : pagestore.handler(request)
  }
  return httpTransport({ baseUrl: 'http://graft.test', fetch })
}

const TRANSPORTS: [string, () => GraftTransport][] = [
  ['in the same process', () => openWorld().transport],
  ['over HTTP', overHttp],
]
const open = (transport: GraftTransport) => Client.open({ transport, store: 'memory', timers: immediateTimers })

describe.each(TRANSPORTS)('a client without a local store, %s', (_, transportOf) => {
  test('has written when a transaction returns, and reads what others wrote', async () => {
    const transport = transportOf()
    const writer = await open(transport)
    const volume = await writer.createVolume({ pageSize: PAGE_SIZE })
    const { outcome } = await volume.transact((tx) => tx.write(1, page(7)))
    expect(volume.status()).toMatchObject({ sync: 'synced', pendingCommits: 0, base: { lsn: 1 } })
    expect(await outcome()).toMatchObject({ type: 'pushed', lsn: 1 })
    const reader = await open(transport)
    const snapshot = (await reader.openVolume(volume.volumeId)).snapshot()
    expect(stampOf(await snapshot.read(1))).toBe(7)
    await Promise.all([writer.close(), reader.close()])
  })

  test('runs a transaction again that others got ahead of', async () => {
    const transport = transportOf()
    const first = await (await open(transport)).createVolume({ pageSize: PAGE_SIZE })
    await write(first, { 1: 1 })
    const volumes = await Promise.all([1, 2, 3].map(async () => (await open(transport)).openVolume(first.volumeId)))
    const counts = await Promise.all(
      volumes.map((volume) =>
        volume.transact(async (tx) => {
          const next = stampOf(await tx.read(1)) + 1
          tx.write(1, page(next))
          return next
        }),
      ),
    )
    expect(counts.map(({ value }) => value).sort()).toEqual([2, 3, 4])
  })
})

describe('a client without a local store', () => {
  test('costs one request to open, one to read, and one to write after it has asked for the limits', async () => {
    const world = openWorld()
    const { volumeId } = await pushedVolume((await world.open()).client, { 1: 1, 2: 2 })
    world.calls.length = 0
    const client = await open(world.transport)
    const volume = await client.openVolume(volumeId)
    expect(world.calls).toEqual(['GetSnapshot'])
    await volume.transact(async (tx) => tx.write(2, await tx.read(1)))
    await client.close()
    expect(world.calls).toEqual(['GetSnapshot', 'ReadPages', 'Describe', 'Commit'])
  })

  test('keeps nothing', async () => {
    const world = openWorld()
    const client = await open(world.transport)
    const volume = await client.createVolume({ pageSize: PAGE_SIZE })
    const { outcome } = await volume.transact((tx) => tx.write(1, page(1)), { durability: 'memory' })
    expect(volume.status()).toMatchObject({ sync: 'ahead', pendingCommits: 1 })
    const waiting = outcomeOf(outcome())
    await client.close()
    // Nobody will ever push it, and whoever waits for it learns that.
    expect(await waiting).toBe('closed CLIENT_CLOSED')
    expect(await (await open(world.transport)).volumes()).toEqual([])
  })

  test('does not pretend that something could last here', async () => {
    const world = openWorld()
    const { transport } = world
    expect(await outcomeOf(Client.open({ transport, store: 'memory', durability: 'local' }))).toBe('unsupported CLIENT_OPTIONS')
    const volume = await (await open(transport)).createVolume({ pageSize: PAGE_SIZE })
    const local = volume.transact((tx) => tx.write(1, page(1)), { durability: 'local' })
    expect(await outcomeOf(local)).toBe('unsupported CLIENT_OPTIONS')
  })

  test('tells that a write did not get through', async () => {
    const world = openWorld()
    const volume = await pushedVolume(await open(world.transport), { 1: 1 })
    world.fault = (method) => (method === 'Commit' ? 'lost-request' : undefined)
    expect(await outcomeOf(volume.transact((tx) => tx.write(1, page(2))))).toBe('unknown OUTCOME_UNKNOWN')
    world.fault = () => undefined
    expect(await volume.push()).toMatchObject({ type: 'pushed' })
    expect(await headStamps(volume)).toEqual([2])
  })

  test('stays within its memory', async () => {
    const world = openWorld()
    const stamps = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [i + 1, i + 1]))
    const { volumeId } = await pushedVolume((await world.open()).client, stamps)
    const client = await Client.open({ transport: world.transport, store: 'memory', localBytesMax: 50 * PAGE_SIZE })
    const volume = await client.openVolume(volumeId)
    expect(await headStamps(volume)).toEqual(Object.values(stamps))
    await volume.idle()
    const { localBytes } = client.status()
    expect(client.status().localBytesMax).toBe(50 * PAGE_SIZE)
    expect(Object.values(localBytes).every((bytes) => typeof bytes === 'number' && bytes <= 60 * PAGE_SIZE)).toBe(true)
    expect((await open(world.transport)).status().localBytesMax).toBe(64 * 2 ** 20)
  })
})

test('the store in memory does what a database in memory does', async () => {
  const key = fc.stringMatching(/^[ab/]{1,4}$/)
  const operation = fc.oneof(
    { weight: 3, arbitrary: fc.record({ type: fc.constant('put' as const), key, value: fc.uint8Array({ maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('del' as const), key }) },
  )
  const question = fc.record({ batch: fc.array(operation, { maxLength: 6 }), gte: key, lt: key })
  const encodings = { keyEncoding: 'utf8', valueEncoding: 'view' } as const
  const listed = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
    const list: T[] = []
    for await (const item of items) list.push(item)
    return list
  }
  await fc.assert(
    fc.asyncProperty(fc.array(question, { maxLength: 12, size: 'max' }), async (questions) => {
      const ours = new MemoryLocalStore()
      const theirs = new MemoryLevel<string, Uint8Array>({ keyEncoding: 'utf8', valueEncoding: 'view' })
      await Promise.all([ours.open(), theirs.open()])
      for (const { batch, gte, lt } of questions) {
        await ours.batch(batch)
        await theirs.batch(batch, encodings)
        const range = { gte, lt }
        const entries = (all: [string, Uint8Array][]): [string, number[]][] => all.map(([k, value]) => [k, [...value]])
        expect(entries(await listed(ours.iterator(range)))).toEqual(
          entries(await theirs.iterator({ ...encodings, ...range }).all()),
        )
        expect(await listed(ours.keys(range))).toEqual(await theirs.keys({ keyEncoding: 'utf8', ...range }).all())
        const values = (all: (Uint8Array | undefined)[]): (number[] | undefined)[] => all.map((each) => each && [...each])
        expect(values(await ours.getMany([gte, lt]))).toEqual(values(await theirs.getMany([gte, lt], encodings)))
        expect(values([await ours.get(gte)])).toEqual(values([await theirs.get(gte, encodings)]))
      }
    }),
    propertyParameters,
  )
})
