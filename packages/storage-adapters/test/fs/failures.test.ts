import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nodeEnvironment } from '../../src/fs/environment.ts'
import { FsStore, openFsStore } from '../../src/fs/fs-store.ts'
import { type FilesCall, systemError, watchedFiles } from './files-double.ts'
import { tempFolder } from './temp-folder.ts'

const BODY = new Uint8Array(100).fill(7)

/** A store whose calls of the given names fail from the moment that `fail` is called. */
async function failingStore(
  folder: string,
): Promise<{ store: FsStore; fail: (code: string, ...names: FilesCall['name'][]) => void }> {
  let code = ''
  let failing: readonly FilesCall['name'][] = []
  const files = watchedFiles(({ name }) => (failing.includes(name) ? { error: systemError(code), when: 'before' } : undefined))
  const store = await openFsStore({ ...nodeEnvironment, files }, folder, { fsync: false })
  const fail = (newCode: string, ...names: FilesCall['name'][]): void => {
    code = newCode
    failing = names
  }
  return { store, fail }
}

describe('opening', () => {
  test('a folder that is missing is an error, and no folder is made', async () => {
    const folder = await tempFolder()
    const missing = join(folder, 'not', 'there')
    await expect(FsStore.open(missing)).rejects.toMatchObject({ kind: 'missing', code: 'STORE_MISSING' })
    expect(await readdir(folder)).toEqual([])
  })

  test('createDirectory makes the folder and those above it', async () => {
    const path = join(await tempFolder(), 'not', 'there')
    const first = await FsStore.open(path, { createDirectory: true })
    await first.put('k', BODY)
    await first.close()
    const second = await FsStore.open(path, { createDirectory: true, fsync: false })
    expect((await second.get('k'))?.bytes).toEqual(BODY)
    await second.close()
  })

  test('a file is no folder', async () => {
    const path = join(await tempFolder(), 'file')
    await writeFile(path, 'x')
    for (const createDirectory of [false, true]) {
      await expect(FsStore.open(path, { createDirectory })).rejects.toMatchObject({ code: 'STORE_MISSING' })
      await expect(FsStore.open(join(path, 'x'), { createDirectory })).rejects.toMatchObject({ code: 'STORE_MISSING' })
    }
  })

  test.each([
    ['EACCES', 'denied', 'STORE_NOT_WRITABLE'],
    ['EPERM', 'denied', 'STORE_NOT_WRITABLE'],
    ['EROFS', 'denied', 'STORE_READ_ONLY'],
    ['ENOSPC', 'exhausted', 'STORE_FULL'],
    ['EDQUOT', 'exhausted', 'STORE_FULL'],
  ])('%s is %s, %s', async (errno, kind, code) => {
    const folder = await tempFolder()
    const files = watchedFiles(({ name }) => (name === 'mkdir' ? { error: systemError(errno), when: 'before' } : undefined))
    await expect(openFsStore({ ...nodeEnvironment, files }, folder)).rejects.toMatchObject({ kind, code })
  })

  test('a path that leaves no room for the longest key, or is none, is refused', async () => {
    for (const path of [`/${'x'.repeat(900)}`, 'a\0b', '', undefined, 7]) {
      await expect(FsStore.open(path as string)).rejects.toMatchObject({ kind: 'invalid', code: 'STORE_ARGUMENT' })
    }
  })
})

test.each([0, -1, 1.5, Number.NaN])('objects of at most %d bytes are refused', async (objectBytesMax) => {
  const opening = FsStore.open(await tempFolder(), { objectBytesMax })
  await expect(opening).rejects.toMatchObject({ code: 'STORE_ARGUMENT' })
})

