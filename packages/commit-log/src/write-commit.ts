import {
  type CommitRecord,
  concatBytes,
  decodeCommit,
  encodeCommit,
  encodeRun,
  type FrameCodec,
  type InlineFrames,
  LSN_NONE,
  nextLsn,
  type RollupLayer,
  type SegmentRef,
  type VolumeId,
} from '@graft-ts/volume'
import { sha256 } from '@noble/hashes/sha2.js'
import type { CommitAttempt } from './attempt.ts'
import type { StoredCommit } from './stored-commit.ts'

/** What the new record is made from, besides the attempt. */
export interface CommitContext {
  readonly volumeId: VolumeId
  /** The commit at the attempt's base; `undefined` for the first. */
  readonly base: StoredCommit | undefined
  readonly layers: readonly RollupLayer[]
  readonly nowMs: number
  readonly codec: FrameCodec
}

/** Makes the object of a commit: the sealed record, then its inline frames. */
export async function writeCommit(
  attempt: CommitAttempt,
  context: CommitContext,
): Promise<StoredCommit & { readonly body: Uint8Array }> {
  const { volumeId, base } = context
  const lsn = nextLsn(attempt.baseLsn)
  const inline = await inlineFrames(attempt, volumeId, context.codec)
  const previousHash = base === undefined ? new Uint8Array(0) : sha256(base.sealed)
  const record: CommitRecord = {
    volumeId,
    lsn,
    commitId: attempt.commitId,
    clientId: attempt.clientId,
    pageCount: attempt.pageCount,
    floor: attempt.floor,
    pageSize: attempt.pageSize,
    timestampMs: Math.max(context.nowMs, base?.record.timestampMs ?? 0),
    previousHash,
    checkpointLsn: base?.record.checkpointLsn ?? LSN_NONE,
    own: attempt.own,
    refs: inline === undefined ? attempt.refs : [...attempt.refs, inline.ref],
    layers: context.layers,
    inline: inline?.frames,
  }
  const sealed = encodeCommit(record)
  const body = inline === undefined ? sealed : concatBytes([sealed, ...inline.parts])
  // As readers will see it: a record that they refuse must not be created, for no commit could follow it. And what is kept
  // of it holds on to its own bytes alone, not to the request that the attempt came in.
  return { record: decodeCommit(sealed).record, sealed, body }
}

async function inlineFrames(
  attempt: CommitAttempt,
  volumeId: VolumeId,
  codec: FrameCodec,
): Promise<{ ref: SegmentRef; frames: InlineFrames; parts: readonly Uint8Array[] } | undefined> {
  const { inline, pageSize, commitId } = attempt
  if (inline === undefined || inline.pages.size === 0) return undefined
  const run = await encodeRun({ volumeId, pageSize, pages: inline.pages, data: inline.data }, commitId, codec)
  return {
    ref: { segmentId: undefined, pages: inline.pages, offset: 0, frames: run.frames },
    frames: { byteLength: run.byteLength, hash: sha256(concatBytes(run.parts)) },
    parts: run.parts,
  }
}
