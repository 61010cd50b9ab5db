import { deadline, hedged, metered, prefixed, retrying } from '@graft-ts/storage-adapters'

/** A store within every wrapper that there is. */
export function wrapped(store) {
  return retrying(hedged(deadline(metered(prefixed(store, 'inner')), { ms: 600_000 }), { budget: 0.1 }))
}
