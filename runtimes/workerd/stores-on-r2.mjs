import { R2Store } from '@graft-ts/storage-adapters/r2'
import { openStores } from '../stores.mjs'

// A Worker has 128 MB of memory, and six connections at a time, which the runtime makes others wait for.
const MEMORY = {
  cacheBytesMax: 16 * 2 ** 20,
  limits: {
    getsInFlightMax: 4,
    uploadsInFlightMax: 2,
    segmentBytesMax: 8 * 2 ** 20,
    writeBytesInFlightMax: 16 * 2 ** 20,
    writeBytesWaitingMax: 16 * 2 ** 20,
  },
}

/** Both stores over the bucket of a Worker, within what a Worker may use. */
export function storesOnR2({ BUCKET, SETTINGS }) {
  return openStores(new R2Store({ bucket: BUCKET }), SETTINGS, MEMORY)
}
