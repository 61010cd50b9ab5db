// A Worker that runs the conformance suite and the probe on R2 and memory, inside the runtime, and answers with the results.
import { probe } from '@graft-ts/storage-adapters'
import { testObjectStore } from '@graft-ts/storage-adapters/conformance'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { R2Store } from '@graft-ts/storage-adapters/r2'
import { collecting, runAll } from '../collect.mjs'
import { wrapped } from '../suites/wrapped.mjs'

const OBJECT_BYTES_MAX = 2_000_000

/** The tests need a store with nothing in it; whole buckets cannot be made inside a Worker. */
async function emptied(bucket) {
  for (;;) {
    const { objects } = await bucket.list()
    if (objects.length === 0) return bucket
    await bucket.delete(objects.map(({ key }) => key))
  }
}

const suites = {
  r2({ BUCKET }, runner) {
    testObjectStore({
      name: 'r2',
      runner,
      capabilities: {
        create: true,
        compareAndSwap: true,
        conditionalDelete: false,
        orderedListing: true,
        uniqueEtags: false,
        objectBytesMax: OBJECT_BYTES_MAX,
        keyBytesMax: 1024,
      },
      open: async () => new R2Store({ bucket: await emptied(BUCKET), objectBytesMax: OBJECT_BYTES_MAX }),
      openPeer: async () => new R2Store({ bucket: BUCKET, objectBytesMax: OBJECT_BYTES_MAX }),
      raceBytes: [20, 100_000, 1_900_000],
    })
  },
  memory(_env, runner) {
    testObjectStore({ name: 'memory within every wrapper', runner, open: async () => wrapped(new MemoryStore()) })
  },
  probe({ BUCKET }, runner) {
    runner.test('the probe passes R2, with small bodies and large ones, and leaves nothing behind', async () => {
      await emptied(BUCKET)
      await probe(new R2Store({ bucket: BUCKET }))
      const { objects } = await BUCKET.list()
      if (objects.length > 0) throw new Error(`left behind: ${objects.map(({ key }) => key).join(' ')}`)
    })
  },
}

export default {
  async fetch(request, env) {
    const { runner, tests } = collecting()
    suites[new URL(request.url).pathname.slice(1)](env, runner)
    return Response.json(await runAll(tests))
  },
}
