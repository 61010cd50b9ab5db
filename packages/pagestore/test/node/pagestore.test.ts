import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type DiskFrameCache, openDiskFrameCache } from '../../src/node.ts'
import { openHarness, range } from '../harness.ts'
import { withVolume } from '../read/with-volume.ts'
import { withFolder } from './temporary.ts'

const FRAMES = 6
const PAGES = FRAMES * 64

const open = (directory: string): Promise<DiskFrameCache> => openDiskFrameCache({ directory, bytesMax: 64 * 2 ** 20 })

/** A volume that was read once through a page store with a disk cache, which then was closed. */
async function closedAfterReading(directory: string) {
  const frameCache = await open(directory)
  const { memory, read, volumeId, lsn, pages } = await withVolume(PAGES, { frameCache })
  await read(volumeId, lsn, range(1, PAGES))
  await frameCache.close()
  return { memory, volumeId, lsn, pages }
}

/** Another page store over the same objects, with nothing in memory but the log. */
async function restarted(before: Awaited<ReturnType<typeof closedAfterReading>>, frameCache: DiskFrameCache) {
  const { memory, volumeId, lsn, pages } = before
  const harness = openHarness({ wrap: () => memory, frameCache })
  await harness.logs.volume(volumeId).record(lsn)
  harness.store.reset()
  const readAll = async (): Promise<void> => {
    const answer = await harness.read(volumeId, lsn, range(1, PAGES))
    expect(answer.size).toBe(PAGES)
    for (const [index, bytes] of pages) expect(answer.get(index)?.bytes).toEqual(bytes)
  }
  return { ...harness, readAll }
}

test('after a restart what the disk holds costs no GET', async () => {
  await withFolder(async (directory) => {
    const before = await closedAfterReading(directory)
    const cache = await open(directory)
    const { readAll, store, pagestore } = await restarted(before, cache)
    await readAll()
    expect(store.counts.get).toBe(0)
    expect(pagestore.metrics()).toMatchObject({ frameCacheHits: FRAMES, frameCacheMisses: 0, gets: 0 })
    // From now on it is memory that has them.
    await readAll()
    expect(pagestore.metrics()).toMatchObject({ frameCacheHits: FRAMES, framesCached: FRAMES })
    await cache.close()
  })
})

test('100 concurrent readers of one cold frame: 1 GET, and after a restart 1 read of the disk', async () => {
  await withFolder(async (directory) => {
    let frameCache = await open(directory)
    const { memory, read, volumeId, lsn, pages, store } = await withVolume(PAGES, { frameCache })
    await read(volumeId, lsn, [1])
    store.reset()
    await Promise.all(Array.from({ length: 100 }, () => read(volumeId, lsn, [70])))
    expect(store.counts.get).toBe(1)
    await frameCache.close()
    frameCache = await open(directory)
    const again = await restarted({ memory, volumeId, lsn, pages }, frameCache)
    await Promise.all(Array.from({ length: 100 }, () => again.read(volumeId, lsn, [70])))
    expect(again.store.counts.get).toBe(0)
    expect(again.pagestore.metrics()).toMatchObject({ frameCacheHits: 1, framesShared: 99 })
    await frameCache.close()
  })
})

test('I11: a cache of which every byte has been changed costs as many GETs as none, and no page', async () => {
  await withFolder(async (directory) => {
    const before = await closedAfterReading(directory)
    for (const name of await readdir(directory)) {
      const path = join(directory, name)
      const bytes = await readFile(path)
      // Headers and index stay, so that the cache believes that it has the frames.
      for (let at = 24 + 16 + 64; at < bytes.length - 200; at += 1000) bytes[at] = (bytes[at] as number) ^ 0x40
      await writeFile(path, bytes)
    }
    const cache = await open(directory)
    const { readAll, pagestore } = await restarted(before, cache)
    await readAll()
    expect(pagestore.metrics()).toMatchObject({ frameCacheRejected: FRAMES, frameCacheHits: 0 })
    await cache.settled()
    // What came from the store has taken its place.
    const next = await restarted(before, cache)
    await next.readAll()
    expect(next.store.counts.get).toBe(0)
    await cache.close()
  })
})

test('I11: frames of the volume that have changed places in the cache are not believed', async () => {
  await withFolder(async (directory) => {
    const before = await closedAfterReading(directory)
    const path = join(directory, '00.frames')
    const bytes = await readFile(path)
    const moved = Buffer.from(bytes)
    // Frames of 64 pages of noise, each behind the header of its entry.
    const frameBytes = 64 + 64 * 512
    const offsetOf = (i: number): number => 24 + i * (16 + frameBytes) + 16
    for (let i = 0; i < FRAMES; i++) {
      const next = offsetOf((i + 1) % FRAMES)
      bytes.copy(moved, offsetOf(i), next, next + frameBytes)
    }
    await writeFile(path, moved)
    const cache = await open(directory)
    const { readAll, pagestore } = await restarted(before, cache)
    await readAll()
    expect(pagestore.metrics()).toMatchObject({ frameCacheRejected: FRAMES, frameCacheHits: 0 })
    await cache.close()
  })
})

test('a cache that is closed while the page store goes on is no cache', async () => {
  await withFolder(async (directory) => {
    const before = await closedAfterReading(directory)
    const cache = await open(directory)
    const { readAll, pagestore } = await restarted(before, cache)
    await cache.close()
    await readAll()
    expect(pagestore.metrics()).toMatchObject({ frameCacheHits: 0, framesRead: FRAMES })
  })
})
