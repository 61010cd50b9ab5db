import { FRAME_BYTES_MAX } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { openDiskFrameCache } from '../../src/node.ts'
import { outcomeOf } from '../harness.ts'
import { MemoryFolder, systemError } from './memory-folder.ts'
import { fill, found, frameOf, keys, openSmall, PER_FILE, SMALL, SMALL_BYTES } from './small-cache.ts'

test('a frame is there once it has been written, and not before', async () => {
  const cache = await openSmall(new MemoryFolder())
  cache.write('a', frameOf('a'))
  expect(cache.read('a')).toBeUndefined()
  await cache.settled()
  expect(await cache.read('a')).toEqual(frameOf('a'))
  expect(cache.read('b')).toBeUndefined()
  expect(cache.metrics()).toEqual({
    framesWritten: 1,
    framesDropped: 0,
    framesEvicted: 0,
    failures: 0,
    framesNow: 1,
    bytesNow: 24 + 16 + 300,
  })
})

test('a frame that is there is not written again', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder)
  cache.write('a', frameOf('a'))
  cache.write('a', frameOf('a'))
  await cache.settled()
  cache.write('a', frameOf('a'))
  await cache.settled()
  expect(folder.bytes).toBe(24 + 16 + 300)
})

test('frames of one turn go to the disk in one write, behind the one of the header', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder)
  let writes = 0
  folder.onCall = ({ call }) => void (writes += Number(call === 'write'))
  for (const key of keys(1, 10)) cache.write(key, frameOf(key))
  await cache.settled()
  expect(writes).toBe(2)
  expect(await found(cache, keys(1, 10))).toHaveLength(10)
})

test('a cache that nothing is written to makes no file', async () => {
  const folder = new MemoryFolder()
  await (await openSmall(folder)).close()
  expect(folder.files.size).toBe(0)
})

test('a restart keeps what was there, read from the index of each file', async () => {
  const folder = new MemoryFolder()
  const first = await openSmall(folder)
  await fill(first, keys(1, 30))
  await first.close()
  expect(folder.openFiles).toBe(0)
  // None of them has to be searched.
  const ends = [...folder.files.values()].map(({ content }) => Buffer.from(content.subarray(-4)).toString())
  expect(ends).toEqual(['GTKI', 'GTKI', 'GTKI'])
  let reads = 0
  folder.onCall = ({ call }) => void (reads += Number(call === 'read'))
  const second = await openSmall(folder)
  // Header, trailer and index of three files.
  expect(reads).toBe(9)
  expect(await found(second, keys(1, 30))).toEqual(keys(1, 30))
  expect(second.metrics()).toMatchObject({ framesNow: 30, bytesNow: folder.bytes })
})

test('a crash keeps what had been written, also of the file without an index', async () => {
  const folder = new MemoryFolder()
  await fill(await openSmall(folder), keys(1, 30))
  const cache = await openSmall(folder.copy())
  expect(await found(cache, keys(1, 30))).toEqual(keys(1, 30))
})

test('a tail that a crash has torn at any byte costs the frame in it, and nothing else', async () => {
  const folder = new MemoryFolder()
  await fill(await openSmall(folder), keys(1, 3))
  const whole = folder.files.get('00.frames')?.content as Uint8Array
  for (let length = 0; length <= whole.length; length++) {
    const torn = new MemoryFolder()
    torn.plant('00.frames', whole.subarray(0, length))
    const cache = await openSmall(torn)
    const expected = keys(1, Math.max(0, Math.floor((length - 24) / 316)))
    expect(cache.metrics()).toMatchObject({ framesNow: expected.length, failures: 0 })
    expect(await found(cache, keys(1, 3))).toEqual(expected)
    await cache.close()
  }
})

test('a file is never written to again after a restart, so that two owners cannot mix', async () => {
  const folder = new MemoryFolder()
  const first = await openSmall(folder)
  await fill(first, ['a'])
  const second = await openSmall(folder)
  await fill(second, ['b'])
  await fill(first, ['c'])
  expect([...folder.files.keys()]).toEqual(['00.frames', '01.frames'])
  expect(await found(await openSmall(folder.copy()), ['a', 'b', 'c'])).toEqual(['a', 'b', 'c'])
})

