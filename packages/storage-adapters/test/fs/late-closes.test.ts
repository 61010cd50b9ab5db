import { expect, test } from 'vitest'
import { nodeEnvironment } from '../../src/fs/environment.ts'
import { nodeFiles } from '../../src/fs/files.ts'
import { openFsStore } from '../../src/fs/fs-store.ts'
import { tempFolder } from './temp-folder.ts'

test('nobody waits for the closing of a file, but the end of the store does', async () => {
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  let waiting = 0
  const open: typeof nodeFiles.open = async (path, flags) => {
    const fd = await nodeFiles.open(path, flags)
    if (path.includes('.object') || flags === 'wx') gated.add(fd)
    return fd
  }
  const gated = new Set<number>()
  const close = async (fd: number): Promise<void> => {
    if (gated.delete(fd)) {
      waiting++
      await gate
      waiting--
    }
    await nodeFiles.close(fd)
  }
  // The last call of a store is to give up its folder.
  let waitingAtEnd: number | undefined
  const rmdir = (path: string): Promise<void> => {
    if (path.includes('owner-')) waitingAtEnd = waiting
    return nodeFiles.rmdir(path)
  }
  const files = { ...nodeFiles, open, close, rmdir }
  const store = await openFsStore({ ...nodeEnvironment, files }, await tempFolder())
  await store.put('k', Uint8Array.of(1))
  expect((await store.get('k'))?.bytes).toEqual(Uint8Array.of(1))
  expect(waiting).toBe(2)
  const closed = store.close()
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(waitingAtEnd).toBeUndefined()
  release()
  await closed
  expect(waitingAtEnd).toBe(0)
})

test('without syncs, a write waits for the closing of its file, and fails with it', async () => {
  const close = async (fd: number): Promise<void> => {
    await nodeFiles.close(fd)
    throw Object.assign(new Error('no place'), { code: 'ENOSPC' })
  }
  const files = { ...nodeFiles, close }
  const store = await openFsStore({ ...nodeEnvironment, files }, await tempFolder(), { fsync: false })
  await expect(store.put('k', Uint8Array.of(1))).rejects.toMatchObject({ kind: 'exhausted', code: 'STORE_FULL' })
  expect(await store.get('k')).toBeUndefined()
  await store.close()
})
