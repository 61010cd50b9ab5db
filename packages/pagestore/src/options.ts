import type { CommitLogs } from '@graft-ts/commit-log'
import type { AdmitCall, Authorize, CorsOptions, RefSigner } from '@graft-ts/protocol'
import type { HedgedOptions, ObjectStore } from '@graft-ts/storage-adapters'
import type { FrameCodec, IdSource, Timers } from '@graft-ts/volume'
import { PagestoreError } from './errors.ts'
import type { PagestoreLog } from './events.ts'
import type { FrameCache } from './frame-cache.ts'
import type { PagestoreLimits } from './limits.ts'
import type { PagestoreTelemetry } from './telemetry.ts'
import type { WritePolicy } from './write/segment-grouping.ts'
import type { SegmentScope } from './write/segment-writer.ts'

/** What a page store is made of. Everything that touches the world comes in here. */
export interface PagestoreOptions {
  /** Where pages are at an LSN. */
  readonly logs: CommitLogs
  /** Holds the segments; must be able to create objects if absent. */
  readonly segments: ObjectStore
  /** Holds the commit objects, in which inline frames lie; may be the same store. */
  readonly commits: ObjectStore
  /** Asked before anything tells whether a volume exists. There is no default. */
  readonly authorize: Authorize
  /** Signs the refs that writes are answered with. */
  readonly refs: RefSigner
  readonly limits?: Partial<PagestoreLimits>
  /** Asked by the handler before it reads a body: the place for rate limits. Default: every call is read. */
  readonly admit?: AdmitCall
  /** Which pages of the web may call the handler. Default: none. */
  readonly cors?: CorsOptions
  /** Where spans and metrics go. Default: to what the process has registered with OpenTelemetry. */
  readonly telemetry?: PagestoreTelemetry
  /** When gathered writes are uploaded. Default: `{ type: 'latency' }`. */
  readonly policy?: WritePolicy
  /** Whether volumes share segments (default), or each has its own under its own prefix. Reading finds both. */
  readonly segmentScope?: SegmentScope
  /** Clock and randomness for segment ids and pauses. Default: the system's. */
  readonly idSource?: IdSource
  /** What frames are written in. Default: `webFrameCodec`; on Node `createNodeFrameCodec()` of `@graft-ts/volume/node` is faster. */
  readonly codec?: FrameCodec
  /** Memory for expanded frames in bytes; 0: none are kept. Default 64 MiB. */
  readonly cacheBytesMax?: number
  /**
   * Sends a ranged read that takes longer than most a second time, and takes the answer that comes first: `budget` says how
   * many extra reads there may be for each read, on average; 0.05 is a good one. Default: none is sent twice.
   */
  readonly hedge?: HedgedOptions
  /**
   * Keeps frames beyond memory and restarts: `openDiskFrameCache` of `@graft-ts/pagestore/node`. Lent: closing the page
   * store does not close it. Default: none.
   */
  readonly frameCache?: FrameCache
  /** Default: the runtime's timers. */
  readonly timers?: Timers
  /** Told what happens; holds no page contents and no secrets. */
  readonly log?: PagestoreLog
}

/** Memory for expanded frames where the caller names none: 64 MiB. */
const CACHE_BYTES_DEFAULT = 64 * 2 ** 20
const WAIT_MS_MAX = 60_000

// Callers without types get an error too: an option that is not understood must not be ignored.

/** Decides when segments are uploaded. Throws {@link PagestoreError} `PAGESTORE_OPTIONS`. */
export function resolvePolicy(policy: WritePolicy = { type: 'latency' }): WritePolicy {
  const waitMs = policy.type === 'latency' ? policy.lateAfterMs : policy.type === 'cost' ? policy.intervalMs : Number.NaN
  if (waitMs === undefined || (waitMs >= 0 && waitMs <= WAIT_MS_MAX)) return policy
  throw optionError(`policy must be latency or cost, with a wait of 0 to ${WAIT_MS_MAX} ms`)
}

/** Decides who shares segments. Throws {@link PagestoreError} `PAGESTORE_OPTIONS`. */
export function resolveScope(scope: SegmentScope = 'shared'): SegmentScope {
  if (scope === 'shared' || scope === 'volume') return scope
  throw optionError('segmentScope must be shared or volume')
}

/** Decides how much memory frames may take. Throws {@link PagestoreError} `PAGESTORE_OPTIONS`. */
export function resolveCacheBytes(bytes: number = CACHE_BYTES_DEFAULT): number {
  if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes
  throw optionError(`cacheBytesMax must be a whole number of bytes, got=${bytes}`)
}

function optionError(message: string): PagestoreError {
  return new PagestoreError('PAGESTORE_OPTIONS', message)
}
