import type { Lsn } from '@graft-ts/volume'
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { Client, type ClientOptions, type Prefetcher, type Volume } from '../../src/index.ts'
import {
  CrashableStore,
  expectExactUsage,
  immediateTimers,
  openWorld,
  outcomeOf,
  page,
  pushedVolume,
  stampOf,
  type World,
  write,
} from '../harness.ts'

/** A store that answers at once. */
const level = (): MemoryLevel<string, Uint8Array> => new MemoryLevel({ keyEncoding: 'utf8', valueEncoding: 'view' })
const openOn = (world: World, options: Partial<ClientOptions> = {}): Promise<Client> =>
  Client.open({ transport: world.transport, store: level(), idSource: world.ids, timers: immediateTimers, ...options })
const stampNow = (bytes: Uint8Array | undefined): number | undefined => (bytes === undefined ? undefined : stampOf(bytes))

describe('readCached', () => {
  test('gives what is in memory, with a store that has to be waited for', async () => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, { 1: 1, 2: 2, 4: 4 })
    const copy = await (await world.open()).client.openVolume(volume.volumeId)
    const snapshot = copy.snapshot()
    expect(snapshot.readCached(1)).toBeUndefined()
    await snapshot.readMany([1, 3])
    world.calls.length = 0
    expect([1, 2, 3, 5].map((pageIndex) => stampNow(snapshot.readCached(pageIndex)))).toEqual([1, undefined, 0, 0])
    expect(world.calls).toEqual([])
  })

  test('gives what is in the local store, where that answers at once: fetched, zero, own and adopted pages', async () => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, { 1: 1, 2: 2, 5: 5 })
    const client = await openOn(world, { memoryCacheBytesMax: 1 })
    const copy = await client.openVolume(volume.volumeId)
    await copy.snapshot().readMany([1, 3])
    await write(copy, { 2: 22 })
    await copy.push()
    await write(copy, { 4: 44 })
    await copy.idle()
    const snapshot = copy.snapshot()
    expect([1, 2, 3, 4, 5].map((pageIndex) => stampNow(snapshot.readCached(pageIndex)))).toEqual([1, 22, 0, 44, undefined])
    await client.close()
    expect(() => snapshot.readCached(1)).toThrow(expect.objectContaining({ code: 'CLIENT_CLOSED' }))
  })

  test('gives own pages after they were pushed, without asking the store for them', async () => {
    const world = openWorld()
    const { client } = await world.open()
    const volume = await pushedVolume(client, { 1: 1, 2: 2 })
    await write(volume, { 1: 11 })
    await write(volume, { 3: 3 })
    expect([1, 2, 3].map((pageIndex) => stampNow(volume.snapshot().readCached(pageIndex)))).toEqual([11, 2, 3])
    await volume.push()
    expect([1, 2, 3].map((pageIndex) => stampNow(volume.snapshot().readCached(pageIndex)))).toEqual([11, 2, 3])
    await client.forget(volume.volumeId)
    const again = await client.openVolume(volume.volumeId)
    expect(again.snapshot().readCached(1)).toBeUndefined()
  })

  test('I4: gives only what holds at its snapshot', async () => {
    const world = openWorld()
    const writer = await pushedVolume((await world.open()).client, { 1: 1, 2: 2 })
    for (const memoryCacheBytesMax of [1, 2 ** 20]) {
      const copy = await (await openOn(world, { memoryCacheBytesMax })).openVolume(writer.volumeId)
      const before = copy.snapshot()
      const stamp = stampNow(await before.read(1)) as number
      await copy.idle()
      await write(writer, { 1: stamp + 1 })
      await writer.push()
      const stale = copy.snapshot()
      await copy.pull()
      const after = copy.snapshot()
      expect(after.readCached(1)).toBeUndefined()
      expect(stampNow(await after.read(1))).toBe(stamp + 1)
      await copy.idle()
      expect(stampNow(after.readCached(1))).toBe(stamp + 1)
      // It ended under these: the store has to be asked for what was kept.
      for (const old of [before, stale]) {
        expect([undefined, stamp]).toContain(stampNow(old.readCached(1)))
        expect(stampNow(await old.read(1))).toBe(stamp)
      }
      // Another commit than the base, from before the page was read.
      const past = await copy.snapshotAt(1 as Lsn)
      expect([undefined, 1]).toContain(stampNow(past.readCached(1)))
      expect(stampNow(await past.read(1))).toBe(1)
    }
  })

  test('I4: gives an old snapshot what has ended since: fetched, zero and own pages, before, while and after it ends', async () => {
    const world = openWorld()
    const writer = await pushedVolume((await world.open()).client, { 1: 1, 2: 2, 6: 6 })
    const local = new CrashableStore()
    local.isImmediate = true
    const { client } = await world.openOn(local, { memoryCacheBytesMax: 1 })
    const ours = await client.openVolume(writer.volumeId)
    await write(ours, { 2: 22 })
    await ours.push()
    const first = ours.snapshot()
    await first.readMany([1, 3])
    first.close()
    await ours.idle()
    const keys = await local.keyCount()
    const old = ours.snapshot()
    const other = ours.snapshot()
    const read = (): unknown[] => [1, 2, 3, 4].map((pageIndex) => stampNow(old.readCached(pageIndex)))
    await writer.pull()
    await write(writer, { 1: 11, 2: 222, 3: 33, 4: 44 })
    await writer.push()
    const seen: unknown[] = [read()]
    // The batch is on its way, and then it is in the store, but nobody here knows.
    local.before = async (call) => void (call === 'batch' && seen.push(read()))
    local.afterBatch = async () => void seen.push(read())
    await ours.pull()
    local.before = async () => undefined
    local.afterBatch = async () => undefined
    seen.push(read())
    expect(seen).toHaveLength(4)
    for (const pages of seen) expect(pages).toEqual([1, 22, 0, undefined])
    world.calls.length = 0
    expect([...(await old.readMany([1, 2, 3])).values()].map(stampOf)).toEqual([1, 22, 0])
    expect(world.calls).toEqual([])
    // Another commit than either: what it has is fetched, and kept for as long as somebody may read it.
    const between = await ours.snapshotAt(1 as Lsn)
    expect(stampOf(await between.read(2))).toBe(2)
    await ours.idle()
    expect([stampNow(between.readCached(2)), stampNow(old.readCached(2))]).toEqual([2, 22])
    between.close()
    await ours.idle()
    expect(read()).toEqual([1, 22, 0, undefined])
    for (const snapshot of [old, other]) snapshot.close()
    await ours.idle()
    expect((await local.keyList()).filter((key) => /\/i\/|dirty/.test(key))).toEqual([])
    expect(await local.keyCount()).toBeLessThan(keys)
    await expectExactUsage(local, client)
  })

  test('counts as a read of its transaction, of the page and of the end', async () => {
    const world = openWorld()
    const ours = await pushedVolume((await world.open()).client, { 1: 1, 2: 2 })
    const theirs = await (await world.open()).client.openVolume(ours.volumeId)
    const conflict = async (touch: (volume: Volume) => Promise<unknown>, pageIndex: number): Promise<number> => {
      await ours.pull()
      await ours.snapshot().readMany([1, 2])
      let runs = 0
      await ours.transact(async (tx) => {
        const cached = tx.readCached(pageIndex)
        // When it runs again, the page is another one, and not here yet.
        if (runs++ === 0) expect(cached).toBeDefined()
        else if (cached === undefined) await tx.read(pageIndex)
        tx.write(3, page(3))
        expect(stampNow(tx.readCached(3))).toBe(3)
      })
      await theirs.pull()
      await touch(theirs)
      await theirs.push()
      const result = await ours.push()
      return result.type === 'pushed' ? result.replayed : -1
    }
    expect(await conflict((volume) => write(volume, { 1: 11 }), 1)).toBe(1)
    expect(await conflict((volume) => write(volume, { 1: 12 }), 2)).toBe(0)
    expect(await conflict((volume) => write(volume, { 9: 9 }), 20)).toBe(1)
  })

  test('in a transaction sees what it wrote and cut off, and nothing counts that it could not give', async () => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, { 1: 1, 2: 2, 3: 3 })
    const copy = await (await world.open()).client.openVolume(volume.volumeId)
    await copy.transact((tx) => {
      expect(tx.readCached(1)).toBeUndefined()
      tx.setPageCount(2)
      expect(stampNow(tx.readCached(3))).toBe(0)
      tx.write(2, page(22))
      expect(stampNow(tx.readCached(2))).toBe(22)
    })
    let kept: { readCached(pageIndex: number): unknown } | undefined
    await copy.transact((tx) => void (kept = tx))
    expect(() => kept?.readCached(1)).toThrow(expect.objectContaining({ code: 'TRANSACTION_ENDED' }))
  })

  test('I11: a damaged page in the store is an error, not a page', async () => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, { 1: 1 })
    const store = level()
    const client = await openOn(world, { store, memoryCacheBytesMax: 1 })
    const copy = await client.openVolume(volume.volumeId)
    await copy.snapshot().read(1)
    await copy.idle()
    const key = `v/${volume.volumeId}/o/00000001`
    const bytes = store.getSync(key) as Uint8Array
    const damaged = Uint8Array.from(bytes)
    damaged[100] = (damaged[100] as number) ^ 1
    await store.put(key, damaged)
    expect(() => copy.snapshot().readCached(1)).toThrow(expect.objectContaining({ code: 'LOCAL_STORE_CORRUPT' }))
    expect(() => copy.snapshot().readCached(0)).toThrow(expect.objectContaining({ code: 'PAGE_INDEX' }))
  })
})

