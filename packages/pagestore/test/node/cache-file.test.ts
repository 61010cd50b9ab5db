import { expect, test } from 'vitest'
import { CacheFile } from '../../src/node/cache-file.ts'
import { encodeEntryHeader, encodeHeader, FILE_ENTRIES_MAX } from '../../src/node/cache-file-format.ts'
import { MemoryFolder, systemError } from './memory-folder.ts'

test('a file has room for so many frames, whatever their length, and for so many bytes with its index', async () => {
  const file = await CacheFile.create(new MemoryFolder(), 'a', 1)
  // Header, entry, frame, index.
  const bytes = 24 + 16 + 100 + 12 + 16
  expect(file.hasRoom({ count: 1, bytes: 100 }, bytes)).toBe(true)
  expect(file.hasRoom({ count: 1, bytes: 100 }, bytes - 1)).toBe(false)
  expect(file.hasRoom({ count: 2, bytes: 100 }, bytes + 28)).toBe(true)
  expect(file.hasRoom({ count: 2, bytes: 100 }, bytes + 27)).toBe(false)
  for (let key = 0; key < FILE_ENTRIES_MAX - 1; key++) file.entries.push({ key, length: 1 })
  expect(file.hasRoom({ count: 1, bytes: 100 }, 2 ** 30)).toBe(true)
  expect(file.hasRoom({ count: 2, bytes: 100 }, 2 ** 30)).toBe(false)
})

test('of a file that somebody has filled with entries, no more are believed than a cache writes', async () => {
  const folder = new MemoryFolder()
  const entry = Buffer.concat([encodeEntryHeader({ key: 5, length: 1 }), Buffer.alloc(1)])
  const content = Buffer.concat([encodeHeader(1), ...Array.from({ length: FILE_ENTRIES_MAX + 1 }, () => entry)])
  folder.plant('a', content)
  const file = await CacheFile.open(folder, { name: 'a', id: '1', bytes: content.length })
  expect(file.entries).toHaveLength(FILE_ENTRIES_MAX)
  await file.close()
})

test('a file that cannot be begun is taken away again, and not left open', async () => {
  const folder = new MemoryFolder()
  folder.writeBytesMax = 10
  await expect(CacheFile.create(folder, 'a', 1)).rejects.toMatchObject({ code: 'ENOSPC' })
  expect([folder.files.size, folder.openFiles]).toEqual([0, 0])
})

test('a file that cannot be read is not left open', async () => {
  const folder = new MemoryFolder()
  folder.plant('a', new Uint8Array(100))
  folder.onCall = ({ call }) => {
    if (call === 'read') throw systemError('EIO')
  }
  await expect(CacheFile.open(folder, { name: 'a', id: '1', bytes: 100 })).rejects.toMatchObject({ code: 'EIO' })
  expect(folder.openFiles).toBe(0)
})
