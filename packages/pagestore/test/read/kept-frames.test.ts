import { Splinter } from '@graft-ts/splinter'
import { idToBytes } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { range, settle } from '../harness.ts'
import { MapFrameCache } from '../map-frame-cache.ts'
import { withVolume } from './with-volume.ts'

const FRAMES = 4
const PAGES = FRAMES * 64

/** A volume of four frames, read once through a page store that keeps no frames in memory, only in the cache. */
async function withKept(options: Parameters<typeof withVolume>[1] = {}) {
  const cache = new MapFrameCache()
  const opened = await withVolume(PAGES, { cacheBytesMax: 0, frameCache: cache, ...options })
  const { read, store, volumeId, lsn } = opened
  await read(volumeId, lsn, range(1, PAGES))
  const keys = [...cache.frames.keys()]
  store.reset()
  const readAll = () => read(volumeId, lsn, range(1, PAGES))
  return { ...opened, cache, keys, readAll }
}

type Kept = Awaited<ReturnType<typeof withKept>>

function expectRight({ pages }: Kept, answer: Awaited<ReturnType<Kept['read']>>): void {
  expect(answer.size).toBe(PAGES)
  for (const [index, bytes] of pages) expect(answer.get(index)?.bytes).toEqual(bytes)
}

test('frames of the store go into the frame cache, and come out of it without a GET', async () => {
  const kept = await withKept()
  expect(kept.keys).toHaveLength(FRAMES)
  expectRight(kept, await kept.readAll())
  expect(kept.store.counts.get).toBe(0)
  expect(kept.pagestore.metrics()).toMatchObject({ framesRead: FRAMES, frameCacheHits: FRAMES, frameCacheMisses: FRAMES })
  expect(kept.timers.waiting).toBe(0)
})

test('a page store without memory for frames still reads each frame of the cache once for all who want it', async () => {
  const { cache, readAll, store } = await withKept()
  const gate = Promise.withResolvers<void>()
  cache.onRead = (frame) => gate.promise.then(() => frame)
  const all = Promise.all(Array.from({ length: 100 }, readAll))
  await settle()
  gate.resolve()
  await all
  expect(cache.reads).toBe(FRAMES)
  expect(store.counts.get).toBe(0)
})

test('a frame that memory holds is not looked for', async () => {
  const { cache, readAll } = await withKept({ cacheBytesMax: 2 ** 24 })
  await readAll()
  expect(cache.reads).toBe(0)
})

test('only what is not in the cache is read from the store: one ranged read on each side of what is', async () => {
  const kept = await withKept()
  kept.cache.frames.delete(kept.keys[0] as string)
  kept.cache.frames.delete(kept.keys[2] as string)
  kept.cache.frames.delete(kept.keys[3] as string)
  const before = kept.pagestore.metrics()
  expectRight(kept, await kept.readAll())
  const after = kept.pagestore.metrics()
  // Frames of noise: 64 pages of 512 bytes, and a header of 64.
  expect(after.getBytes - before.getBytes).toBe(3 * (64 * 512 + 64))
  expect(kept.store.counts.get).toBe(2)
  expect(after.frameCacheHits - before.frameCacheHits).toBe(1)
  expect(kept.cache.frames.size).toBe(FRAMES)
})

const DAMAGES: Record<string, (frame: Uint8Array, other: Uint8Array) => Uint8Array> = {
  'a flipped bit': (frame) => frame.map((byte, i) => (i === 1000 ? byte ^ 1 : byte)),
  'a cut end': (frame) => frame.subarray(0, frame.length - 1),
  'more than the frame': (frame) => Uint8Array.of(...frame, 0),
  nothing: () => new Uint8Array(0),
  'another frame of the volume': (_, other) => other,
}

test.each(Object.keys(DAMAGES))(
  'I11: %s in the cache is a miss, is removed, and the right page comes from the store',
  async (name) => {
    const kept = await withKept()
    const [key, otherKey] = kept.keys as [string, string]
    const damaged = (DAMAGES[name] as (typeof DAMAGES)[string])(
      kept.cache.frames.get(key) as Uint8Array,
      kept.cache.frames.get(otherKey) as Uint8Array,
    )
    kept.cache.frames.set(key, damaged)
    expectRight(kept, await kept.readAll())
    expect(kept.store.counts.get).toBe(1)
    expect(kept.cache.removed).toEqual([key])
    expect(kept.pagestore.metrics()).toMatchObject({ frameCacheRejected: 1, framesRejected: 0 })
    expect(kept.events.filter(({ type }) => type === 'kept-frame-rejected')).toHaveLength(1)
    expectRight(kept, await kept.readAll())
    expect(kept.store.counts.get).toBe(1)
  },
)

