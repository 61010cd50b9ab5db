import { rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { nodeEnvironment } from '../../src/fs/environment.ts'
import { FsStore, openFsStore } from '../../src/fs/fs-store.ts'
import { type FilesCall, systemError, type Verdict, watchedFiles } from './files-double.ts'
import { tempFolder } from './temp-folder.ts'

const BODY = new Uint8Array(100)

interface Watched {
  readonly folder: string
  readonly store: FsStore
  /** The calls since the last look: name, path in the store with stamps and hashes taken out, target. */
  readonly calls: () => string[]
}

async function watchedStore(fsync: boolean, judge: (call: FilesCall) => Verdict = () => undefined): Promise<Watched> {
  const folder = await tempFolder()
  let calls: string[] = []
  const short = (path: string): string =>
    `/${relative(folder, path)}`
      .replace(/owner-[^/]+/, 'own')
      .replace(/lock-[0-9a-f]+/, 'lock')
      .replace(/[0-9]+-[0-9a-f-]+\.\d+/g, 'stamp')
  const files = watchedFiles((call) => {
    calls.push([call.name, short(call.path), call.target === undefined ? '' : short(call.target)].join(' ').trim())
    return judge(call)
  })
  const store = await openFsStore({ ...nodeEnvironment, files }, folder, { fsync })
  calls = []
  return {
    folder,
    store,
    calls: () => {
      const taken = calls
      calls = []
      return taken
    },
  }
}

const WRITTEN = [
  'open /%staging/own/stamp',
  'writev /%staging/own/stamp',
  'fdatasync /%staging/own/stamp',
  'close /%staging/own/stamp',
]

test('I1: create is durable before it resolves: body before the name, the name before the answer', async () => {
  const { store, calls } = await watchedStore(true)
  await store.create('a/b/first', BODY)
  // New folders are made durable in their parents before anything is put into them.
  expect(calls().slice(1, 7)).toEqual(['mkdir /a', 'open /', 'fsync /', 'mkdir /a/b', 'open /a', 'fsync /a'])
  await store.create('a/b/second', BODY)
  const second = calls()
  expect(second.slice(0, 4)).toEqual(WRITTEN)
  expect(second[4]).toBe('link /%staging/own/stamp /a/b/second.object')
  expect(second.slice(5).sort()).toEqual(['fsync /a/b', 'unlink /%staging/own/stamp'])
})

test('put is durable before it resolves, and has the lock while it becomes visible', async () => {
  const { store, calls } = await watchedStore(true)
  await store.put('a/x', BODY)
  calls()
  await store.put('a/x', BODY)
  const all = calls()
  // The folder is made while the file is synced.
  expect(all.splice(3, 1)).toEqual(['mkdir /%staging/next-stamp'])
  expect(all.slice(0, 6)).toEqual([
    ...WRITTEN,
    'rename /%staging/own/stamp /%staging/next-stamp/stamp',
    'rename /%staging/next-stamp /%staging/lock',
  ])
  expect(all[6]).toBe('rename /%staging/lock/stamp /a/x.object')
  // The sync that is waited for begins first.
  expect(all.slice(7)).toEqual(['fsync /a', 'rmdir /%staging/lock'])
})

test.each([
  ['short', BODY],
  ['long', new Uint8Array(100_000)],
])('a swap that comes too late syncs nothing, takes no lock and leaves no file, with a %s body', async (_, body) => {
  const { store, calls } = await watchedStore(true)
  const { etag } = await store.put('a/x', BODY)
  await store.put('a/x', BODY)
  calls()
  await expect(store.compareAndSwap('a/x', body, { etag })).rejects.toMatchObject({ code: 'STORE_CHANGED' })
  const all = calls()
  expect(all.filter((call) => call.startsWith('fdatasync') || call.startsWith('rename'))).toEqual([])
  // Only a short one was begun at all.
  const begun = all.filter((call) => call.includes('/%staging/own/stamp'))
  const left = begun.filter((call) => call.startsWith('open')).length - begun.filter((call) => call.startsWith('unlink')).length
  expect(left).toBeLessThanOrEqual(0)
  expect(begun.some((call) => call.startsWith('writev'))).toBe(body === BODY)
})

test('a deletion is durable before it resolves', async () => {
  const { store, calls } = await watchedStore(true)
  await store.put('a/x', BODY)
  calls()
  await store.delete('a/x')
  const all = calls()
  const effect = all.indexOf('rename /a/x.object /%staging/lock/stamp/deleted')
  expect(effect).toBeGreaterThan(0)
  expect(all.slice(effect)).toContain('fsync /a')
})

test('without fsync nothing is synced', async () => {
  const { store, calls } = await watchedStore(false)
  await store.create('a/b', BODY)
  await store.put('a/b', BODY)
  await store.delete('a/b')
  expect(calls().filter((call) => call.includes('sync'))).toEqual([])
})

test('writers of one folder share syncs that begin after their writes', async () => {
  const { store, calls } = await watchedStore(true)
  await store.create('a/first', BODY)
  calls()
  await Promise.all(Array.from({ length: 40 }, (_, i) => store.create(`a/${i}`, BODY)))
  const all = calls()
  const syncs = all.filter((call) => call === 'fsync /a').length
  expect(all.filter((call) => call.startsWith('link')).length).toBe(40)
  expect(syncs).toBeLessThan(40)
  expect(all.lastIndexOf('fsync /a')).toBeGreaterThan(all.findLastIndex((call) => call.startsWith('link')))
})

test('a read waits until what it has seen is durable', async () => {
  const events: string[] = []
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  const folder = await tempFolder()
  const base = watchedFiles(() => undefined)
  const files = {
    ...base,
    fsync: async (fd: number) => {
      if (events.includes('armed')) {
        events.push('sync begins')
        await gate
      }
      await base.fsync(fd)
    },
  }
  const store = await openFsStore({ ...nodeEnvironment, files }, folder)
  await store.create('a/first', BODY)
  events.push('armed')
  const write = store.create('a/second', BODY).then(() => events.push('written'))
  while (!events.includes('sync begins')) await new Promise((resolve) => setImmediate(resolve))
  const reads = [store.get('a/second'), store.head('a/second'), store.get('a/second', { range: { offset: 1, length: 1 } })]
  const read = Promise.all(reads).then((found) => {
    expect(found.every((item) => item !== undefined)).toBe(true)
    events.push('read')
  })
  // Other objects are not held up; by then the reads have had their time too.
  for (let i = 0; i < 20; i++) await store.get('a/first')
  expect(events).toEqual(['armed', 'sync begins'])
  release()
  await Promise.all([write, read])
  expect(events.slice(2).sort()).toEqual(['read', 'written'])
})

test('a write whose sync fails has an unknown outcome', async () => {
  let isFailing = false
  const { store } = await watchedStore(true, ({ name }) =>
    isFailing && name === 'fsync' ? { error: systemError('EIO'), when: 'before' } : undefined,
  )
  await store.put('a/x', BODY)
  isFailing = true
  const { etag } = (await store.head('a/x')) ?? { etag: '' }
  const unknown = { kind: 'unknown', code: 'STORE_OUTCOME_UNKNOWN' }
  await expect(store.put('a/x', BODY)).rejects.toMatchObject(unknown)
  await expect(store.create('a/y', BODY)).rejects.toMatchObject(unknown)
  await expect(store.compareAndSwap('a/x', BODY, { etag })).rejects.toMatchObject({ kind: 'conflict' })
  await expect(store.delete('a/x')).rejects.toMatchObject(unknown)
  isFailing = false
  // Not remembered: a later write syncs a newly opened folder.
  await store.put('a/x', BODY)
})

test('after a failed sync the folder is opened anew, also for those that were waiting for the next sync', async () => {
  let failures = 1
  const { store, calls } = await watchedStore(true, ({ name, path }) =>
    name === 'fsync' && path.endsWith('/a') && failures-- > 0 ? { error: systemError('EIO'), when: 'before' } : undefined,
  )
  await store.create('b', BODY)
  const outcomes = await Promise.allSettled(Array.from({ length: 30 }, (_, i) => store.create(`a/${i}`, BODY)))
  const failed = outcomes.filter(({ status }) => status === 'rejected').length
  expect(failed).toBeGreaterThan(0)
  // The kernel reports a failure once: a second sync of the same open folder would claim success for lost entries.
  const syncs = calls().filter((call) => call === 'open /a' || call === 'fsync /a')
  expect(syncs.slice(0, 2)).toEqual(['open /a', 'fsync /a'])
  if (syncs.length > 2) expect(syncs[2]).toBe('open /a')
  await store.create('a/later', BODY)
})

test('a folder that was removed and made again is synced itself, not the one that is gone', async () => {
  const { store, calls, folder } = await watchedStore(true)
  await store.create('a/x', BODY)
  await rm(join(folder, 'a'), { recursive: true })
  calls()
  await store.create('a/x', BODY)
  const all = calls()
  expect(all.lastIndexOf('open /a')).toBeGreaterThan(all.indexOf('mkdir /a'))
  expect(all.lastIndexOf('fsync /a')).toBeGreaterThan(all.lastIndexOf('open /a'))
})

test('a body that cannot be synced is no object', async () => {
  const { store, calls } = await watchedStore(true, ({ name }) =>
    name === 'fdatasync' ? { error: systemError('EIO'), when: 'before' } : undefined,
  )
  await expect(store.create('k', BODY)).rejects.toMatchObject({ kind: 'unavailable', code: 'STORE_UNAVAILABLE' })
  await expect(store.put('k', BODY)).rejects.toMatchObject({ kind: 'unavailable' })
  expect(calls().some((call) => call.startsWith('link'))).toBe(false)
  expect(await store.head('k')).toBeUndefined()
})

test('a failure at the moment of the effect that leaves it open is unknown', async () => {
  let when: 'before' | 'after' = 'before'
  const { store } = await watchedStore(false, ({ name, target }) =>
    (name === 'link' || name === 'rename') && target?.endsWith('.object') === true
      ? { error: systemError('EIO'), when }
      : undefined,
  )
  await expect(store.create('k', BODY)).rejects.toMatchObject({ kind: 'unknown' })
  expect(await store.head('k')).toBeUndefined()
  when = 'after'
  await expect(store.create('k', BODY)).rejects.toMatchObject({ kind: 'unknown' })
  expect((await store.head('k'))?.size).toBe(100)
})
