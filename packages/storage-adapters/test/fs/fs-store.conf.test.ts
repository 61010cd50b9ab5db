import { describe, test } from 'vitest'
import { testObjectStore } from '../../src/conformance.ts'
import { FsStore, type FsStoreOptions } from '../../src/fs.ts'
import { newFolder, removeFolder } from './temp-folder.ts'

function testFsStore(name: string, options: FsStoreOptions, racing: { racers: number; rounds: number }): void {
  const folders = new Map<FsStore, string>()
  testObjectStore<FsStore>({
    name,
    runner: { describe, test },
    capabilities: {
      create: true,
      compareAndSwap: true,
      conditionalDelete: true,
      orderedListing: true,
      uniqueEtags: true,
      objectBytesMax: options.objectBytesMax ?? 1024 ** 3,
      keyBytesMax: 1024,
    },
    open: async () => {
      const folder = await newFolder()
      const store = await FsStore.open(folder, options)
      folders.set(store, folder)
      return store
    },
    // A store has no memory of objects, so a second one on the folder is all that another process would be.
    openPeer: (store) => FsStore.open(folders.get(store) as string, options),
    close: async (store) => {
      await store.close()
      const folder = folders.get(store)
      if (folder !== undefined) await removeFolder(folder)
    },
    ...racing,
  })
}

testFsStore('two fs stores on one folder', { fsync: false }, { racers: 12, rounds: 30 })
testFsStore('two durable fs stores on one folder, small objects', { objectBytesMax: 2_000_000 }, { racers: 4, rounds: 3 })
