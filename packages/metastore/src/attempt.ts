import type { CommitAttempt } from '@graft-ts/commit-log'
import {
  type CommitRequest,
  checked,
  commitProposalFromWire,
  type MetaLimits,
  ProtocolError,
  type RefSigner,
  type SignedSegmentRef,
} from '@graft-ts/protocol'
import { decodeSegmentRef, type SegmentRef, type VolumeId } from '@graft-ts/volume'

/** What a commit is checked against. */
export interface AttemptScope {
  readonly limits: MetaLimits
  readonly refs: RefSigner
  /** Who wants to commit. */
  readonly principal: string
}

/**
 * Checks a commit as a stranger sent it (I11). What depends on its base is checked by the log.
 *
 * @throws {@link ProtocolError}: malformed, over a limit, or with refs that this principal may not commit here.
 */
export async function attemptFromWire(message: CommitRequest, scope: AttemptScope): Promise<CommitAttempt> {
  const { volumeId, inline, refs, ...proposal } = commitProposalFromWire(message, scope.limits)
  const trusted = await Promise.all(refs.map((signed) => refFromWire(signed, volumeId, scope)))
  return { ...proposal, refs: trusted, ...(inline !== undefined && { inline }) }
}

async function refFromWire(signed: SignedSegmentRef, volumeId: VolumeId, scope: AttemptScope): Promise<SegmentRef> {
  // Nothing of a ref is looked at before its signature holds.
  await scope.refs.verify(signed, { volumeId, principal: scope.principal })
  const ref = checked('segment ref', () => decodeSegmentRef(signed.ref))
  // "In this commit" is for the log alone to say: a ref that points at frames which are not there would make a record that
  // no reader accepts, and no later commit could follow it.
  if (ref.segmentId === undefined) throw new ProtocolError('MESSAGE_INVALID', 'segment ref: it names no segment')
  return ref
}
