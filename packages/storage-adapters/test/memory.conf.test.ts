import { describe, test } from 'vitest'
import { testObjectStore } from '../src/conformance.ts'
import { hedged } from '../src/hedged.ts'
import { MemoryStore } from '../src/memory.ts'
import { metered } from '../src/metered.ts'
import { prefixed } from '../src/prefixed.ts'
import { retrying } from '../src/retrying.ts'

const runner = { describe, test }
const everything = {
  create: true,
  compareAndSwap: true,
  conditionalDelete: true,
  orderedListing: true,
  uniqueEtags: true,
}

testObjectStore({
  name: 'memory',
  open: async () => new MemoryStore(),
  runner,
  capabilities: { ...everything, objectBytesMax: 1024 ** 3, keyBytesMax: 1024 },
})

testObjectStore({
  name: 'memory, small objects, nothing conditional',
  open: async () => new MemoryStore({ objectBytesMax: 2_000_000, without: ['create', 'compareAndSwap', 'conditionalDelete'] }),
  runner,
  capabilities: { create: false, compareAndSwap: false, conditionalDelete: false, objectBytesMax: 2_000_000 },
})

testObjectStore({ name: 'metered memory', open: async () => metered(new MemoryStore()), runner, capabilities: everything })

testObjectStore({
  name: 'retrying memory',
  open: async () => retrying(new MemoryStore()),
  runner,
  capabilities: everything,
})

testObjectStore({
  name: 'hedged memory',
  open: async () => hedged(new MemoryStore(), { budget: 1, percentile: 0 }),
  runner,
  capabilities: everything,
})

testObjectStore({
  name: 'prefixed memory among foreign keys',
  open: async () => {
    const inner = new MemoryStore()
    for (const key of ['a', 'tenants/6/a', 'tenants/7-a', 'tenants/70/a', 'tenants/8/a', 'z']) {
      await inner.put(key, new Uint8Array(3))
    }
    return prefixed(inner, 'tenants/7')
  },
  runner,
  capabilities: { ...everything, keyBytesMax: 1024 - 10 },
})