describe('failing calls of the system', () => {
  test.each([
    ['EACCES', 'denied', 'STORE_NOT_WRITABLE'],
    ['EROFS', 'denied', 'STORE_READ_ONLY'],
    ['ENOSPC', 'exhausted', 'STORE_FULL'],
    ['EDQUOT', 'exhausted', 'STORE_FULL'],
    ['EFBIG', 'exhausted', 'STORE_OBJECT_TOO_LARGE'],
    ['ENAMETOOLONG', 'invalid', 'STORE_KEY'],
    ['EMFILE', 'unavailable', 'STORE_UNAVAILABLE'],
  ] as const)('%s on writing is %s, %s, and leaves all as it was', async (errno, kind, code) => {
    const folder = await tempFolder()
    const { store, fail } = await failingStore(folder)
    const { etag } = await store.put('a/k', BODY)
    for (const name of ['writev', 'link', 'rename'] as const) {
      fail(errno, name)
      const writes = [
        ...(name === 'rename' ? [] : [() => store.create('a/new', new Uint8Array(200))]),
        ...(name === 'link' ? [] : [() => store.put('a/k', new Uint8Array(200))]),
        ...(name === 'link' ? [] : [() => store.compareAndSwap('a/k', new Uint8Array(200), { etag })]),
        ...(name === 'rename' ? [() => store.delete('a/k'), () => store.deleteMany(['a/k'])] : []),
      ]
      for (const write of writes) await expect(write(), name).rejects.toMatchObject({ kind, code })
      expect((await store.get('a/k'))?.etag).toBe(etag)
      expect(await store.head('a/new')).toBeUndefined()
    }
    fail('')
    await store.create('a/new', BODY)
    await store.delete('a/k', { etag })
    await store.close()
    expect(await readdir(join(folder, '%staging'))).toEqual([])
  })

  test('a disk that fills up in the middle of a body says so', async () => {
    const folder = await tempFolder()
    let writes = 0
    const base = watchedFiles(() => undefined)
    const files = {
      ...base,
      writev: (fd: number, parts: readonly Uint8Array[], position: number) => {
        if (++writes > 2) return Promise.reject(systemError('ENOSPC'))
        // Half of it fits, as the kernel reports it.
        const [first = new Uint8Array(0)] = parts
        return base.writev(fd, [first.subarray(0, Math.ceil(first.byteLength / 2))], position)
      },
    }
    const store = await openFsStore({ ...nodeEnvironment, files }, folder)
    await expect(store.create('k', BODY)).rejects.toMatchObject({ kind: 'exhausted', code: 'STORE_FULL' })
    expect(await store.head('k')).toBeUndefined()
    await store.close()
    expect(await readdir(folder, { recursive: true })).toEqual(['%staging'])
  })

  test('short writes and short reads are continued', async () => {
    const base = watchedFiles(() => undefined)
    const files = {
      ...base,
      writev: (fd: number, parts: readonly Uint8Array[], position: number) => {
        const [first = new Uint8Array(0)] = parts
        return base.writev(fd, [first.subarray(0, 999)], position)
      },
      read: (fd: number, target: Uint8Array, length: number, position: number) =>
        base.read(fd, target, Math.min(length, 777), position),
    }
    const store = await openFsStore({ ...nodeEnvironment, files }, await tempFolder(), { fsync: false })
    const body = Uint8Array.from({ length: 150_000 }, (_, i) => i % 251)
    await store.create('k', body)
    expect((await store.get('k'))?.bytes).toEqual(body)
    for (const [offset, length] of [
      [0, 5000],
      [20_000, 70_000],
      [149_000, 5000],
      [0, 8_000_000],
    ] as const) {
      expect((await store.get('k', { range: { offset, length } }))?.bytes).toEqual(body.slice(offset, offset + length))
    }
    await store.close()
  })

  test.each([
    ['EACCES', 'denied', 'STORE_DENIED'],
    ['EIO', 'unavailable', 'STORE_UNAVAILABLE'],
    ['EMFILE', 'unavailable', 'STORE_UNAVAILABLE'],
  ] as const)('I8: %s on reading is %s, never an absent key', async (errno, kind, code) => {
    const { store, fail } = await failingStore(await tempFolder())
    await store.put('a/k', BODY)
    fail(errno, 'open', 'readdir')
    for (const read of [
      () => store.get('a/k'),
      () => store.get('none'),
      () => store.head('a/k'),
      () => store.list({ prefix: '' }),
    ]) {
      await expect(read()).rejects.toMatchObject({ kind, code })
    }
    fail(errno, 'read', 'stat')
    for (const read of [() => store.get('a/k'), () => store.head('a/k'), () => store.list({ prefix: 'a' })]) {
      await expect(read()).rejects.toMatchObject({ kind, code })
    }
  })

  test('I8: a folder that was taken away is not an empty store', async () => {
    const folder = join(await tempFolder(), 'store')
    const store = await FsStore.open(folder, { createDirectory: true })
    await store.put('a/k', BODY)
    await rename(folder, `${folder}-elsewhere`)
    const gone = { kind: 'missing', code: 'STORE_MISSING' }
    const calls = [
      () => store.get('a/k'),
      () => store.head('a/k'),
      () => store.list({ prefix: '' }),
      () => store.create('a/new', BODY),
      () => store.create('b/new', BODY),
      () => store.put('a/k', BODY),
      () => store.put('c/d/new', BODY),
      () => store.delete('a/k'),
    ]
    for (const call of calls) await expect(call()).rejects.toMatchObject(gone)
    // As when a disk is not mounted: the folder is there, the store is not.
    await mkdir(folder)
    for (const call of calls) await expect(call()).rejects.toMatchObject(gone)
    expect(await readdir(folder)).toEqual([])
  })

  test('folders that others removed are made again', async () => {
    const folder = await tempFolder()
    const store = await FsStore.open(folder)
    await store.create('a/b/c/one', BODY)
    await store.put('a/b/c/two', BODY)
    await rm(join(folder, 'a'), { recursive: true })
    await store.create('a/b/c/one', BODY)
    await rm(join(folder, 'a'), { recursive: true })
    await store.put('a/b/c/two', BODY)
    expect((await store.list({ prefix: '' })).entries.map(({ key }) => key)).toEqual(['a/b/c/two'])
    await store.close()
  })
})

