import { type ObjectStore, probe } from '@graft-ts/storage-adapters'
import type { ServerOptions, ServerProbe } from './options.ts'

// Enough for a server that ignores conditions, or checks first and writes later, to be found nearly always; those that do so
// with large bodies alone take a long probe, which is for the day on which a store is set up.
const PROBE_DEFAULT: ServerProbe = { racers: 4, rounds: [{ bodyBytes: 64, count: 5 }] }

/**
 * Finds out whether the stores that this process writes to keep what they declare. Two winners of one commit would be lost
 * data, so a server does not listen before it has seen that there is one.
 *
 * @throws `StoreError` `STORE_UNSUPPORTED` if a store does not, and what `probe` throws otherwise.
 */
export async function probeStores({ stores, roles = 'both', probe: options = PROBE_DEFAULT }: ServerOptions): Promise<void> {
  if (options === false) return
  const written = new Set<ObjectStore>()
  if (roles !== 'pages') written.add(stores.commits)
  if (roles !== 'meta') written.add(stores.segments)
  // What they have to declare, the meta store and the page store ask for themselves.
  for (const store of written) await probe(store, { ...options, needs: [] })
}
