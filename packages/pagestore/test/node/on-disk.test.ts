import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { diskFolder } from '../../src/node/cache-folder.ts'
import { type DiskFrameCache, openDiskFrameCache } from '../../src/node.ts'
import { outcomeOf } from '../harness.ts'
import { fill, found, keys } from './small-cache.ts'
import { withFolder } from './temporary.ts'

const BYTES_MAX = 64 * 2 ** 20
const FRAME_BYTES = 200_000

const open = (directory: string): Promise<DiskFrameCache> => openDiskFrameCache({ directory, bytesMax: BYTES_MAX })

async function bytesIn(directory: string): Promise<number> {
  const sizes = await Promise.all((await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

test('on a disk: within the bound, the newest frames are found, also after a restart', async () => {
  await withFolder(async (parent) => {
    const directory = join(parent, 'made', 'here')
    const cache = await open(directory)
    // 80 MB: more than it may hold.
    await fill(cache, keys(1, 400), FRAME_BYTES)
    expect(await bytesIn(directory)).toBeLessThanOrEqual(BYTES_MAX)
    expect(cache.metrics()).toMatchObject({ failures: 0, framesDropped: 0, bytesNow: await bytesIn(directory) })
    // Five frames a file, and 62 full files.
    expect(await found(cache, keys(100, 400))).toEqual(keys(100, 400))
    await cache.close()
    const again = await open(directory)
    expect(await found(again, keys(100, 400))).toEqual(keys(100, 400))
    await again.close()
  })
})

test('two caches on one folder of a disk stay within the bound together, and what one removes is a miss to the other', async () => {
  await withFolder(async (directory) => {
    const first = await open(directory)
    await fill(first, keys(1, 40), FRAME_BYTES)
    const second = await open(directory)
    expect(await found(second, keys(1, 40))).toEqual(keys(1, 40))
    await fill(second, keys(1001, 1400), FRAME_BYTES)
    expect(await bytesIn(directory)).toBeLessThanOrEqual(BYTES_MAX)
    expect((await found(first, keys(1, 40))).length).toBeLessThan(40)
    expect(first.metrics().failures).toBe(0)
    await Promise.all([first.close(), second.close()])
  })
})

test('files and the folder are for their owner alone', async () => {
  await withFolder(async (parent) => {
    const directory = join(parent, 'cache')
    const cache = await open(directory)
    await fill(cache, ['a'])
    await cache.close()
    const modes = [directory, join(directory, '00.frames')].map(async (path) => (await stat(path)).mode & 0o777)
    expect(await Promise.all(modes)).toEqual([0o700, 0o600])
  })
})

test('a link in the folder is not followed: what it leads to is neither read nor emptied', async () => {
  await withFolder(async (parent) => {
    const directory = join(parent, 'cache')
    await mkdir(directory)
    await writeFile(join(parent, 'precious'), Buffer.alloc(2 * BYTES_MAX, 1))
    await symlink(join(parent, 'precious'), join(directory, '00.frames'))
    const cache = await open(directory)
    await fill(cache, keys(1, 400), FRAME_BYTES)
    await cache.close()
    expect((await stat(join(parent, 'precious'))).size).toBe(2 * BYTES_MAX)
    expect(cache.metrics().failures).toBe(0)
    // Nor between the look at it and the removal.
    const folder = diskFolder(directory)
    const { ino } = await stat(join(parent, 'precious'))
    await expect(folder.remove({ name: '00.frames', id: `${ino}` })).rejects.toMatchObject({ code: 'ELOOP' })
  })
})

test('a file is removed only if it is still the one that was meant, and its bytes go at once', async () => {
  await withFolder(async (directory) => {
    const folder = diskFolder(directory)
    const file = await folder.create('00.frames')
    await file.write([Buffer.from('abc'), Buffer.from(''), Buffer.from('def')], 2)
    await folder.remove({ name: '00.frames', id: `${file.id}0` })
    expect(await readFile(join(directory, '00.frames'), 'latin1')).toBe('\0\0abcdef')
    await expect(folder.create('00.frames')).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await folder.list(new Set(['00.frames', '01.frames']))).toEqual([{ name: '00.frames', id: file.id, bytes: 8 }])
    await folder.remove({ name: '00.frames', id: file.id })
    expect(await file.length()).toBe(0)
    expect(await readdir(directory)).toEqual([])
    // Another process may have been faster.
    await folder.remove({ name: '00.frames', id: file.id })
    await file.close()
  })
})

test('a folder that is a file is told when the cache is opened', async () => {
  await withFolder(async (parent) => {
    await writeFile(join(parent, 'file'), '')
    expect(await outcomeOf(open(join(parent, 'file')))).toBe('unavailable FRAME_CACHE_FOLDER')
  })
})

test('a folder without write permission is read from', async (context) => {
  if (process.getuid?.() === 0) context.skip('permissions do not bind root')
  await withFolder(async (parent) => {
    const directory = join(parent, 'cache')
    const before = await open(directory)
    await fill(before, ['a'])
    await before.close()
    await chmod(directory, 0o500)
    const cache = await open(directory)
    await fill(cache, ['b'])
    expect(await found(cache, ['a', 'b'])).toEqual(['a'])
    expect(cache.metrics()).toMatchObject({ failures: 1, framesDropped: 1 })
    await cache.close()
    await chmod(directory, 0o700)
  })
})
