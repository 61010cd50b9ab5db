// The portable parts and the file store under Deno's own test runner.
import { deadline, hedged, metered, prefixed, retrying } from '@graft-ts/storage-adapters'
import { testObjectStore } from '@graft-ts/storage-adapters/conformance'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'

function wrapped(store) {
  return retrying(hedged(deadline(metered(prefixed(store, 'inner')), { ms: 600_000 }), { budget: 0.1 }))
}

const groups = []
const runner = {
  describe(name, body) {
    groups.push(name)
    body()
    groups.pop()
  },
  test: (name, body) => Deno.test([...groups, name].join(' > '), body),
}

testObjectStore({ name: 'memory within every wrapper', runner, open: async () => wrapped(new MemoryStore()) })

const folders = new Map()
testObjectStore({
  name: 'fs',
  runner,
  open: async () => {
    const folder = await Deno.makeTempDir()
    const store = await FsStore.open(folder, { fsync: false })
    folders.set(store, folder)
    return store
  },
  openPeer: (store) => FsStore.open(folders.get(store), { fsync: false }),
  close: async (store) => {
    await store.close()
    const folder = folders.get(store)
    if (folder !== undefined) await Deno.remove(folder, { recursive: true })
  },
})
