import { WORKER_LIMITS } from '@graft-ts/pagestore'
import { limited } from '@graft-ts/storage-adapters'
import { R2Store } from '@graft-ts/storage-adapters/r2'
import { openStores } from '../stores.mjs'

// A Worker has 128 MB of memory, and six connections at a time, which the runtime makes others wait for.
const MEMORY = { cacheBytesMax: 16 * 2 ** 20, limits: WORKER_LIMITS }
const CONNECTIONS = 6

/** Both stores over the bucket of a Worker, within what a Worker may use. */
export function storesOnR2({ BUCKET, SETTINGS }) {
  return openStores(limited(new R2Store({ bucket: BUCKET }), { inFlightMax: CONNECTIONS }), SETTINGS, MEMORY)
}