test('I11: a frame of another volume under the right name is a miss', async () => {
  const [kept, other] = [await withKept(), await withKept()]
  const volumeId = other.newVolume()
  const ref = await other.write(volumeId, other.pages)
  const lsn = await other.commit(volumeId, { base: 0, pageCount: PAGES, refs: [ref] })
  await other.read(volumeId, lsn, [1])
  const foreign = [...other.cache.frames].find(([key]) => key.startsWith(volumeId)) as [string, Uint8Array]
  kept.cache.frames.set(kept.keys[0] as string, foreign[1])
  expectRight(kept, await kept.readAll())
  expect(kept.pagestore.metrics()).toMatchObject({ frameCacheRejected: 1 })
})

const BROKEN: Record<string, (cache: MapFrameCache) => void> = {
  'rejects when it is read': (cache) => {
    cache.onRead = () => Promise.reject(new Error('EIO'))
  },
  'throws when it is read': (cache) => {
    cache.read = () => {
      throw new Error('EIO')
    }
  },
  'throws when it is read and written': (cache) => {
    cache.read = cache.write = () => {
      throw new Error('EIO')
    }
  },
  'throws when it is told of damage': (cache) => {
    cache.onRead = async () => new Uint8Array(3)
    cache.remove = () => {
      throw new Error('EIO')
    }
  },
}

test.each(Object.keys(BROKEN))('a frame cache that %s fails no read, and is counted', async (name) => {
  const kept = await withKept()
  BROKEN[name]?.(kept.cache)
  expectRight(kept, await kept.readAll())
  // 5 are the cache's own.
  expect(kept.pagestore.metrics().frameCacheFailures).toBeGreaterThanOrEqual(5 + FRAMES)
})

test('a frame cache that does not answer is given up after its time, and the store is asked', async () => {
  const kept = await withKept({ limits: { frameCacheTimeoutMs: 250 } })
  kept.cache.onRead = () => new Promise(() => undefined)
  const reading = kept.readAll()
  await kept.timers.advance(249)
  expect(kept.store.counts.get).toBe(0)
  await kept.timers.advance(1)
  expectRight(kept, await reading)
  expect(kept.timers.waiting).toBe(0)
  expect(kept.pagestore.metrics().frameCacheFailures).toBe(5 + FRAMES)
})

test('a frame that is gone when it is read is a miss, and nothing is removed', async () => {
  const kept = await withKept()
  kept.cache.onRead = async () => undefined
  expectRight(kept, await kept.readAll())
  expect(kept.cache.removed).toEqual([])
  expect(kept.pagestore.metrics()).toMatchObject({ frameCacheRejected: 0, frameCacheFailures: 5, frameCacheMisses: 2 * FRAMES })
})

test('a reader that leaves while the cache is read asks nothing of the store', async () => {
  const { cache, client, store, readAll, volumeId, lsn } = await withKept()
  const gate = Promise.withResolvers<void>()
  cache.onRead = () => gate.promise.then(() => undefined)
  const leaving = new AbortController()
  const request = { volumeId: idToBytes(volumeId), lsn: BigInt(lsn), wanted: Splinter.from([1]).toBytes() }
  const answer = client.readPages(request, { signal: leaving.signal })[Symbol.asyncIterator]().next()
  await settle()
  leaving.abort()
  await expect(answer).rejects.toMatchObject({ kind: 'aborted' })
  gate.resolve()
  await settle()
  expect(store.counts.get).toBe(0)
  cache.onRead = undefined
  await readAll()
  expect(store.counts.get).toBe(0)
})

test('the metrics of the frame cache are those of the page store', async () => {
  const { pagestore, cache } = await withKept()
  expect(pagestore.metrics()).toMatchObject({
    frameCacheWrites: 3,
    frameCacheDropped: 2,
    frameCacheFailures: 5,
    frameCacheBytesNow: cache.metrics().bytesNow,
  })
})

test('without a frame cache nothing is counted of one', async () => {
  const { pagestore, read, volumeId, lsn } = await withVolume(64)
  await read(volumeId, lsn, [1])
  const none = { frameCacheHits: 0, frameCacheMisses: 0, frameCacheWrites: 0, frameCacheBytesNow: 0 }
  expect(pagestore.metrics()).toMatchObject(none)
})
