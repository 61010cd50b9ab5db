import type { PullAnswer } from '@graft-ts/protocol'
import type { Changes, Snapshot } from '@graft-ts/volume'
import type { Failure } from '../errors.ts'

/** Every reason for which pushing stops until somebody decides. */
export const DIVERGENCE_REASONS = ['overlap', 'page-size', 'replay-failed', 'merge-failed', 'attempt-expired'] as const

/**
 * Why pushing has stopped:
 * - `overlap`: others changed what pending transactions stand on, no merge settled it, and a function that would have to
 *   run again is gone;
 * - `page-size`: somebody else created the volume with another page size;
 * - `replay-failed`: a function threw when it ran again;
 * - `merge-failed`: the merge hook threw, or gave no page;
 * - `attempt-expired`: whether an attempt landed can no longer be found out (I6).
 */
export type DivergenceReason = (typeof DIVERGENCE_REASONS)[number]

/** Pending commits that contradict newer ones of the remote log. Kept, also over a restart, until somebody decides. */
export interface Divergence {
  readonly reason: DivergenceReason
  /** The newest remote commit that was known, and what changed up to it since the base. */
  readonly snapshot: Snapshot
  readonly changes: Changes
  /** What a function or the merge hook threw. */
  readonly cause: Failure | undefined
}

/** Makes a divergence from what was learnt of the remote log. */
export function divergenceFrom(
  reason: DivergenceReason,
  known: Pick<PullAnswer, 'snapshot' | 'changes'>,
  cause?: Failure,
): Divergence {
  return { reason, snapshot: known.snapshot, changes: known.changes, cause }
}