test('the bound holds at every moment, with headers and indexes, whoever writes and however often it starts anew', async () => {
  const folder = new MemoryFolder()
  const caches = [await openSmall(folder), await openSmall(folder), await openSmall(folder)]
  for (const [round, key] of keys(1, 600).entries()) {
    const i = round % caches.length
    if (round % 50 === 49) {
      await caches[i]?.close()
      caches[i] = await openSmall(folder)
    }
    await fill(caches[i] as (typeof caches)[number], [key], 100 + (round % 7) * 100)
  }
  for (const cache of caches) await cache.close()
  expect(folder.peakBytes).toBeLessThanOrEqual(SMALL_BYTES)
  expect(folder.peakFileBytes).toBeLessThanOrEqual(SMALL.fileBytesMax)
  // It is used, too.
  expect(folder.peakBytes).toBeGreaterThan(SMALL_BYTES * 0.7)
  expect(folder.openFiles).toBe(0)
})

test('the oldest frames go first, a file at a time', async () => {
  const cache = await openSmall(new MemoryFolder())
  await fill(cache, keys(1, 7 * PER_FILE))
  // All but one name is in use.
  expect(cache.metrics()).toMatchObject({ framesNow: 7 * PER_FILE, framesEvicted: 0 })
  await fill(cache, keys(7 * PER_FILE + 1, 7 * PER_FILE + 1))
  expect(cache.metrics()).toMatchObject({ framesNow: 6 * PER_FILE + 1, framesEvicted: PER_FILE })
  expect(await found(cache, keys(1, 7 * PER_FILE + 1))).toEqual(keys(PER_FILE + 1, 7 * PER_FILE + 1))
})

test('frames that have been read move on when their file goes, half a file of them at most', async () => {
  const cache = await openSmall(new MemoryFolder())
  await fill(cache, keys(1, 7 * PER_FILE))
  await found(cache, keys(2, PER_FILE))
  await fill(cache, keys(7 * PER_FILE + 1, 7 * PER_FILE + 1))
  // Six frames of 300 bytes are less than half of 4,000, seven are more.
  expect(await found(cache, keys(1, PER_FILE))).toEqual(keys(2, 7))
  // Those that nobody reads again go the next time that it is their turn.
  const later = await openSmall(new MemoryFolder())
  await fill(later, keys(1, 7 * PER_FILE))
  await found(later, keys(2, 7))
  await fill(later, keys(1001, 1000 + 20 * PER_FILE))
  expect(await found(later, keys(1, PER_FILE))).toEqual([])
})

test('a frame that moves on is still there after a restart, once', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder)
  await fill(cache, keys(1, 7 * PER_FILE))
  await found(cache, keys(1, 1))
  await fill(cache, keys(7 * PER_FILE + 1, 7 * PER_FILE + 1))
  await cache.close()
  const again = await openSmall(folder)
  expect(await found(again, keys(1, 2))).toEqual(keys(1, 1))
})

test('a frame that is removed while others move on does not move on', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder)
  await fill(cache, keys(1, 7 * PER_FILE))
  await found(cache, keys(1, 2))
  const gate = Promise.withResolvers<void>()
  const isReading = Promise.withResolvers<void>()
  folder.onCall = ({ call }) => {
    if (call !== 'read') return undefined
    isReading.resolve()
    return gate.promise
  }
  cache.write('next', frameOf('next'))
  await isReading.promise
  cache.remove('frame 2')
  gate.resolve()
  await cache.settled()
  await cache.close()
  folder.onCall = undefined
  expect(await found(await openSmall(folder), keys(1, 2))).toEqual(['frame 1'])
})

