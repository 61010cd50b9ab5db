import type { ObjectStore } from '@graft-ts/storage-adapters'
import type { FrameCodec, Lsn, VolumeId } from '@graft-ts/volume'
import type { LogMemory } from './log-memory.ts'
import type { RecordCache } from './record-cache.ts'

/** What a log needs of its surroundings. */
export interface LogContext {
  readonly store: ObjectStore
  readonly memory: LogMemory
  readonly records: RecordCache
  readonly nowMs: () => number
  readonly codec: FrameCodec
  /** Told of each newer commit that is seen. */
  readonly onAdvance: (volumeId: VolumeId, lsn: Lsn) => void
}
