import type { CommitLogs } from '@graft-ts/commit-log'
import type { AdmitCall, Authorize, CorsOptions, RefSigner } from '@graft-ts/protocol'
import type { Timers } from '@graft-ts/volume'
import { MetastoreError } from './errors.ts'
import type { MetastoreLog } from './events.ts'
import type { MetastoreLimits } from './limits.ts'
import type { MetastoreTelemetry } from './telemetry.ts'
import type { WatchBus } from './watch/bus.ts'
import type { WatchSettings } from './watch/settings.ts'

/** What a meta store is made of. Everything that touches the world comes in here. */
export interface MetastoreOptions {
  /** The commit logs; they hold the store, the clock of commits and the cache. */
  readonly logs: CommitLogs
  /** Asked before anything tells whether a volume exists. There is no default. */
  readonly authorize: Authorize
  /** Checks the segment refs of commits; made with the same keys as the page store's. */
  readonly refs: RefSigner
  readonly limits?: Partial<MetastoreLimits>
  /** Asked by the handler before it reads a body: the place for rate limits. Default: every call is read. */
  readonly admit?: AdmitCall
  /** Which pages of the web may call the handler. Default: none. */
  readonly cors?: CorsOptions
  /** Where spans and metrics go. Default: to what the process has registered with OpenTelemetry. */
  readonly telemetry?: MetastoreTelemetry
  /**
   * Pulls may be answered with the head as it was known at most so long ago, in milliseconds, without asking the store; one
   * that says `at_least` gets at least that. Default 0: each pull is answered with a head that was looked for after it came.
   */
  readonly maxStalenessMs?: number
  /** How it may be watched, and how often it looks for other processes' commits. */
  readonly watch?: Partial<WatchSettings>
  /** Carries news of commits between meta stores. Default: none, they look into the store. */
  readonly bus?: WatchBus
  /** Told what happens; holds no page contents and no secrets. */
  readonly log?: MetastoreLog
  /** Intervals of watches. Default: the runtime's. */
  readonly timers?: Timers
  /** Clock for the expiry of permissions and for intervals, milliseconds since 1970. Default: the system's. */
  readonly nowMs?: () => number
}

/** Checks how old the answers of pulls may be. Throws {@link MetastoreError} `METASTORE_OPTIONS`. */
export function resolveStaleness(maxStalenessMs = 0): number {
  if (maxStalenessMs >= 0 && Number.isFinite(maxStalenessMs)) return maxStalenessMs
  throw new MetastoreError('METASTORE_OPTIONS', `a time in milliseconds is needed, maxStalenessMs=${maxStalenessMs}`)
}