/** Tells of what it is told. */
const recorder =
  (told: string[], found: (pageIndex: number) => readonly number[] = () => []) =>
  (): Prefetcher => ({
    onHit: (pageIndex) => void told.push(`hit ${pageIndex}`),
    onMiss: (pageIndex) => {
      told.push(`miss ${pageIndex}`)
      return []
    },
    onPage: (pageIndex, bytes) => {
      told.push(`page ${pageIndex}=${stampOf(bytes)}`)
      return found(pageIndex)
    },
  })

describe('a prefetcher', () => {
  test('is told of each read once, whichever way it went, and sees the page', async () => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, { 1: 1, 3: 3 })
    const copy = await (await world.open()).client.openVolume(volume.volumeId)
    const told: string[] = []
    const snapshot = copy.snapshot({ prefetcher: recorder(told) })
    expect(snapshot.readCached(1)).toBeUndefined()
    expect(told).toEqual([])
    await snapshot.read(1)
    snapshot.readCached(1)
    await snapshot.read(1)
    await snapshot.read(2)
    snapshot.readCached(7)
    expect(told).toEqual([
      'miss 1',
      'page 1=1',
      'hit 1',
      'page 1=1',
      'hit 1',
      'page 1=1',
      'miss 2',
      'page 2=0',
      'hit 7',
      'page 7=0',
    ])
    await (await copy.snapshotAt(1 as Lsn, { prefetcher: recorder(told) })).read(3)
    expect(told.slice(-2)).toEqual(['miss 3', 'page 3=3'])
  })

  test('gets pages in the background that it found in a page, and no error of theirs reaches anybody', async () => {
    const world = openWorld()
    const pages = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [i + 1, i + 1]))
    const volume = await pushedVolume((await world.open()).client, pages)
    const found = (pageIndex: number): readonly number[] => (pageIndex === 1 ? [10, 11, 12, 999, 1] : [])
    const copy = await (await world.open({ prefetcher: recorder([], found) })).client.openVolume(volume.volumeId)
    const snapshot = copy.snapshot()
    world.calls.length = 0
    await snapshot.read(1)
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
    expect(world.calls.filter((name) => name === 'ReadPages')).toHaveLength(2)
    expect([10, 11, 12].map((pageIndex) => stampNow(snapshot.readCached(pageIndex)))).toEqual([10, 11, 12])
    const failing = await (await world.open({ prefetcher: recorder([], found), attemptsMax: 1 })).client.openVolume(
      volume.volumeId,
    )
    let reads = 0
    world.before = async (method) => {
      // Not before the first request has ended.
      for (let turns = 0; method === 'ReadPages' && reads === 1 && turns < 5; turns++)
        await new Promise((resolve) => setImmediate(resolve))
    }
    world.fault = (method) => (method === 'ReadPages' && ++reads === 2 ? 'lost-request' : undefined)
    const other = failing.snapshot()
    expect(stampOf(await other.read(1))).toBe(1)
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
    expect(failing.status().lastError).toMatchObject({ operation: 'read', code: 'OUTCOME_UNKNOWN' })
    expect(stampOf(await other.read(10))).toBe(10)
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
    expect(failing.status().lastError).toBeUndefined()
  })
})

