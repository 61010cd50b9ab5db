import type { CommitId, Lsn, PageSize, Snapshot, VolumeId } from '@graft-ts/volume'
import { type Failure, failureOf } from './errors.ts'
import type { Divergence } from './state/divergence.ts'
import { headPageCount } from './state/volume-state.ts'
import type { RemoteFailure, VolumeCore } from './volume-core.ts'

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
  readonly pendingCommits: number
  /** The newest remote commit known, if it is newer than the base. */
  readonly remote: Snapshot | undefined
  /** An attempt whose outcome is not known (I6); `undefined`: there is none. */
  readonly attempt: { readonly commitId: CommitId; readonly baseLsn: Lsn; readonly isRefused: boolean } | undefined
  readonly divergence: Divergence | undefined
  /** When the meta store last answered, milliseconds since 1970; `undefined`: not since the client was opened. */
  readonly answeredAtMs: number | undefined
  /** How the last call to a server failed; `undefined`: it did not. */
  readonly lastError:
    | (Failure & {
        readonly operation: RemoteFailure['operation']
        /** Milliseconds since 1970. */
        readonly atMs: number
      })
    | undefined
}

/** The status of a volume. Costs no I/O. */
export function statusOf(core: VolumeCore): VolumeStatus {
  const { state, lastFailure } = core
  const attempt = state.sent.at(-1)
  return {
    volumeId: core.volumeId,
    pageSize: state.pageSize,
    sync: syncOf(core),
    base: state.base,
    pageCount: headPageCount(state),
    pendingCommits: state.pending.length,
    remote: state.remote?.snapshot,
    attempt:
      attempt === undefined ? undefined : { commitId: attempt.commitId, baseLsn: state.base.lsn, isRefused: state.isRefused },
    divergence: state.divergence,
    answeredAtMs: core.pulledAtMs,
    lastError:
      lastFailure === undefined
        ? undefined
        : { ...failureOf(lastFailure.error), operation: lastFailure.operation, atMs: lastFailure.atMs },
  }
}

function syncOf({ state }: VolumeCore): SyncState {
  if (state.divergence !== undefined) return 'diverged'
  const isAhead = state.pending.length > 0
  if (state.remote === undefined) return isAhead ? 'ahead' : 'synced'
  return isAhead ? 'ahead-and-behind' : 'behind'
}
