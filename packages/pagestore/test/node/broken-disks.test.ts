import { expect, test } from 'vitest'
import { outcomeOf } from '../harness.ts'
import { MemoryFolder, systemError } from './memory-folder.ts'
import { fill, found, frameOf, keys, openSmall, PER_FILE, SMALL_BYTES } from './small-cache.ts'

test('a disk that is full: nothing is written, all is read, and after a pause it is tried again', async () => {
  const folder = new MemoryFolder()
  let nowMs = 0
  const failures: unknown[] = []
  const cache = await openSmall(folder, { nowMs: () => nowMs, onFailure: (error) => void failures.push(error) })
  await fill(cache, keys(1, 3))
  folder.writeBytesMax = 100
  await fill(cache, keys(4, 6))
  expect(await found(cache, keys(1, 6))).toEqual(keys(1, 3))
  // The first one was tried; the others came within the pause.
  expect(failures).toEqual([expect.objectContaining({ code: 'ENOSPC' })])
  expect(cache.metrics()).toMatchObject({ framesWritten: 3, framesDropped: 3, failures: 1 })
  folder.writeBytesMax = Number.POSITIVE_INFINITY
  nowMs = 4999
  await fill(cache, keys(4, 4))
  expect(await found(cache, keys(4, 4))).toEqual([])
  nowMs = 5000
  await fill(cache, keys(4, 6))
  expect(await found(cache, keys(1, 6))).toEqual(keys(1, 6))
  expect(await found(await openSmall(folder.copy()), keys(1, 6))).toEqual(keys(1, 6))
})

test.each(['list', 'create', 'write'] as const)('a disk that fails to %s makes no write fail, and no read', async (failing) => {
  const folder = new MemoryFolder()
  const before = await openSmall(folder)
  await fill(before, keys(1, 3))
  await before.close()
  const cache = await openSmall(folder)
  folder.onCall = ({ call }) => {
    if (call === failing) throw systemError('EROFS')
  }
  await fill(cache, keys(4, 6))
  expect(await found(cache, keys(1, 6))).toEqual(keys(1, 3))
  expect(cache.metrics()).toMatchObject({ framesDropped: 3, failures: 1 })
  await cache.close()
  expect(folder.openFiles).toBe(0)
})

test('files that cannot be removed: the cache stops taking frames rather than grow', async () => {
  const folder = new MemoryFolder()
  let nowMs = 0
  const cache = await openSmall(folder, { nowMs: () => (nowMs += 10_000) })
  folder.onCall = ({ call }) => {
    if (call === 'remove') throw systemError('EACCES')
  }
  await fill(cache, keys(1, 20 * PER_FILE))
  expect(folder.peakBytes).toBeLessThanOrEqual(SMALL_BYTES)
  expect(cache.metrics().failures).toBeGreaterThan(0)
  expect(cache.metrics().framesDropped).toBeGreaterThan(0)
})

test('a frame that cannot be read is a miss, is counted, and can be written again', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder)
  await fill(cache, ['a'])
  folder.onCall = ({ call }) => {
    if (call === 'read') throw systemError('EIO')
  }
  expect(await cache.read('a')).toBeUndefined()
  expect(cache.metrics()).toMatchObject({ failures: 1, framesNow: 0 })
  folder.onCall = undefined
  await fill(cache, ['a'])
  expect(await cache.read('a')).toEqual(frameOf('a'))
})

test('a file that cannot be opened leaves the others', async () => {
  const folder = new MemoryFolder()
  const before = await openSmall(folder)
  await fill(before, keys(1, 2 * PER_FILE))
  await before.close()
  folder.onCall = ({ call, name }) => {
    if (call === 'open' && name === '00.frames') throw systemError('EACCES')
  }
  const cache = await openSmall(folder)
  expect(await found(cache, keys(1, 2 * PER_FILE))).toEqual(keys(PER_FILE + 1, 2 * PER_FILE))
  expect(cache.metrics().failures).toBe(1)
})

test('a disk that is slower than the frames come: 16 MiB of them wait, the others are dropped', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder, {}, { filesMax: 8, fileBytesMax: 8 * 2 ** 20 })
  const gate = Promise.withResolvers<void>()
  folder.onCall = ({ call }) => (call === 'create' ? gate.promise : undefined)
  const frame = new Uint8Array(2 ** 18)
  for (const key of keys(1, 70)) cache.write(key, frame)
  expect(cache.metrics().framesDropped).toBe(6)
  gate.resolve()
  await cache.settled()
  expect(cache.metrics()).toMatchObject({ framesWritten: 64, framesNow: 64 })
  // What has been written waits no longer.
  for (const key of keys(101, 164)) cache.write(key, frame)
  await cache.settled()
  expect(cache.metrics()).toMatchObject({ framesWritten: 128, framesDropped: 6 })
})

test('a log that throws harms nothing', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder, {
    onFailure: () => {
      throw new Error('a bug of the caller')
    },
  })
  folder.writeBytesMax = 0
  await fill(cache, ['a'])
  expect(cache.metrics()).toMatchObject({ failures: 1, framesDropped: 1 })
})

test('a folder that cannot be made or listed is told when the cache is opened', async () => {
  for (const failing of ['make', 'list']) {
    const folder = new MemoryFolder()
    folder.onCall = ({ call }) => {
      if (call === failing) throw systemError('EACCES')
    }
    expect(await outcomeOf(openSmall(folder))).toBe('unavailable FRAME_CACHE_FOLDER')
  }
})
