import type { PullAnswer, SignedSegmentRef } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import type { Changes, CommitId, PageSize, Snapshot } from '@graft-ts/volume'
import type { Divergence } from './divergence.ts'
import { type LocalCommit, pageCountAfter, pagesAbove } from './local-commit.ts'
import { overlaps } from './overlap.ts'

/** An attempt that was sent, and the last local commit that it holds. */
export interface SentAttempt {
  readonly commitId: CommitId
  readonly lastSequence: number
}

/** Pages that are on the page store already, as they stood after a local commit. */
export interface Upload {
  readonly pages: Splinter
  readonly lastSequence: number
  readonly refs: readonly SignedSegmentRef[]
}

/** Where a volume stands on this client. Immutable: every step makes another one. */
export interface VolumeState {
  readonly pageSize: PageSize
  /** The commit that local reads stand on; LSN 0: none. */
  readonly base: Snapshot
  /** Local commits on top of it, oldest first. */
  readonly pending: readonly LocalCommit[]
  /** Sequence of the next local commit. */
  readonly nextSequence: number
  /** Every attempt sent on the present base, oldest first (I6). */
  readonly sent: readonly SentAttempt[]
  /** Whether the newest of them was refused for good, so that another one may be made. */
  readonly isRefused: boolean
  readonly uploads: readonly Upload[]
  /** A newer commit than the base, and what changed since the base; known, but not stood on. */
  readonly remote: PullAnswer | undefined
  readonly divergence: Divergence | undefined
  /** At this time, milliseconds since 1970, local reads were known to show the newest remote commit; `undefined`: never. */
  readonly confirmedAtMs: number | undefined
}

/** A volume of which nothing is known but its base. */
export function newVolumeState(base: Snapshot, confirmedAtMs: number | undefined): VolumeState {
  return {
    pageSize: base.pageSize,
    base,
    pending: [],
    nextSequence: 1,
    sent: [],
    isRefused: false,
    uploads: [],
    remote: undefined,
    divergence: undefined,
    confirmedAtMs,
  }
}

/** Whether local reads may move to a newer commit: nothing local stands on the present one. */
export function mayMoveBase(state: VolumeState): boolean {
  return state.pending.length === 0 && state.sent.length === 0
}

/** The state on a newer base. Everything that belonged to the old one is decided or gone. */
export function onBase(state: VolumeState, base: Snapshot): VolumeState {
  return { ...state, base, sent: [], isRefused: false, remote: undefined, divergence: undefined }
}

/** The state after a pull that local reads do not move to: the newest answer counts, whichever comes last. */
export function withRemote(state: VolumeState, answer: PullAnswer): VolumeState {
  const known = state.remote?.snapshot.lsn ?? state.base.lsn
  return answer.snapshot.lsn > known ? { ...state, remote: answer } : state
}

/** The state in which nothing is pushed any more. The divergence tells what is known of the remote log, too. */
export function diverged(state: VolumeState, divergence: Divergence): VolumeState {
  const { snapshot, changes } = divergence
  // Any other reason is one that a decided attempt led to. Of one that has expired nobody knows: its ids stay.
  const isDecided = divergence.reason !== 'attempt-expired'
  const sent = isDecided ? [] : state.sent
  return { ...withRemote(state, { snapshot, changes }), sent, isRefused: state.isRefused && !isDecided, divergence }
}

/** The state in which it is pushed again: an attempt that nobody can decide counts as one that never landed. */
export function resubmitted(state: VolumeState): VolumeState {
  return { ...state, sent: [], isRefused: false, divergence: undefined }
}

/** The state after one more local commit. */
export function withCommit(state: VolumeState, commit: LocalCommit): VolumeState {
  return { ...state, pending: [...state.pending, commit], nextSequence: commit.sequence + 1 }
}

/** The local commits that an attempt holds. */
export function commitsOf(state: VolumeState, attempt: SentAttempt): LocalCommit[] {
  return state.pending.filter((commit) => commit.sequence <= attempt.lastSequence)
}

/** The state after an attempt became the commit `snapshot`, which is the base's successor. */
export function acknowledged(state: VolumeState, attempt: SentAttempt, snapshot: Snapshot): VolumeState {
  const pending = state.pending.filter((commit) => commit.sequence > attempt.lastSequence)
  const uploads = state.uploads.filter((upload) => upload.lastSequence > attempt.lastSequence)
  return { ...onBase(state, snapshot), pending, uploads }
}

/**
 * The index of the first pending commit that overlaps with what others changed; `undefined`: none does, and all of them
 * stand on the newer commit as they are. From an overlapping one on all have to run again: later ones may have read it.
 */
export function firstOverlap(state: VolumeState, answer: PullAnswer): number | undefined {
  let before = state.base.pageCount
  let after = answer.snapshot.pageCount
  for (const [i, commit] of state.pending.entries()) {
    if (overlaps(commit, answer.changes, before !== after)) return i
    before = pageCountAfter(commit, before)
    after = pageCountAfter(commit, after)
  }
  return undefined
}

/**
 * The pages of an upload that are still what the merged commits need: those that no later commit wrote or cut off.
 *
 * @param commits The commits that are to be merged.
 */
export function usablePages(upload: Upload, commits: readonly LocalCommit[]): Splinter {
  const usable = upload.pages.clone()
  for (const commit of commits) {
    if (commit.sequence <= upload.lastSequence) continue
    usable.deleteAll(commit.own)
    if (commit.floor !== undefined) usable.deleteAll(pagesAbove(commit.floor))
  }
  return usable
}

/** What a local commit changed, as others see it. */
export function changesOf(commit: Pick<LocalCommit, 'own' | 'floor'>): Changes {
  return { pages: new Splinter().addAll(commit.own), floor: commit.floor }
}
