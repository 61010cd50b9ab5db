import { compareKeys } from '../keys.ts'
import { listAll } from '../object-store.ts'
import { bodyOf, refusal, type Scratch } from './scratch.ts'

/** A present object is not created again. */
export async function createOnce(scratch: Scratch): Promise<void> {
  const { store, options } = scratch
  const key = scratch.newKey()
  const what = 'create of a present object'
  await store.create(key, bodyOf(1, 1), options)
  await scratch.expectConflict(what, store.create(key, bodyOf(2, 1), options))
  await scratch.expectVersion(what, key, 1)
}

/** An old version and an absent object are not swapped; etags of reads and writes agree. */
export async function swapOnce(scratch: Scratch): Promise<void> {
  const { store, options } = scratch
  const key = scratch.newKey()
  const first = await store.put(key, bodyOf(1, 1), options)
  const second = await store.compareAndSwap(key, bodyOf(2, 1), { ...options, etag: first.etag })
  const stale = { ...options, etag: first.etag }
  await scratch.expectConflict('swap of an old version', store.compareAndSwap(key, bodyOf(3, 1), stale))
  const found = await scratch.expectVersion('swap of an old version', key, 2)
  if (found.etag !== second.etag) throw refusal('etags differ between a write and a read of the same version')
  const other = scratch.newKey()
  await scratch.expectConflict('swap of an absent object', store.compareAndSwap(other, bodyOf(1, 1), stale))
  await scratch.expectAbsent('swap of an absent object', other)
}

/** A version that came back with the same bytes is another one, if etags are said to be unique. */
export async function swapBack(scratch: Scratch): Promise<void> {
  const { store, options } = scratch
  const key = scratch.newKey()
  const first = await store.put(key, bodyOf(1, 1), options)
  await store.put(key, bodyOf(2, 1), options)
  await store.put(key, bodyOf(1, 1), options)
  const what = 'swap of an old version with the bytes of the present one'
  await scratch.expectConflict(what, store.compareAndSwap(key, bodyOf(3, 1), { ...options, etag: first.etag }))
  await scratch.expectVersion(what, key, 1)
}

/** An old version is not deleted. */
export async function deleteOnce(scratch: Scratch): Promise<void> {
  const { store, options } = scratch
  const key = scratch.newKey()
  const first = await store.put(key, bodyOf(1, 1), options)
  await store.put(key, bodyOf(2, 1), options)
  await scratch.expectConflict('deletion of an old version', store.delete(key, { ...options, etag: first.etag }))
  await scratch.expectVersion('deletion of an old version', key, 2)
}

// As keys sort, and as a walk through folders finds them: the slash sorts between the other two.
const NAMES = ['list/a-b', 'list/a/b', 'list/a0']

/** A listing shows what was just written and not what was just deleted, in order if it is said to be ordered. */
export async function listFresh(scratch: Scratch): Promise<void> {
  const { store, options } = scratch
  const keys = NAMES.map((name) => scratch.newKey(name))
  const prefix = `${scratch.prefix}/list/`
  const listed = async (): Promise<string[]> => {
    const found: string[] = []
    // Pages of two, so that the way from one to the next is tried too.
    for await (const entry of listAll(store, { ...options, prefix, limit: 2 })) found.push(entry.key)
    return store.capabilities.orderedListing ? found : found.sort(compareKeys)
  }
  const expectListed = async (what: string, expected: readonly string[]): Promise<void> => {
    const found = await listed()
    if (found.join() !== expected.join())
      throw refusal(`a listing ${what} has ${found.length} of ${expected.length}, or their order`)
  }
  for (const key of keys) await store.put(key, bodyOf(1, 1), options)
  await expectListed('after writes', keys)
  await store.delete(keys[1] as string, options)
  await expectListed('after a deletion', [keys[0] as string, keys[2] as string])
}

const RANGE = { offset: 3, length: 4 }

/** A part of an object is that part. */
export async function readPart(scratch: Scratch): Promise<void> {
  const { store, options } = scratch
  const key = scratch.newKey()
  await store.put(key, Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), options)
  const found = await store.get(key, { ...options, range: RANGE })
  const isPart = found?.bytes.join() === '3,4,5,6' && found.offset === RANGE.offset && found.size === 10
  if (!isPart) throw refusal('a read of a part gives something else')
}
