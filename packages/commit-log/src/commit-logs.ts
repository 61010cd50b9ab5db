import type { ObjectStore } from '@graft-ts/storage-adapters'
import { type FrameCodec, type Lsn, type VolumeId, webFrameCodec } from '@graft-ts/volume'
import { LRUCache } from 'lru-cache'
import { CommitLog } from './commit-log.ts'
import { CommitLogError } from './errors.ts'
import type { LogContext } from './log-context.ts'
import { LogMemory } from './log-memory.ts'
import { RecordCache } from './record-cache.ts'

const CACHE_BYTES_DEFAULT = 64 * 2 ** 20
const VOLUMES_MAX = 10_000

/** The commit logs of all volumes on one store. */
export interface CommitLogs {
  /** The log of a volume, whether or not the volume exists. Costs no I/O. */
  volume(volumeId: VolumeId): CommitLog
  /**
   * Calls a function whenever a newer commit of any volume is seen, whoever made it. What it throws is ignored.
   *
   * @returns Ends that.
   */
  onAdvance(listener: AdvanceListener): () => void
  /** Bytes of records and orders of change in memory, about. */
  readonly memoryBytes: number
}

/** Told of a commit that exists. */
export type AdvanceListener = (volumeId: VolumeId, lsn: Lsn) => void

/** What {@link createCommitLogs} needs. */
export interface CommitLogsOptions {
  /** Holds the commits; must be able to create-if-absent. Keep one prefix per deployment: wrap it with `prefixed`. */
  readonly store: ObjectStore
  /** Clock for commit timestamps, milliseconds since 1970. Default: the system's. */
  readonly nowMs?: () => number
  /** Compresses inline frames. Default: the runtime's web streams. */
  readonly codec?: FrameCodec
  /** Bound on records and orders of change in memory, over all volumes. Default 64 MiB. */
  readonly cacheBytesMax?: number
}

/**
 * Opens the commit logs of a store. Nothing is read before a log is used.
 *
 * @throws `CommitLogError` `LOG_OPTIONS` if the memory is not a positive integer, `LOG_CREATE` if the store cannot create
 * objects if absent: one winner for each version stands on that.
 */
export function createCommitLogs(options: CommitLogsOptions): CommitLogs {
  if (!options.store.capabilities.create) {
    throw new CommitLogError('LOG_CREATE', 'the store of the commits cannot create objects if absent')
  }
  const memory = new LogMemory(checkBytes(options.cacheBytesMax ?? CACHE_BYTES_DEFAULT))
  const listeners = new Set<AdvanceListener>()
  const context: LogContext = {
    store: options.store,
    memory,
    records: new RecordCache(options.store, memory),
    nowMs: options.nowMs ?? (() => Date.now()),
    codec: options.codec ?? webFrameCodec,
    onAdvance: (volumeId, lsn) => {
      for (const listener of listeners) tell(listener, volumeId, lsn)
    },
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
    onAdvance(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    get memoryBytes() {
      return memory.byteLength
    },
  }
}

function checkBytes(cacheBytesMax: number): number {
  if (Number.isSafeInteger(cacheBytesMax) && cacheBytesMax > 0) return cacheBytesMax
  throw new CommitLogError('LOG_OPTIONS', `the bytes of memory must be a positive integer, cacheBytesMax=${cacheBytesMax}`)
}

function tell(listener: AdvanceListener, volumeId: VolumeId, lsn: Lsn): void {
  try {
    listener(volumeId, lsn)
  } catch {
    // Whoever listens must not break what it listens to.
  }
}
