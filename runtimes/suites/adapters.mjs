// The conformance suite of the object stores that need no more than a folder.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testObjectStore } from '@graft-ts/storage-adapters/conformance'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { wrapped } from './wrapped.mjs'

/** Registers the tests. */
export function testAdapters(runner) {
  testObjectStore({ name: 'memory within every wrapper', runner, open: async () => wrapped(new MemoryStore()) })
  const folders = new Map()
  testObjectStore({
    name: 'fs',
    runner,
    open: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'graft-'))
      const store = await FsStore.open(folder, { fsync: false })
      folders.set(store, folder)
      return store
    },
    openPeer: (store) => FsStore.open(folders.get(store), { fsync: false }),
    close: async (store) => {
      await store.close()
      const folder = folders.get(store)
      if (folder !== undefined) await rm(folder, { recursive: true })
    },
  })
}
