import { describe, test } from 'vitest'
import { testObjectStore } from '../../src/conformance.ts'
import { R2Store } from '../../src/r2.ts'
import { R2Double } from './r2-double.ts'

// Inside workerd the same suite runs against the real binding: see runtimes/.
for (const pastEnd of ['whole', 'error', 'broken'] as const) {
  const buckets = new Map<R2Store, R2Double>()
  testObjectStore<R2Store>({
    name: `r2 double, ranges past the end: ${pastEnd}`,
    runner: { describe, test },
    capabilities: {
      ...{ create: true, compareAndSwap: true, conditionalDelete: false, orderedListing: true, uniqueEtags: false },
      ...{ objectBytesMax: 2_000_000, keyBytesMax: 1024 },
    },
    open: async () => {
      const bucket = new R2Double()
      bucket.pastEnd = pastEnd
      const store = new R2Store({ bucket, objectBytesMax: 2_000_000 })
      buckets.set(store, bucket)
      return store
    },
    openPeer: async (store) => new R2Store({ bucket: buckets.get(store) as R2Double, objectBytesMax: 2_000_000 }),
    close: async (store) => {
      // Whatever was read, or could not be.
      const open = buckets.get(store)?.openBodies ?? 0
      if (open !== 0) throw new Error(`bodies left open: ${open}`)
    },
  })
}
