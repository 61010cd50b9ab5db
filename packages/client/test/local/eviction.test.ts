import { leap } from '@graft-ts/prefetch-leap'
import type { Lsn } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import type { Client, Volume } from '../../src/index.ts'
import {
  expectExactUsage,
  headStamps,
  openWorld,
  outcomeOf,
  PAGE_SIZE,
  page,
  pushedVolume,
  stampOf,
  type TestClient,
  write,
} from '../harness.ts'

const numbered = (count: number): Record<number, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [i + 1, i + 1]))
const stampsTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)
/** What one page that was fetched takes up. */
const RECORD = 'v/'.length + 22 + '/o/'.length + 8 + 17 + 4 + PAGE_SIZE

const settled = async ({ client, local }: TestClient): Promise<void> => {
  await client.close()
  await expectExactUsage(local, client)
}
/** Lets everything go on that is under way, room being made included. */
const quiet = async (volume: Volume): Promise<void> => {
  for (let turns = 0; turns < 3; turns++) {
    await volume.idle()
    await new Promise((resolve) => setImmediate(resolve))
  }
}
const bytesOf = (client: Client): number => client.status().localBytes.cached + client.status().localBytes.kept

describe('the limit of the local store', () => {
  test('is kept over all volumes, also those that are not open, and by the next client', async () => {
    const world = openWorld()
    const writer = (await world.open()).client
    const first = await pushedVolume(writer, numbered(40))
    const second = await pushedVolume(writer, numbered(40))
    const free = await world.open()
    for (const { volumeId } of [first, second]) {
      const copy = await free.client.openVolume(volumeId)
      await headStamps(copy)
      await copy.idle()
    }
    expect(free.client.status().localBytes).toEqual({ cached: 80 * RECORD, kept: 0 })
    await settled(free)
    const localBytesMax = 32 * RECORD
    const bound = await free.reopen({ localBytesMax, memoryCacheBytesMax: 1 })
    expect(bound.client.status().localBytesMax).toBe(localBytesMax)
    await bound.client.close()
    // Nobody has opened a volume; some room was made at once, and the rest is by whoever comes next.
    const again = await bound.reopen({ localBytesMax, memoryCacheBytesMax: 1 })
    const copy = await again.client.openVolume(second.volumeId)
    expect(await headStamps(copy)).toEqual(stampsTo(40))
    await quiet(copy)
    await settled(again)
    expect(bytesOf(again.client)).toBeLessThanOrEqual(localBytesMax)
    expect(bytesOf(again.client)).toBeGreaterThan(localBytesMax / 2)
  })

  test('makes room for some pages at once, so that not every page drops another', async () => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, numbered(400))
    const reader = await world.open({ localBytesMax: 64 * RECORD, memoryCacheBytesMax: 1 })
    const snapshot = (await reader.client.openVolume(volume.volumeId)).snapshot()
    await snapshot.readMany([1])
    const before = reader.local.batches
    for (let i = 1; i <= 400; i++) await snapshot.read(i)
    await settled(reader)
    // One batch for each page that is kept, and one for each eighth of the limit.
    expect(reader.local.batches - before).toBeLessThanOrEqual(400 + 400 / 8 + 4)
  })

  test('keeps pages that are read again while others only pass by', async () => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, numbered(600))
    const reader = await world.open({ localBytesMax: 64 * RECORD, memoryCacheBytesMax: 1 })
    const snapshot = (await reader.client.openVolume(volume.volumeId)).snapshot()
    const hot = Array.from({ length: 16 }, (_, i) => 30 * (i + 1))
    await snapshot.readMany(hot)
    let fetchesOfHot = 0
    for (let i = 1; i <= 600; i += 4) {
      await snapshot.readMany([i, i + 1, i + 2, i + 3].filter((pageIndex) => !hot.includes(pageIndex)))
      world.calls.length = 0
      await snapshot.readMany(hot)
      fetchesOfHot += world.calls.length
    }
    await settled(reader)
    expect(fetchesOfHot).toBe(0)
  })

  test('costs no write for a read', async () => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, numbered(20))
    const reader = await world.open({ localBytesMax: 64 * RECORD, memoryCacheBytesMax: 1 })
    const copy = await reader.client.openVolume(volume.volumeId)
    await headStamps(copy)
    await copy.idle()
    const before = reader.local.batches
    const snapshot = copy.snapshot()
    for (let round = 0; round < 10; round++) await snapshot.readMany(stampsTo(20))
    expect(reader.local.batches).toBe(before)
  })

  test('I12: drops nothing that is not pushed, however small it is, and everything else when there is nothing left to keep', async () => {
    const world = openWorld()
    const test = await world.open({ localBytesMax: 1, memoryCacheBytesMax: 1 })
    const volume = await test.client.createVolume({ pageSize: PAGE_SIZE })
    for (let i = 1; i <= 20; i++) await write(volume, { [i]: i })
    expect(bytesOf(test.client)).toBeGreaterThan(20 * PAGE_SIZE)
    await test.client.close()
    const again = await test.reopen()
    const copy = await again.client.openVolume(volume.volumeId)
    world.calls.length = 0
    expect(await headStamps(copy)).toEqual(stampsTo(20))
    expect(world.calls).toEqual([])
    await copy.push()
    await settled(again)
    expect(again.client.status().localBytes).toEqual({ cached: 0, kept: 0 })
    const last = await again.reopen()
    expect(await headStamps(await last.client.openVolume(volume.volumeId))).toEqual(stampsTo(20))
  })

  test('I4: keeps what only this store can give an open snapshot, and fetches the rest again', async () => {
    const world = openWorld()
    const test = await world.open({ localBytesMax: 1, memoryCacheBytesMax: 1 })
    const volume = await pushedVolume(test.client, { 1: 1, 2: 2, 3: 3 })
    const before = volume.snapshot()
    await write(volume, { 2: 22 })
    const pending = volume.snapshot()
    await volume.push()
    await write(volume, { 2: 222 })
    await volume.push()
    await volume.idle()
    // The page that was pending belongs to the remote log by now, but this snapshot does not stand on that commit.
    world.fault = (method) => (method === 'ReadPages' ? 'lost-request' : undefined)
    expect((await pending.readMany([2])).get(2)?.[0]).toBe(22)
    world.fault = () => undefined
    expect(await Promise.all([before, pending].map(async (each) => (await each.read(2))[0]))).toEqual([2, 22])
    before.close()
    pending.close()
    await quiet(volume)
    await settled(test)
    expect(test.client.status().localBytes).toEqual({ cached: 0, kept: 0 })
  })

  test('is kept again when the last snapshot is closed that needed what was pushed meanwhile', async () => {
    const localBytesMax = 16 * RECORD
    const { client } = await openWorld().open({ localBytesMax, memoryCacheBytesMax: 1 })
    const volume = await client.createVolume({ pageSize: PAGE_SIZE })
    await write(volume, numbered(40))
    const snapshot = volume.snapshot()
    await volume.push()
    await quiet(volume)
    // Only this store can give them to the snapshot as they were committed here.
    expect(bytesOf(client)).toBeGreaterThan(localBytesMax)
    snapshot.close()
    await quiet(volume)
    expect(bytesOf(client)).toBeLessThanOrEqual(localBytesMax)
  })

  test('does not fill up with pages of old commits, which nothing may drop while they are open', async () => {
    const world = openWorld()
    const writer = (await world.open()).client
    const volume = await pushedVolume(writer, numbered(100))
    await write(volume, { 1: 101 })
    await volume.push()
    const reader = await world.open({ localBytesMax: 20 * RECORD, memoryCacheBytesMax: 1 })
    const copy = await reader.client.openVolume(volume.volumeId)
    const old = await copy.snapshotAt(1 as never)
    for (const [pageIndex, bytes] of await old.readMany(stampsTo(100))) expect(bytes[0]).toBe(pageIndex)
    await volume.idle()
    await copy.idle()
    expect(bytesOf(reader.client)).toBeLessThanOrEqual(20 * RECORD)
    expect(reader.client.status().localBytes.kept).toBeGreaterThan(0)
    old.close()
    await settled(reader)
    expect(reader.client.status().localBytes.kept).toBe(0)
  })

  test('counts a page once that snapshots at several commits have fetched', async () => {
    const world = openWorld()
    const writer = await pushedVolume((await world.open()).client, { 1: 1 })
    for (const pages of [{ 2: 2 }, { 2: 3 }, { 1: 9 }]) {
      await write(writer, pages)
      await writer.push()
    }
    const reader = await world.open()
    const copy = await reader.client.openVolume(writer.volumeId)
    world.calls.length = 0
    const snapshots = await Promise.all([2, 3].map((lsn) => copy.snapshotAt(lsn as Lsn)))
    for (const snapshot of snapshots) expect(stampOf(await snapshot.read(1))).toBe(1)
    await copy.idle()
    expect(world.calls.filter((call) => call === 'ReadPages')).toHaveLength(2)
    expect(reader.client.status().localBytes.kept).toBeGreaterThan(0)
    await expectExactUsage(reader.local, reader.client)
    for (const snapshot of snapshots) snapshot.close()
    await copy.idle()
    expect(reader.client.status().localBytes).toEqual({ cached: 0, kept: 0 })
  })

  test('tells hydration what did not stay', async () => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, numbered(100))
    const reader = await world.open({ localBytesMax: 40 * RECORD })
    const snapshot = (await reader.client.openVolume(volume.volumeId)).snapshot()
    const { pagesFetched, pagesMissing } = await snapshot.hydrate()
    expect(pagesFetched).toBe(100)
    expect(pagesMissing).toBeGreaterThanOrEqual(60)
    expect(pagesMissing).toBeLessThan(80)
    const roomy = await world.open()
    expect(await (await roomy.client.openVolume(volume.volumeId)).snapshot().hydrate()).toEqual({
      pagesFetched: 100,
      pagesMissing: 0,
    })
  })

  test('lets local commits through, one step at most between them, while room is being made', async () => {
    const world = openWorld()
    const writer = (await world.open()).client
    const volume = await pushedVolume(writer, numbered(900))
    const reader = await world.open({ prefetcher: leap() })
    const copy = await reader.client.openVolume(volume.volumeId)
    await copy.snapshot().hydrate()
    await reader.client.close()
    const again = await reader.reopen({ localBytesMax: 1 })
    const steps: string[] = []
    again.local.before = async (call) => {
      if (call === 'batch') steps.push('batch')
    }
    const opened = await again.client.openVolume(volume.volumeId)
    await write(opened, { 5: 55 })
    expect(steps.length).toBeLessThanOrEqual(3)
    expect(again.client.status().localBytes.cached).toBeGreaterThan(0)
    expect((await opened.snapshot().read(5))[0]).toBe(55)
    await settled(again)
  })

  test('that is no positive number is refused', async () => {
    for (const localBytesMax of [0, -1, 1.5, Number.NaN]) {
      expect(await outcomeOf(openWorld().open({ localBytesMax }))).toBe('unsupported CLIENT_OPTIONS')
    }
  })
})