describe('damaged files', () => {
  async function damagedStore(damage: (bytes: Buffer) => Uint8Array): Promise<FsStore> {
    const folder = await tempFolder()
    const store = await FsStore.open(folder, { fsync: false })
    await store.put(
      'a/k',
      Uint8Array.from({ length: 100_000 }, (_, i) => i % 251),
    )
    const path = join(folder, 'a', 'k.object')
    await writeFile(path, damage(await readFile(path)))
    return store
  }

  const WAYS: [string, (bytes: Buffer) => Uint8Array][] = [
    ['empty', () => new Uint8Array(0)],
    ['cut inside the header', (bytes) => bytes.subarray(0, 31)],
    ['all zeros', (bytes) => new Uint8Array(bytes.byteLength)],
    ['with a length beyond all bounds', (bytes) => bytes.fill(0xff, 8, 16)],
  ]

  test.each(WAYS)('I11: a file that is %s is corrupt, for every read', async (_, damage) => {
    const store = await damagedStore(damage)
    const corrupt = { kind: 'corrupt', code: 'STORE_CORRUPT' }
    await expect(store.get('a/k')).rejects.toMatchObject(corrupt)
    await expect(store.head('a/k')).rejects.toMatchObject(corrupt)
    for (const range of [
      { offset: 0, length: 10 },
      { offset: 50_000, length: 10 },
      { offset: 0, length: 8_000_000 },
    ]) {
      await expect(store.get('a/k', { range })).rejects.toMatchObject(corrupt)
    }
    await expect(store.create('a/k', BODY)).rejects.toMatchObject({ code: 'STORE_EXISTS' })
    // The way out: it can be removed or overwritten.
    await store.delete('a/k')
    await store.create('a/k', BODY)
    expect((await store.get('a/k'))?.bytes).toEqual(BODY)
  })

  test('I11: a file that lost its end is corrupt where the end is read', async () => {
    const store = await damagedStore((bytes) => bytes.subarray(0, 99_000))
    const corrupt = { kind: 'corrupt', code: 'STORE_CORRUPT' }
    await expect(store.get('a/k')).rejects.toMatchObject(corrupt)
    await expect(store.get('a/k', { range: { offset: 98_000, length: 2000 } })).rejects.toMatchObject(corrupt)
    await expect(store.get('a/k', { range: { offset: 1, length: 8_000_000 } })).rejects.toMatchObject(corrupt)
    expect((await store.get('a/k', { range: { offset: 5, length: 3 } }))?.bytes).toEqual(Uint8Array.of(5, 6, 7))
  })

  test('I11: a small file that is longer than its header says is corrupt', async () => {
    const folder = await tempFolder()
    const store = await FsStore.open(folder, { fsync: false })
    await store.put('k', BODY)
    await writeFile(join(folder, 'k.object'), 'x', { flag: 'a' })
    await expect(store.get('k')).rejects.toMatchObject({ kind: 'corrupt', code: 'STORE_CORRUPT' })
  })

  test('I11: a length in a header is not believed for memory', async () => {
    const folder = await tempFolder()
    const store = await FsStore.open(folder, { fsync: false, objectBytesMax: 200_000 })
    await store.put('k', new Uint8Array(100_000))
    const path = join(folder, 'k.object')
    const bytes = await readFile(path)
    bytes.writeBigUInt64LE(2n ** 45n, 8)
    await writeFile(path, bytes)
    await expect(store.get('k')).rejects.toMatchObject({ kind: 'exhausted', code: 'STORE_OBJECT_TOO_LARGE' })
    const range = { offset: 0, length: 2 ** 44 }
    await expect(store.get('k', { range })).rejects.toMatchObject({ kind: 'exhausted', code: 'STORE_OBJECT_TOO_LARGE' })
  })

  test('a folder with the name of an object is corrupt', async () => {
    const folder = await tempFolder()
    const store = await FsStore.open(folder)
    await mkdir(join(folder, 'k.object'))
    await expect(store.get('k')).rejects.toMatchObject({ kind: 'corrupt' })
  })
})

