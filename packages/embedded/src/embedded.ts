import { createCommitLogs } from '@graft-ts/commit-log'
import { createMetastore, type MetastoreMetrics, type MetastoreOptions } from '@graft-ts/metastore'
import { createPagestore, type PagestoreMetrics, type PagestoreOptions } from '@graft-ts/pagestore'
import { ageOnlyRefSigner, allowEverybody, type GraftTransport, inProcessTransport } from '@graft-ts/protocol'
import type { ObjectStore } from '@graft-ts/storage-adapters'
import { type FrameCodec, type IdSource, systemIdSource } from '@graft-ts/volume'

/** How the stores of an {@link embedded} transport are set up. Everything has a default. */
export interface EmbeddedOptions {
  /** Clock and randomness. Default: the system's. */
  readonly idSource?: IdSource
  /** Compresses frames. Default: the runtime's web streams. */
  readonly codec?: FrameCodec
  /** Bound on commit records in memory. Default 64 MiB. */
  readonly recordCacheBytesMax?: number
  readonly metastore?: Pick<
    MetastoreOptions,
    'limits' | 'maxStalenessMs' | 'watch' | 'bus' | 'telemetry' | 'timers' | 'nowMs' | 'log'
  >
  readonly pagestore?: Pick<
    PagestoreOptions,
    'limits' | 'policy' | 'segmentScope' | 'cacheBytesMax' | 'telemetry' | 'timers' | 'log'
  >
}

/** Both stores in this process: what a client is handed as its transport. */
export interface EmbeddedTransport extends GraftTransport {
  /** What the stores have done so far. */
  readonly metrics: () => { readonly metastore: MetastoreMetrics; readonly pagestore: PagestoreMetrics }
  /** Settles when every write that was accepted is durable; nothing is accepted any more. The object store stays open. */
  readonly close: () => Promise<void>
}

/**
 * Mounts a meta store and a page store over an object store, in this process: no network, no authorization, no signatures
 * of segment refs (their age is checked all the same). Other processes may work on the same object store at the same time,
 * embedded or through servers.
 *
 * @param store Must be able to create objects if absent, or `createPagestore` throws `PAGESTORE_CREATE`.
 */
export function embedded(store: ObjectStore, options: EmbeddedOptions = {}): EmbeddedTransport {
  const { idSource = systemIdSource, codec, recordCacheBytesMax } = options
  const nowMs = (): number => idSource.nowMs()
  const logs = createCommitLogs({
    store,
    nowMs,
    ...(codec !== undefined && { codec }),
    ...(recordCacheBytesMax !== undefined && { cacheBytesMax: recordCacheBytesMax }),
  })
  const shared = { logs, authorize: allowEverybody, refs: ageOnlyRefSigner({ nowMs }) }
  const metastore = createMetastore({ nowMs, ...options.metastore, ...shared })
  const pagestore = createPagestore({
    ...shared,
    segments: store,
    commits: store,
    idSource,
    ...(codec !== undefined && { codec }),
    ...options.pagestore,
  })
  return {
    ...inProcessTransport({ meta: metastore.routes, pages: pagestore.routes }),
    metrics: () => ({ metastore: metastore.metrics(), pagestore: pagestore.metrics() }),
    close: async () => {
      await Promise.all([pagestore.close(), metastore.close()])
    },
  }
}
