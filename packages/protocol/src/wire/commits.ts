import { create } from '@bufbuild/protobuf'
import type { Splinter } from '@graft-ts/splinter'
import {
  type Changes,
  type ClientId,
  type CommitId,
  checkPageCount,
  clientIdFromBytes,
  commitIdFromBytes,
  idToBytes,
  type Lsn,
  type PageSize,
  parseLsn,
  parsePageSize,
  type Snapshot,
  type VolumeId,
  volumeIdFromBytes,
} from '@graft-ts/volume'
import { ProtocolError } from '../errors.ts'
import {
  type CommitRequest,
  CommitRequestSchema,
  type CommitResponse,
  CommitResponseSchema,
  type InlinePages,
  type SignedSegmentRef,
} from '../gen/graft/v1/graft_pb.ts'
import type { MetaLimits } from '../limits.ts'
import { pageSetFromWire } from './page-sets.ts'
import { changesFromWire, changesToWire, checked, snapshotFromWire, snapshotToWire } from './snapshots.ts'

/** What a client asks a meta store to commit. */
export interface CommitProposal {
  readonly volumeId: VolumeId
  /** The head that it was made on; 0: none, it creates the volume. */
  readonly baseLsn: Lsn
  readonly commitId: CommitId
  readonly clientId: ClientId
  readonly pageSize: PageSize
  readonly pageCount: number
  /** The lowest page count truncated to; `undefined`: nothing was cut off. */
  readonly floor: number | undefined
  readonly own: Splinter
  /** Refs as the page store signed them. */
  readonly refs: readonly SignedSegmentRef[]
  /** Pages that travel with the commit, ascending by index, concatenated. */
  readonly inline: { readonly pages: Splinter; readonly data: Uint8Array } | undefined
}

/** What became of a commit. */
export type CommitAnswer =
  | { readonly type: 'committed'; readonly snapshot: Snapshot }
  | {
      readonly type: 'conflict'
      readonly snapshot: Snapshot
      readonly changes: Changes
      /** The commit at `baseLsn + 1`; `undefined`: there is none. */
      readonly commitIdAfterBase: CommitId | undefined
    }

/** The message of a proposal. Its bytes are borrowed. */
export function commitProposalToWire(proposal: CommitProposal): CommitRequest {
  const { inline } = proposal
  return create(CommitRequestSchema, {
    volumeId: idToBytes(proposal.volumeId),
    baseLsn: BigInt(proposal.baseLsn),
    commitId: idToBytes(proposal.commitId),
    clientId: idToBytes(proposal.clientId),
    pageSize: proposal.pageSize,
    pageCount: proposal.pageCount,
    ...(proposal.floor !== undefined && { floor: proposal.floor }),
    own: proposal.own.toBytes(),
    refs: [...proposal.refs],
    ...(inline !== undefined && { inline: { pages: inline.pages.toBytes(), data: inline.data } }),
  })
}

/**
 * The names in a commit request: enough to authorize it and to look for what it already did, before its contents and
 * limits are looked at (I6). Throws {@link ProtocolError} `MESSAGE_INVALID`.
 */
export function commitNamesFromWire(
  message: CommitRequest,
): Pick<CommitProposal, 'volumeId' | 'baseLsn' | 'commitId' | 'clientId'> {
  return checked('commit', () => ({
    volumeId: volumeIdFromBytes(message.volumeId),
    baseLsn: parseLsn(message.baseLsn),
    commitId: commitIdFromBytes(message.commitId),
    clientId: clientIdFromBytes(message.clientId),
  }))
}

/**
 * The proposal in a commit request (I11). Whether refs and inline pages cover the own set is checked where it is
 * appended.
 *
 * @throws {@link ProtocolError} `MESSAGE_INVALID`, `SET_INVALID`, `SET_PAGE_ZERO`, `SET_TOO_LARGE`, `REFS_TOO_MANY`,
 * `INLINE_TOO_LARGE`, `DATA_LENGTH`.
 */
export function commitProposalFromWire(message: CommitRequest, limits: MetaLimits): CommitProposal {
  const names = commitNamesFromWire(message)
  const { pageSize, pageCount } = checked('commit', () => ({
    pageSize: parsePageSize(message.pageSize),
    pageCount: checkPageCount(message.pageCount),
  }))
  if (message.refs.length > limits.refsMax) {
    throw new ProtocolError('REFS_TOO_MANY', `too many segment refs, refs=${message.refs.length} most=${limits.refsMax}`)
  }
  return {
    ...names,
    pageSize,
    pageCount,
    floor: message.floor,
    own: pageSetFromWire(message.own, limits),
    refs: message.refs,
    inline: message.inline === undefined ? undefined : inlineFromWire(message.inline, pageSize, limits),
  }
}

function inlineFromWire(message: InlinePages, pageSize: PageSize, limits: MetaLimits): NonNullable<CommitProposal['inline']> {
  if (message.data.length > limits.inlineBytesMax) {
    throw new ProtocolError(
      'INLINE_TOO_LARGE',
      `too many inline bytes, bytes=${message.data.length} most=${limits.inlineBytesMax}`,
    )
  }
  const pages = pageSetFromWire(message.pages, limits)
  checkData(message.data, pages.size, pageSize)
  return { pages, data: message.data }
}

/** Checks that data holds exactly so many pages. Throws {@link ProtocolError} `DATA_LENGTH`. */
export function checkData(data: Uint8Array, pages: number, pageSize: PageSize): void {
  if (data.length !== pages * pageSize) {
    throw new ProtocolError('DATA_LENGTH', `data does not fit the pages, bytes=${data.length} expected=${pages * pageSize}`)
  }
}

/** The message of a commit's answer. */
export function commitAnswerToWire(answer: CommitAnswer): CommitResponse {
  const snapshot = snapshotToWire(answer.snapshot)
  if (answer.type === 'committed') {
    return create(CommitResponseSchema, { outcome: { case: 'committed', value: { snapshot } } })
  }
  const { changes, commitIdAfterBase } = answer
  const commitIdBytes = commitIdAfterBase === undefined ? new Uint8Array(0) : idToBytes(commitIdAfterBase)
  const value = { snapshot, ...changesToWire(changes), commitIdAfterBase: commitIdBytes }
  return create(CommitResponseSchema, { outcome: { case: 'conflict', value } })
}

/** The answer to a commit. Throws {@link ProtocolError} (I11). */
export function commitAnswerFromWire(message: CommitResponse): CommitAnswer {
  const { outcome } = message
  if (outcome.case === 'committed') return { type: 'committed', snapshot: snapshotFromWire(outcome.value.snapshot) }
  if (outcome.case !== 'conflict') throw new ProtocolError('MESSAGE_INVALID', 'a commit answer without an outcome')
  const { value } = outcome
  return {
    type: 'conflict',
    snapshot: snapshotFromWire(value.snapshot),
    changes: changesFromWire(value),
    commitIdAfterBase:
      value.commitIdAfterBase.length === 0 ? undefined : checked('conflict', () => commitIdFromBytes(value.commitIdAfterBase)),
  }
}
