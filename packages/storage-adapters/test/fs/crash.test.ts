import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { failureOf, pattern } from '../../src/conformance/trial.ts'
import { nodeEnvironment } from '../../src/fs/environment.ts'
import { nodeFiles } from '../../src/fs/files.ts'
import { FsStore, openFsStore } from '../../src/fs/fs-store.ts'
import { deadProcess, foreignProcess, handClock, systemError, watchedFiles } from './files-double.ts'
import { newFolder, removeFolder } from './temp-folder.ts'

const KEY = 'volumes/v/commits/0000000000000001'
const OLD = pattern(3000, 1)
const NEW = pattern(5000, 2)

interface Case {
  readonly name: string
  /** Whether the object is there before. */
  readonly isPresent: boolean
  /** What is there after the write. */
  readonly after: Uint8Array | undefined
  readonly write: (store: FsStore, etag: string) => Promise<unknown>
}

const CASES: readonly Case[] = [
  { name: 'create', isPresent: false, after: NEW, write: (store) => store.create(KEY, NEW) },
  { name: 'put of a new object', isPresent: false, after: NEW, write: (store) => store.put(KEY, NEW) },
  { name: 'put over an object', isPresent: true, after: NEW, write: (store) => store.put(KEY, NEW) },
  { name: 'compareAndSwap', isPresent: true, after: NEW, write: (store, etag) => store.compareAndSwap(KEY, NEW, { etag }) },
  { name: 'delete', isPresent: true, after: undefined, write: (store) => store.delete(KEY) },
  { name: 'conditional delete', isPresent: true, after: undefined, write: (store, etag) => store.delete(KEY, { etag }) },
]

// A process that was killed makes no more calls; its code may run on here, but reaches nothing.
const KILLED = { error: systemError('KILLED'), when: 'before' } as const

interface Run {
  readonly folder: string
  /** What the write that was cut off said, `undefined` if it resolved. */
  readonly failure: unknown
  readonly calls: number
}

/** Opens a store, starts the write, and kills the process at the given call: just before its effect or just after. */
async function crash(folder: string, item: Case, at: number, when: 'before' | 'after', player: typeof deadProcess): Promise<Run> {
  let etag = ''
  if (item.isPresent) {
    const store = await FsStore.open(folder, { fsync: false })
    etag = (await store.put(KEY, OLD)).etag
    await store.close()
  }
  let calls = 0
  const files = watchedFiles(() => {
    calls++
    if (calls < at) return undefined
    return calls === at ? { error: KILLED.error, when } : KILLED
  })
  let failure: unknown
  try {
    const store = await openFsStore(player(files), folder)
    failure = await failureOf(item.write(store, etag))
  } catch (error) {
    failure = error
  }
  return { folder, failure, calls }
}

async function stagingNames(folder: string): Promise<string[]> {
  return readdir(join(folder, '%staging'))
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return Buffer.compare(a, b) === 0
}

/** What has to hold on a folder after a crash, whoever looks. */
async function checkAfter(item: Case, run: Run, environment: typeof nodeEnvironment): Promise<void> {
  const store = await openFsStore(environment, run.folder, { fsync: false })
  const found = (await store.get(KEY))?.bytes
  const before = item.isPresent ? OLD : undefined
  const isOld = sameBytes(found, before)
  expect(isOld || sameBytes(found, item.after), 'whole old or whole new').toBe(true)
  if (run.failure === undefined) expect(isOld, 'an acknowledged write is there').toBe(false)
  const listed = (await store.list({ prefix: '' })).entries.map((entry) => entry.size)
  expect(listed).toEqual(found === undefined ? [] : [found.byteLength])
  // Others can go on at once: no lock, file or folder of the dead is in the way.
  await store.put(KEY, OLD)
  const { etag } = await store.compareAndSwap(KEY, NEW, { etag: (await store.head(KEY))?.etag ?? '' })
  await store.delete(KEY, { etag })
  await store.create(KEY, NEW)
  expect(sameBytes((await store.get(KEY))?.bytes, NEW)).toBe(true)
  await store.close()
}

async function inFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await newFolder()
  try {
    return await run(folder)
  } finally {
    await removeFolder(folder)
  }
}

describe.each(CASES)('kill -9 during $name', (item) => {
  test.each(['before', 'after'] as const)('%s any call leaves old or new, and nothing behind', async (when) => {
    const total = await inFolder(async (folder) => (await crash(folder, item, Number.POSITIVE_INFINITY, when, deadProcess)).calls)
    expect(total).toBeGreaterThan(8)
    let isSeenOld = false
    let isSeenNew = false
    for (let at = 1; at <= total; at++) {
      await inFolder(async (folder) => {
        const run = await crash(folder, item, at, when, deadProcess)
        const peek = await FsStore.open(folder, { fsync: false })
        if (sameBytes((await peek.get(KEY))?.bytes, item.after)) isSeenNew = true
        else isSeenOld = true
        await peek.close()
        await checkAfter(item, run, nodeEnvironment)
        expect(await stagingNames(folder), `left behind after call ${at}`).toEqual([])
      })
    }
    // Else the crashes all came on one side of the effect, and this test proves nothing.
    expect([isSeenOld, isSeenNew]).toEqual([true, true])
  })

  test('a process that nobody can see is overtaken by time, and cleared when it is old', async () => {
    const clock = handClock()
    const environment = { ...nodeEnvironment, clock, files: nodeFiles }
    const total = await inFolder(
      async (folder) => (await crash(folder, item, Number.POSITIVE_INFINITY, 'before', foreignProcess)).calls,
    )
    for (let at = 1; at <= total; at++) {
      await inFolder(async (folder) => {
        const run = await crash(folder, item, at, 'before', foreignProcess)
        await checkAfter(item, run, { ...nodeEnvironment, clock: { ...clock, dateMs: () => Date.now() } })
        // By the hand clock, all files of the other machine are hours old.
        await (await openFsStore(environment, folder)).close()
        expect(await stagingNames(folder), `left behind after call ${at}`).toEqual([])
      })
    }
  })
})