describe('a store without room', () => {
  const full = new DOMException('The quota has been exceeded.', 'QuotaExceededError')
  const causes: unknown[] = [
    full,
    new Error('batch failed', { cause: full }),
    Object.assign(new Error('write'), { code: 'ENOSPC' }),
    new Error('IO error: /db/000005.log: No space left on device'),
  ]
  const refusing = async (cause: unknown): Promise<{ test: TestClient; volume: Volume; refuse: (on: boolean) => void }> => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, numbered(30))
    const reader = await world.open({ memoryCacheBytesMax: 1 })
    const copy = await reader.client.openVolume(volume.volumeId)
    await copy.snapshot().readMany(stampsTo(20))
    await copy.idle()
    const refuse = (on: boolean): void => {
      reader.local.before = async (call) => {
        if (on && call === 'batch') throw cause
      }
    }
    return { test: reader, volume: copy, refuse }
  }

  test.each(causes)('says so, answers reads all the same, and loses nothing: %s', async (cause) => {
    const { test, volume, refuse } = await refusing(cause)
    await write(volume, { 1: 11 })
    refuse(true)
    expect(await outcomeOf(write(volume, { 2: 22 }))).toBe('exhausted LOCAL_STORE_FULL')
    expect((await volume.snapshot().read(25))[0]).toBe(25)
    await volume.idle()
    expect(volume.status().lastError).toMatchObject({ operation: 'read', code: 'LOCAL_STORE_FULL' })
    refuse(false)
    const { cached } = test.client.status().localBytes
    await write(volume, { 2: 22 })
    expect((await headStamps(volume, 3)).slice(0, 3)).toEqual([11, 22, 3])
    await volume.push()
    await settled(test)
    expect(test.client.status().localBytes.cached).toBeGreaterThan(0)
    expect(cached).toBeGreaterThan(0)
  })

  test('makes room by itself, and keeps less from then on', async () => {
    const { test, volume, refuse } = await refusing(full)
    const before = bytesOf(test.client)
    let left = 1
    test.local.before = async (call) => {
      if (call === 'batch' && left-- > 0) throw full
    }
    expect(await outcomeOf(write(volume, { 2: 22 }))).toBe('exhausted LOCAL_STORE_FULL')
    refuse(false)
    await write(volume, { 2: page(22)[0] as number })
    await settled(test)
    expect(bytesOf(test.client)).toBeLessThanOrEqual((before * 7) / 8)
  })

  test('says why no room could be made', async () => {
    const { test, volume, refuse } = await refusing(full)
    refuse(true)
    expect(await outcomeOf(write(volume, { 2: 22 }))).toBe('exhausted LOCAL_STORE_FULL')
    await volume.idle()
    await new Promise((resolve) => setImmediate(resolve))
    expect(test.client.status().evictionError).toMatchObject({ kind: 'exhausted', code: 'LOCAL_STORE_FULL' })
  })
})
