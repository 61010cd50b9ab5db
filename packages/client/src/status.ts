import { failureOf } from './errors.ts'
import type { VolumeCore } from './volume-core.ts'
import type { SyncState, VolumeStatus } from './volume-status.ts'

/** The status of a volume. Costs no I/O. */
export function statusOf(core: VolumeCore): VolumeStatus {
  const { state, health, knownHead } = core
  const { lastFailure } = health
  const attempt = state.sent.at(-1)
  return {
    volumeId: core.volumeId,
    pageSize: state.pageSize,
    sync: syncOf(core),
    base: state.base,
    pageCount: core.pageCount,
    pendingCommits: state.pending.length,
    headLsn: knownHead,
    behind: knownHead - state.base.lsn,
    remote: state.remote?.snapshot,
    attempt:
      attempt === undefined ? undefined : { commitId: attempt.commitId, baseLsn: state.base.lsn, isRefused: state.isRefused },
    divergence: state.divergence,
    localBytes: core.store.bytes,
    answeredAtMs: health.answeredAtMs,
    staleForMs: staleFor(state.confirmedAtMs, core.client.idSource.nowMs()),
    live: core.client.live.heads.mode,
    lastError:
      lastFailure === undefined
        ? undefined
        : { ...failureOf(lastFailure.error), operation: lastFailure.operation, atMs: lastFailure.atMs },
  }
}

function syncOf({ state, knownHead }: VolumeCore): SyncState {
  if (state.divergence !== undefined) return 'diverged'
  const isAhead = state.pending.length > 0
  if (knownHead === state.base.lsn) return isAhead ? 'ahead' : 'synced'
  return isAhead ? 'ahead-and-behind' : 'behind'
}

function staleFor(confirmedAtMs: number | undefined, nowMs: number): number | undefined {
  // A clock that was set back says nothing about how long ago that was.
  return confirmedAtMs === undefined || confirmedAtMs > nowMs ? undefined : nowMs - confirmedAtMs
}