test('what is not the work of the store is not listed', async () => {
  const folder = await tempFolder()
  const store = await FsStore.open(folder, { fsync: false })
  await store.put('a/k', BODY)
  await writeFile(join(folder, 'README'), 'x')
  await writeFile(join(folder, '%61.object'), 'x')
  await writeFile(join(folder, '.object'), 'x')
  await writeFile(join(folder, 'a', 'é.object'), 'x')
  await mkdir(join(folder, 'lost+found'))
  expect((await store.list({ prefix: '' })).entries.map(({ key }) => key)).toEqual(['a/k'])
})

describe('closing', () => {
  test('waits for calls under way, then refuses', async () => {
    const folder = await tempFolder()
    const store = await FsStore.open(folder)
    const writes = Array.from({ length: 10 }, (_, i) => store.create(`k/${i}`, BODY))
    await Promise.all([store.close(), store.close()])
    const other = await FsStore.open(folder)
    expect((await other.list({ prefix: 'k/' })).entries.length).toBe(10)
    await Promise.all(writes)
    const closed = { kind: 'closed', code: 'STORE_CLOSED' }
    await expect(store.get('k/1')).rejects.toMatchObject(closed)
    await expect(store.put('k/1', BODY)).rejects.toMatchObject(closed)
    await expect(store.list({ prefix: '' })).rejects.toMatchObject(closed)
    await store.close()
    await other.close()
    expect(await readdir(join(folder, '%staging'))).toEqual([])
  })
})

test('a damaged object fails the page of a listing that it is in, and no other', async () => {
  const folder = await tempFolder()
  const store = await FsStore.open(folder, { fsync: false })
  for (const key of ['a', 'b', 'd']) await store.put(key, BODY)
  await writeFile(join(folder, 'c.object'), 'too short')
  await expect(store.list({ prefix: '', limit: 3 })).rejects.toMatchObject({ kind: 'corrupt', code: 'STORE_CORRUPT' })
  // Whatever the order in which the file system gives the names.
  expect((await store.list({ prefix: '', limit: 2 })).entries.map(({ key }) => key)).toEqual(['a', 'b'])
  expect((await store.list({ prefix: '', startAfter: 'c' })).entries.map(({ key }) => key)).toEqual(['d'])
})

test('a size that cannot be found out fails the listing', async () => {
  const { store, fail } = await failingStore(await tempFolder())
  await store.put('a', BODY)
  fail('EIO', 'stat')
  await expect(store.list({ prefix: '' })).rejects.toMatchObject({ kind: 'unavailable' })
})

test('a page of a large folder looks at no more than twice its files', async () => {
  let looks = 0
  const files = watchedFiles(({ name }) => {
    if (name === 'stat') looks++
    return undefined
  })
  const store = await openFsStore({ ...nodeEnvironment, files }, await tempFolder(), { fsync: false })
  for (let i = 10; i < 40; i++) await store.put(`k/${i}`, BODY)
  looks = 0
  const page = await store.list({ prefix: 'k/', limit: 3 })
  expect(page.entries.map(({ key }) => key)).toEqual(['k/10', 'k/11', 'k/12'])
  expect(looks).toBeGreaterThanOrEqual(3)
  expect(looks).toBeLessThanOrEqual(6)
})