describe('requests for pages', () => {
  test('are bounded over all volumes, and all of them are made in the end', async () => {
    const world = openWorld()
    const writer = (await world.open()).client
    const pages = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [i + 1, i + 1]))
    const ids = [await pushedVolume(writer, pages), await pushedVolume(writer, pages)].map(({ volumeId }) => volumeId)
    const { client } = await world.open({ fetchesMax: 3, prefetcher: recorder([], () => [30, 31]) })
    let underWay = 0
    let most = 0
    world.before = async (method) => {
      if (method !== 'ReadPages') return
      most = Math.max(most, ++underWay)
      await new Promise((resolve) => setImmediate(resolve))
    }
    world.after = async (method) => {
      if (method === 'ReadPages') underWay--
    }
    const snapshots = await Promise.all(ids.map(async (id) => (await client.openVolume(id)).snapshot()))
    const reads = snapshots.flatMap((snapshot) => Array.from({ length: 25 }, (_, i) => snapshot.read(i + 1)))
    expect((await Promise.all(reads)).map((bytes) => stampOf(bytes))).toEqual([...reads.keys()].map((i) => (i % 25) + 1))
    expect(most).toBe(3)
  })

  test('that fail make room for others', async () => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, { 1: 1, 2: 2, 3: 3 })
    const copy = await (await world.open({ fetchesMax: 1, attemptsMax: 1 })).client.openVolume(volume.volumeId)
    const snapshot = copy.snapshot()
    let faults = 2
    world.fault = (method) => (method === 'ReadPages' && faults-- > 0 ? 'lost-request' : undefined)
    const outcomes = await Promise.all([1, 2, 3].map((pageIndex) => outcomeOf(snapshot.read(pageIndex))))
    expect(outcomes).toEqual(['unknown OUTCOME_UNKNOWN', 'unknown OUTCOME_UNKNOWN', 'ok'])
  })

  test('a bound that is none is refused', async () => {
    expect(await outcomeOf(openWorld().open({ fetchesMax: 0 }))).toBe('unsupported CLIENT_OPTIONS')
  })
})
