import type { ObjectStore } from '@graft-ts/storage-adapters'
import { type FrameCodec, type VolumeId, webFrameCodec } from '@graft-ts/volume'
import { LRUCache } from 'lru-cache'
import { CommitLog, type LogContext } from './commit-log.ts'
import { RecordCache } from './record-cache.ts'

const CACHE_BYTES_DEFAULT = 64 * 2 ** 20
const VOLUMES_MAX = 10_000

/** The commit logs of all volumes on one store. */
export interface CommitLogs {
  /** The log of a volume, whether or not the volume exists. Costs no I/O. */
  volume(volumeId: VolumeId): CommitLog
}

/** What {@link createCommitLogs} needs. */
export interface CommitLogsOptions {
  /** Holds the commits; must be able to create-if-absent. Keep one prefix per deployment: wrap it with `prefixed`. */
  readonly store: ObjectStore
  /** Clock for commit timestamps, milliseconds since 1970. Default: the system's. */
  readonly nowMs?: () => number
  /** Compresses inline frames. Default: the runtime's web streams. */
  readonly codec?: FrameCodec
  /** Bound on decoded records in memory, over all volumes. Default 64 MiB. */
  readonly cacheBytesMax?: number
}

/** Opens the commit logs of a store. Nothing is read before a log is used. */
export function createCommitLogs(options: CommitLogsOptions): CommitLogs {
  const context: LogContext = {
    store: options.store,
    cache: new RecordCache(options.store, options.cacheBytesMax ?? CACHE_BYTES_DEFAULT),
    nowMs: options.nowMs ?? (() => Date.now()),
    codec: options.codec ?? webFrameCodec,
  }
  // A log that is forgotten only loses where to start looking for the head.
  const logs = new LRUCache<VolumeId, CommitLog>({ max: VOLUMES_MAX })
  return {
    volume(volumeId) {
      const known = logs.get(volumeId)
      if (known !== undefined) return known
      const log = new CommitLog(volumeId, context)
      logs.set(volumeId, log)
      return log
    },
  }
}