test('short files, as restarts leave them, are put together before a full one goes', async () => {
  const folder = new MemoryFolder()
  const layout = { ...SMALL, filesMax: 16 }
  let cache = await openSmall(folder, {}, layout)
  await fill(cache, keys(1, 5 * PER_FILE))
  // Each start leaves a file with one frame.
  for (let i = 1; i <= 20; i++) {
    await cache.close()
    cache = await openSmall(folder, {}, layout)
    await fill(cache, [`start ${i}`])
  }
  expect(await found(cache, keys(1, 5 * PER_FILE))).toEqual(keys(1, 5 * PER_FILE))
  expect(
    await found(
      cache,
      Array.from({ length: 20 }, (_, i) => `start ${i + 1}`),
    ),
  ).toHaveLength(20)
})

test('short files that crashes leave cost no full one either', async () => {
  let folder = new MemoryFolder()
  const layout = { ...SMALL, filesMax: 16 }
  await fill(await openSmall(folder, {}, layout), keys(1, 5 * PER_FILE))
  for (let i = 1; i <= 20; i++) {
    folder = folder.copy()
    await fill(await openSmall(folder, {}, layout), [`start ${i}`])
  }
  const cache = await openSmall(folder, {}, layout)
  expect(await found(cache, keys(1, 5 * PER_FILE))).toEqual(keys(1, 5 * PER_FILE))
})

test('two caches of one folder: each finds what was there when it looked, and both stay within their own files', async () => {
  const folder = new MemoryFolder()
  const layout = { ...SMALL, filesMax: 16 }
  const [one, other] = [await openSmall(folder, {}, layout), await openSmall(folder, {}, layout)]
  await fill(one, keys(1, 5))
  await fill(other, keys(6, 10))
  expect(await found(one, keys(1, 10))).toEqual(keys(1, 5))
  expect(await found(other, keys(1, 10))).toEqual([...keys(1, 5), ...keys(6, 10)])
  await Promise.all([fill(one, keys(100, 180)), fill(other, keys(200, 280))])
  expect(await found(one, keys(170, 180))).toEqual(keys(170, 180))
  expect(await found(other, keys(270, 280))).toEqual(keys(270, 280))
  expect(folder.peakBytes).toBeLessThanOrEqual(2 * SMALL_BYTES)
  await Promise.all([one.close(), other.close()])
  expect(folder.openFiles).toBe(0)
})

test('a file that another process has removed, or replaced by its own, is a miss', async () => {
  const folder = new MemoryFolder()
  const one = await openSmall(folder)
  await fill(one, keys(1, PER_FILE))
  const other = await openSmall(folder)
  await fill(other, keys(1001, 1000 + 20 * PER_FILE))
  expect(await found(one, keys(1, PER_FILE))).toEqual([])
  // What one writes next does not touch the files that have taken the names of its own.
  await fill(one, keys(1, PER_FILE))
  expect(await found(one, keys(1, PER_FILE))).toEqual(keys(1, PER_FILE))
  expect(one.metrics().failures).toBe(0)
})

test('another process that is slow to fill its file keeps it', async () => {
  const folder = new MemoryFolder()
  const [fast, slow] = [await openSmall(folder), await openSmall(folder)]
  await fill(slow, ['slow 0'])
  for (let i = 1; i <= 20; i++) {
    await fill(fast, keys(i * 100 + 1, i * 100 + PER_FILE))
    await fill(slow, [`slow ${i}`], 10)
  }
  // It is short, and older than all others.
  expect(await found(slow, ['slow 0', 'slow 20'])).toEqual(['slow 0', 'slow 20'])
})

test('a file of which nobody knows what it is takes up a name, and is the first to go', async () => {
  const folder = new MemoryFolder()
  folder.plant('03.frames', new Uint8Array(3000).fill(7))
  folder.plant('notes.txt', new Uint8Array(100_000))
  const cache = await openSmall(folder)
  await fill(cache, keys(1, 6 * PER_FILE + 1))
  expect(folder.files.get('03.frames')?.content[0]).not.toBe(7)
  expect(await found(cache, keys(1, 6 * PER_FILE + 1))).toHaveLength(6 * PER_FILE + 1)
  expect(folder.files.has('notes.txt')).toBe(true)
})

