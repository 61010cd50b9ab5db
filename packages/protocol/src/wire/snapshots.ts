import { create } from '@bufbuild/protobuf'
import {
  type Changes,
  checkPageCount,
  idToBytes,
  isTypedError,
  PAGE_INDEX_MAX,
  parseLsn,
  parsePageSize,
  type Snapshot,
  volumeIdFromBytes,
} from '@graft-ts/volume'
import { ProtocolError } from '../errors.ts'
import { type PullResponse, PullResponseSchema, SnapshotSchema, type Snapshot as WireSnapshot } from '../gen/graft/v1/graft_pb.ts'
import { pageSetFromWire } from './page-sets.ts'

/** The message of a snapshot. */
export function snapshotToWire(snapshot: Snapshot): WireSnapshot {
  return create(SnapshotSchema, {
    volumeId: idToBytes(snapshot.volumeId),
    lsn: BigInt(snapshot.lsn),
    pageCount: snapshot.pageCount,
    pageSize: snapshot.pageSize,
    timestampMs: BigInt(snapshot.timestampMs),
  })
}

/** The snapshot in a message. Throws {@link ProtocolError} `MESSAGE_INVALID` (I11). */
export function snapshotFromWire(message: WireSnapshot | undefined): Snapshot {
  if (message === undefined) throw new ProtocolError('MESSAGE_INVALID', 'a snapshot is missing')
  return checked('snapshot', () => ({
    volumeId: volumeIdFromBytes(message.volumeId),
    lsn: parseLsn(message.lsn),
    pageCount: checkPageCount(message.pageCount),
    pageSize: parsePageSize(message.pageSize),
    timestampMs: parseLsn(message.timestampMs),
  }))
}

/** What a pull answers. */
export interface PullAnswer {
  readonly snapshot: Snapshot
  readonly changes: Changes
}

/** The message of a pull's answer. */
export function pullAnswerToWire(answer: PullAnswer): PullResponse {
  return create(PullResponseSchema, { snapshot: snapshotToWire(answer.snapshot), ...changesToWire(answer.changes) })
}

/** The answer of a pull. Throws {@link ProtocolError} (I11). */
export function pullAnswerFromWire(message: PullResponse): PullAnswer {
  return { snapshot: snapshotFromWire(message.snapshot), changes: changesFromWire(message) }
}

/** The fields that tell what changed. */
export function changesToWire(changes: Changes): { changed: Uint8Array; floor?: number } {
  return { changed: changes.pages.toBytes(), ...(changes.floor !== undefined && { floor: changes.floor }) }
}

/** What changed, from the fields that tell it. Throws {@link ProtocolError} (I11). */
export function changesFromWire(message: { readonly changed: Uint8Array; readonly floor?: number | undefined }): Changes {
  return { pages: pageSetFromWire(message.changed, { pagesMax: PAGE_INDEX_MAX }), floor: message.floor }
}

/** Turns what the parse functions of `volume` throw into one error about the message. */
export function checked<T>(what: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (cause instanceof ProtocolError || !isTypedError(cause)) throw cause
    throw new ProtocolError('MESSAGE_INVALID', `${what}: ${cause.message}`, { cause })
  }
}
