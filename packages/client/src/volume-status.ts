import type { CommitId, Lsn, PageSize, Snapshot, VolumeId } from '@graft-ts/volume'
import type { Failure } from './errors.ts'
import type { RemoteOperation } from './live/remote-health.ts'
import type { WatchMode } from './live/watch-mode.ts'
import type { LocalBytes } from './local/local-bytes.ts'
import type { Divergence } from './state/divergence.ts'

/** How the local state and the newest known remote one relate. */
export type SyncState =
  /** Nothing is pending, and nothing newer is known. */
  | 'synced'
  /** Local commits are pending. */
  | 'ahead'
  /** A newer remote commit is known that local reads do not stand on. */
  | 'behind'
  | 'ahead-and-behind'
  /** Pending commits contradict newer remote ones; nothing is pushed until `resubmit` or `reset`. */
  | 'diverged'

/** Where a volume stands on this client. */
export interface VolumeStatus {
  readonly volumeId: VolumeId
  readonly pageSize: PageSize
  readonly sync: SyncState
  /** The remote commit that local reads stand on; LSN 0: there is none yet. */
  readonly base: Snapshot
  /** Logical length of the local head, in pages. */
  readonly pageCount: number
  /** Local commits that are not in the remote log yet: how far it is ahead. */
  readonly pendingCommits: number
  /** The newest remote commit that is known of, perhaps no more than that it exists. */
  readonly headLsn: Lsn
  /** How many commits local reads are behind that. */
  readonly behind: number
  /** The newest remote commit of which is known what changed, if it is newer than the base. */
  readonly remote: Snapshot | undefined
  /** An attempt whose outcome is not known (I6); `undefined`: there is none. */
  readonly attempt: { readonly commitId: CommitId; readonly baseLsn: Lsn; readonly isRefused: boolean } | undefined
  readonly divergence: Divergence | undefined
  /** What the pages of the volume take up in the local store. */
  readonly localBytes: LocalBytes
  /** When the meta store last answered a pull, a push or a watch, milliseconds since 1970; `undefined`: not since the volume was opened. */
  readonly answeredAtMs: number | undefined
  /**
   * How long ago local reads were last known to show the newest remote commit, in milliseconds: they may be so stale. Kept over
   * a restart; after a crash it may be up to a minute more than it was. `undefined`: nobody knows, since it was never known, or
   * the clock was set back.
   */
  readonly staleForMs: number | undefined
  /** How new commits are noticed at the moment. */
  readonly live: WatchMode
  /** How the newest call failed of those to which no like one has succeeded since; `undefined`: none did. */
  readonly lastError:
    | (Failure & {
        readonly operation: RemoteOperation
        /** Milliseconds since 1970. */
        readonly atMs: number
      })
    | undefined
}
