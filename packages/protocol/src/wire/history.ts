import { create } from '@bufbuild/protobuf'
import type { Splinter } from '@graft-ts/splinter'
import {
  type ClientId,
  type CommitId,
  type CommitRecord,
  clientIdFromBytes,
  commitIdFromBytes,
  idToBytes,
  PAGE_INDEX_MAX,
  type SegmentId,
  type Snapshot,
  segmentIdFromBytes,
  snapshotOf,
} from '@graft-ts/volume'
import { type HistoryEntry, HistoryEntrySchema } from '../gen/graft/v1/graft_pb.ts'
import { pageSetFromWire } from './page-sets.ts'
import { checked, snapshotFromWire, snapshotToWire } from './snapshots.ts'

/** What a history tells of one commit. */
export interface CommitSummary {
  readonly snapshot: Snapshot
  readonly commitId: CommitId
  readonly clientId: ClientId
  /** The pages that it changed. */
  readonly own: Splinter
  /** The lowest page count truncated to; `undefined`: nothing was cut off. */
  readonly floor: number | undefined
  /** Segments that it references, each once. */
  readonly segmentIds: readonly SegmentId[]
  /** Bytes of the frames that lie in the commit object itself. */
  readonly inlineBytes: number
}

/** The message of one commit in a history. */
export function historyEntryToWire(record: CommitRecord): HistoryEntry {
  const segmentIds = new Set(record.refs.flatMap((ref) => ref.segmentId ?? []))
  return create(HistoryEntrySchema, {
    snapshot: snapshotToWire(snapshotOf(record)),
    commitId: idToBytes(record.commitId),
    clientId: idToBytes(record.clientId),
    own: record.own.toBytes(),
    ...(record.floor !== undefined && { floor: record.floor }),
    segmentIds: Array.from(segmentIds, idToBytes),
    inlineBytes: record.inline?.byteLength ?? 0,
  })
}

/** One commit of a history. Throws {@link ProtocolError} (I11). */
export function historyEntryFromWire(message: HistoryEntry): CommitSummary {
  return checked('history', () => ({
    snapshot: snapshotFromWire(message.snapshot),
    commitId: commitIdFromBytes(message.commitId),
    clientId: clientIdFromBytes(message.clientId),
    own: pageSetFromWire(message.own, { pagesMax: PAGE_INDEX_MAX }),
    floor: message.floor,
    segmentIds: message.segmentIds.map(segmentIdFromBytes),
    inlineBytes: message.inlineBytes,
  }))
}
