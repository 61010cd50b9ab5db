import { describe, test } from 'node:test'
import { prefixed } from '@graft-ts/storage-adapters'
import { testObjectStore } from '@graft-ts/storage-adapters/conformance'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'

testObjectStore({
  name: 'an adapter of your own',
  open: async () => prefixed(new MemoryStore(), 'below/here'),
  runner: { describe: (name, body) => void describe(name, body), test: (name, body) => void test(name, body) },
})