test('a lower bound than before: files that are too long for it go at once', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder)
  await fill(cache, keys(1, 2 * PER_FILE + 1))
  await cache.close()
  const smaller = await openSmall(folder, {}, { filesMax: 8, fileBytesMax: 2000 })
  expect(await found(smaller, keys(1, 2 * PER_FILE + 1))).toEqual(keys(2 * PER_FILE + 1, 2 * PER_FILE + 1))
  expect(folder.bytes).toBeLessThanOrEqual(8 * 2000)
})

test('removed is gone until it is written again, and the new one counts after a restart', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder)
  await fill(cache, ['a', 'b'])
  const content = folder.files.get('00.frames')?.content as Uint8Array
  content[24 + 16 + 5] = (content[24 + 16 + 5] as number) ^ 1
  expect(await cache.read('a')).not.toEqual(frameOf('a'))
  cache.remove('a')
  expect(cache.read('a')).toBeUndefined()
  await fill(cache, ['a'])
  expect(await cache.read('a')).toEqual(frameOf('a'))
  await cache.close()
  expect(await found(await openSmall(folder), ['a', 'b'])).toEqual(['a', 'b'])
})

test('of two copies of a frame in two files the newer one counts after a restart', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder)
  await fill(cache, ['a'])
  const content = folder.files.get('00.frames')?.content as Uint8Array
  content[24 + 16] = (content[24 + 16] as number) ^ 1
  await fill(cache, keys(1, PER_FILE))
  cache.remove('a')
  await fill(cache, ['a'])
  await cache.close()
  expect(await found(await openSmall(folder), ['a'])).toEqual(['a'])
})

test('after a restart it is still the oldest that go first, although names have been used again', async () => {
  const folder = new MemoryFolder()
  const before = await openSmall(folder)
  await fill(before, keys(1, 12 * PER_FILE))
  const kept = await found(before, keys(1, 12 * PER_FILE))
  await before.close()
  const cache = await openSmall(folder)
  await fill(cache, keys(1001, 1001))
  expect(await found(cache, kept)).toEqual(kept.slice(PER_FILE))
})

test('a read that fails late does not take away what has been written meanwhile', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder)
  await fill(cache, ['a'])
  const gate = Promise.withResolvers<void>()
  folder.onCall = ({ call }) => (call === 'read' ? gate.promise : undefined)
  const reading = cache.read('a')
  await new Promise((resolve) => setImmediate(resolve))
  cache.remove('a')
  await fill(cache, ['a'])
  gate.reject(systemError('EIO'))
  expect(await reading).toBeUndefined()
  folder.onCall = undefined
  expect(await found(cache, ['a'])).toEqual(['a'])
})

test('a read under way gets its frame although its file goes meanwhile, and the file is closed only then', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder)
  await fill(cache, keys(1, 7 * PER_FILE))
  const gate = Promise.withResolvers<void>()
  let isHeld = false
  folder.onCall = ({ call, name }) => {
    if (call !== 'read' || name !== '00.frames' || isHeld) return undefined
    isHeld = true
    return gate.promise
  }
  const reading = cache.read('frame 3')
  const filling = fill(cache, keys(1001, 1001))
  await new Promise((resolve) => setImmediate(resolve))
  expect(folder.files.has('00.frames')).toBe(true)
  gate.resolve()
  expect(await reading).toEqual(frameOf('frame 3'))
  await filling
  expect(folder.files.has('00.frames')).toBe(false)
})

