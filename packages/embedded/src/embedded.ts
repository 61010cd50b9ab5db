import { createCommitLogs } from '@graft-ts/commit-log'
import { createMetastore, type MetastoreMetrics, type MetastoreOptions } from '@graft-ts/metastore'
import { createPagestore, type PagestoreMetrics, type PagestoreOptions } from '@graft-ts/pagestore'
import { ageOnlyRefSigner, allowEverybody, type GraftTransport, inProcessTransport } from '@graft-ts/protocol'
import { deadline, type ObjectStore } from '@graft-ts/storage-adapters'
import { type FrameCodec, type IdSource, systemIdSource, systemTimers, type Timers } from '@graft-ts/volume'

/** How the stores of an {@link embedded} transport are set up. Everything has a default. */
export interface EmbeddedOptions {
  /** Clock and randomness. Default: the system's. */
  readonly idSource?: IdSource
  /** Compresses frames. Default: the runtime's web streams. */
  readonly codec?: FrameCodec
  /** Bound on commit records in memory. Default 64 MiB. */
  readonly recordCacheBytesMax?: number
  /**
   * How long one call of the object store may take, milliseconds: enough for the largest segment over the slowest line. After
   * that a read fails, and a write has an unknown outcome. Default 30,000.
   */
  readonly storeMsMax?: number
  /** Timers of both stores, unless their own options name others. Default: the runtime's. */
  readonly timers?: Timers
  readonly metastore?: Pick<
    MetastoreOptions,
    'limits' | 'maxStalenessMs' | 'watch' | 'bus' | 'telemetry' | 'timers' | 'nowMs' | 'log'
  >
  readonly pagestore?: Pick<
    PagestoreOptions,
    'limits' | 'policy' | 'segmentScope' | 'cacheBytesMax' | 'frameCache' | 'hedge' | 'telemetry' | 'timers' | 'log'
  >
}

// As a server's.
const STORE_MS_MAX_DEFAULT = 30_000

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
 * @param bare Must be able to create objects if absent, or `createCommitLogs` throws `LOG_CREATE`.
 * @throws What the stores throw about their options; `StoreError` `STORE_ARGUMENT` if `storeMsMax` is out of range.
 */
export function embedded(bare: ObjectStore, options: EmbeddedOptions = {}): EmbeddedTransport {
  const { idSource = systemIdSource, codec, recordCacheBytesMax, timers = systemTimers } = options
  // A store that never answers would hold every call, and everybody who waits for the same record, for ever.
  const store = deadline(bare, { ms: options.storeMsMax ?? STORE_MS_MAX_DEFAULT, timers })
  const nowMs = (): number => idSource.nowMs()
  const logs = createCommitLogs({
    store,
    nowMs,
    ...(codec !== undefined && { codec }),
    ...(recordCacheBytesMax !== undefined && { cacheBytesMax: recordCacheBytesMax }),
  })
  const shared = { logs, authorize: allowEverybody, refs: ageOnlyRefSigner({ nowMs }) }
  const metastore = createMetastore({ nowMs, timers, ...options.metastore, ...shared })
  const pagestore = createPagestore({
    ...shared,
    segments: store,
    commits: store,
    idSource,
    timers,
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