test('a read that waits for its turn finds a frame that has moved on meanwhile', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder)
  await fill(cache, keys(1, 7 * PER_FILE))
  const gate = Promise.withResolvers<void>()
  folder.onCall = ({ call, name }) => (call === 'read' && name === '05.frames' ? gate.promise : undefined)
  // As many as may be read at a time; the next one has no buffer yet.
  const held = Array.from({ length: 32 }, async () => cache.read(`frame ${5 * PER_FILE + 1}`))
  const waiting = keys(1, PER_FILE).map((key) => ({ key, frame: cache.read(key) }))
  await fill(cache, keys(1001, 1001))
  gate.resolve()
  // Six of them have moved on; the others are gone with their file, which is no failure of the disk.
  for (const [i, { key, frame }] of waiting.entries()) expect(await frame).toEqual(i < 6 ? frameOf(key) : undefined)
  expect(cache.metrics().failures).toBe(0)
  for (const frame of await Promise.all(held)) expect(frame).toEqual(frameOf(`frame ${5 * PER_FILE + 1}`))
})

test('closing waits for reads under way, writes what it was handed, and then finds and takes nothing', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder)
  await fill(cache, keys(1, 3))
  const gate = Promise.withResolvers<void>()
  folder.onCall = ({ call }) => (call === 'read' ? gate.promise : undefined)
  const reading = cache.read('frame 2')
  await new Promise((resolve) => setImmediate(resolve))
  cache.write('last', frameOf('last'))
  let isClosed = false
  const closing = cache.close().then(() => {
    isClosed = true
  })
  expect(cache.read('frame 1')).toBeUndefined()
  await new Promise((resolve) => setImmediate(resolve))
  expect(isClosed).toBe(false)
  expect(cache.read('frame 1')).toBeUndefined()
  cache.write('too late', frameOf('too late'))
  gate.resolve()
  expect(await reading).toEqual(frameOf('frame 2'))
  await closing
  await cache.close()
  expect(folder.openFiles).toBe(0)
  folder.onCall = undefined
  expect(await found(await openSmall(folder), ['frame 1', 'last', 'too late'])).toEqual(['frame 1', 'last'])
})

test('closing does not wait for frames to move on: their file stays for another time', async () => {
  const folder = new MemoryFolder()
  const cache = await openSmall(folder, {}, { filesMax: 4, fileBytesMax: 8 * 2 ** 20 })
  // 31 of 256 KiB fit into a file; 15 of them may move on, four at a time.
  await fill(cache, keys(1, 3 * 31), 2 ** 18)
  await found(cache, keys(1, 31))
  const gate = Promise.withResolvers<void>()
  const isReading = Promise.withResolvers<void>()
  let reads = 0
  folder.onCall = ({ call }) => {
    if (call !== 'read') return undefined
    reads += 1
    isReading.resolve()
    return gate.promise
  }
  cache.write('next', frameOf('next', 2 ** 18))
  await isReading.promise
  const closing = cache.close()
  gate.resolve()
  await closing
  expect(reads).toBe(4)
  expect(folder.files.size).toBe(4)
})

test('frames that are none are not taken', async () => {
  const cache = await openSmall(new MemoryFolder(), {}, { filesMax: 8, fileBytesMax: 2 ** 20 })
  cache.write('nothing', new Uint8Array(0))
  cache.write('too long', new Uint8Array(FRAME_BYTES_MAX + 1))
  cache.write('longest', new Uint8Array(FRAME_BYTES_MAX))
  await cache.settled()
  expect(cache.metrics().framesNow).toBe(1)
  expect(await cache.read('longest')).toHaveLength(FRAME_BYTES_MAX)
})

test.each([64 * 2 ** 20 - 1, 2 ** 40 + 1, Number.NaN, 2 ** 26 + 0.5])('a bound of %s bytes is refused', async (bytesMax) => {
  expect(await outcomeOf(openDiskFrameCache({ directory: '/nowhere', bytesMax }))).toBe('invalid PAGESTORE_OPTIONS')
})

test('the layout of these tests is small enough for what they count', () => {
  expect(SMALL).toEqual({ filesMax: 8, fileBytesMax: 4000 })
  expect(24 + PER_FILE * (16 + 300 + 12) + 16).toBeLessThanOrEqual(4000)
  expect(24 + (PER_FILE + 1) * (16 + 300 + 12) + 16).toBeGreaterThan(4000)
})
