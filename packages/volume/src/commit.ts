import { create, toBinary } from '@bufbuild/protobuf'
import { RecordError, VolumeError } from './errors.ts'
import { type Commit, CommitSchema } from './gen/graft/store/v1/store_pb.ts'
import {
  type ClientId,
  type CommitId,
  clientIdFromBytes,
  commitIdFromBytes,
  idToBytes,
  type VolumeId,
  volumeIdFromBytes,
} from './ids.ts'
import { LSN_NONE, type Lsn, parseLsn } from './lsn.ts'
import { lowerFloor, type PageSet, type PageSize, parsePageSize, type Snapshot } from './page.ts'
import { LAYER_SHAPE, layersFromMessages, type RollupLayer } from './rollup-layer.ts'
import { openRecord, sealRecord } from './sealed-record.ts'
import {
  checkSegmentRef,
  framesEnd,
  pageSetBytes,
  REF_SHAPE,
  type SegmentRef,
  segmentRefFromMessage,
  segmentRefToMessage,
  storedPageSet,
} from './segment-ref.ts'
import { readMessage } from './stored-message.ts'

/** Most refs of a commit: what a reader makes of them takes many times their bytes. */
export const COMMIT_REFS_MAX = 16_384
// The fields of a commit that hold messages: its refs and its layers.
const COMMIT_SHAPE = { 12: { ...REF_SHAPE, countMax: COMMIT_REFS_MAX }, 13: LAYER_SHAPE }

/** Bytes of a SHA-256. */
export const HASH_BYTES = 32

/** Inline frames behind a sealed commit record. */
export interface InlineFrames {
  /** Bytes of all frames together. */
  readonly byteLength: number
  /** SHA-256 over them. */
  readonly hash: Uint8Array
}

/** One atomic step of a volume's log, as it is stored. Bytes inside are views over the record's own bytes. */
export interface CommitRecord {
  readonly volumeId: VolumeId
  readonly lsn: Lsn
  /** Names the attempt that made it, so that a repeated request finds its own commit. */
  readonly commitId: CommitId
  readonly clientId: ClientId
  readonly pageCount: number
  /** The lowest page count that the transaction truncated to; `undefined`: it cut nothing off. Never above `pageCount`. */
  readonly floor: number | undefined
  readonly pageSize: PageSize
  /** Milliseconds since 1970: the larger of the writer's clock and the previous commit's. Never decides anything. */
  readonly timestampMs: number
  /** SHA-256 of the previous sealed record, which makes a forked or edited history detectable; empty at LSN 1. */
  readonly previousHash: Uint8Array
  /** Newest checkpoint known when it was made; {@link LSN_NONE}: none. */
  readonly checkpointLsn: Lsn
  /** The pages that it changes: none above `pageCount`. */
  readonly own: PageSet
  /** Where their contents are; where refs overlap the later one wins. */
  readonly refs: readonly SegmentRef[]
  /** Rollup layers 1, 2, …; as many as its LSN allows, or fewer. */
  readonly layers: readonly RollupLayer[]
  readonly inline: InlineFrames | undefined
}

/**
 * Encodes and seals a commit record. Inline frames, if any, are put behind it by the caller.
 *
 * @returns Fresh bytes.
 * @throws {@link VolumeError} `RECORD_TOO_LARGE`.
 */
export function encodeCommit(record: CommitRecord): Uint8Array<ArrayBuffer> {
  if (record.refs.length > COMMIT_REFS_MAX) {
    throw new VolumeError('RECORD_TOO_LARGE', `the refs of a commit are limited, refs=${record.refs.length}`)
  }
  const message = create(CommitSchema, {
    volumeId: idToBytes(record.volumeId),
    lsn: BigInt(record.lsn),
    commitId: idToBytes(record.commitId),
    clientId: idToBytes(record.clientId),
    pageCount: record.pageCount,
    ...(record.floor !== undefined && { floor: record.floor }),
    pageSize: record.pageSize,
    timestampMs: BigInt(record.timestampMs),
    previousHash: record.previousHash,
    checkpointLsn: BigInt(record.checkpointLsn),
    own: pageSetBytes(record.own),
    refs: record.refs.map(segmentRefToMessage),
    layers: record.layers.map((layer) => ({
      pages: pageSetBytes(layer.pages),
      lsnOffsets: layer.packedOffsets,
      ...(layer.floor !== undefined && { floor: layer.floor }),
    })),
    inlineLength: record.inline?.byteLength ?? 0,
    inlineHash: record.inline?.hash ?? new Uint8Array(0),
  })
  return sealRecord('commit', toBinary(CommitSchema, message))
}

/**
 * Checks and decodes a sealed commit record.
 *
 * @param bytes Begins with the record; inline frames may follow. Borrowed for as long as the record lives.
 * @returns The record, and the length of its sealed form: inline frames begin there.
 * @throws {@link RecordError}: damaged, not a commit, or of a newer version (I11).
 */
export function decodeCommit(bytes: Uint8Array): { record: CommitRecord; byteLength: number } {
  const { payload, byteLength } = openRecord('commit', bytes)
  try {
    const record = recordFromMessage(readMessage(CommitSchema, payload, COMMIT_SHAPE))
    checkRecord(record)
    return { record, byteLength }
  } catch (cause) {
    if (cause instanceof RecordError) throw cause
    throw new RecordError('RECORD_CONTENT', 'not a commit record', { cause })
  }
}

function recordFromMessage(message: Commit): CommitRecord {
  const lsn = parseLsn(message.lsn)
  return {
    volumeId: volumeIdFromBytes(message.volumeId),
    lsn,
    commitId: commitIdFromBytes(message.commitId),
    clientId: clientIdFromBytes(message.clientId),
    pageCount: message.pageCount,
    floor: message.floor,
    pageSize: parsePageSize(message.pageSize),
    timestampMs: parseLsn(message.timestampMs),
    previousHash: message.previousHash,
    checkpointLsn: parseLsn(message.checkpointLsn),
    own: storedPageSet(message.own),
    refs: message.refs.map(segmentRefFromMessage),
    layers: layersFromMessages(message.layers, lsn),
    inline: inlineFrames(message),
  }
}

function inlineFrames({ inlineLength, inlineHash }: Commit): InlineFrames | undefined {
  if (inlineHash.length !== (inlineLength === 0 ? 0 : HASH_BYTES)) throw content('hash of the inline frames: wrong length')
  return inlineLength === 0 ? undefined : { byteLength: inlineLength, hash: inlineHash }
}

function checkRecord(record: CommitRecord): void {
  const { lsn, pageCount, floor, own, refs, inline } = record
  if (lsn === LSN_NONE) throw content('lsn 0 is not a commit')
  if (floor !== undefined && floor > pageCount) throw content(`floor is above the page count, floor=${floor} pages=${pageCount}`)
  if ((own.last() ?? 0) > pageCount) throw content(`a page is above the page count, page=${own.last()} pages=${pageCount}`)
  if (record.previousHash.length !== (lsn === 1 ? 0 : HASH_BYTES)) throw content('hash of the previous record: wrong length')
  if (record.checkpointLsn >= lsn) throw content('checkpoint is not older than the commit')
  for (const ref of refs) {
    checkSegmentRef(ref, record.pageSize)
    if (ref.segmentId === undefined && framesEnd(ref) > (inline?.byteLength ?? 0)) {
      throw content('an inline ref points past the inline frames')
    }
  }
  checkLayers(record)
}

/** What a layer shows was not cut off by anything newer, and its floor is the lowest of all up to the commit. */
function checkLayers({ layers, floor, pageCount }: CommitRecord): void {
  let newerFloor = floor
  for (const layer of layers) {
    if ((layer.pages.last() ?? 0) > (newerFloor ?? pageCount)) throw content('a rollup layer holds a page that was cut off')
    if (lowerFloor(newerFloor, layer.floor) !== layer.floor || (layer.floor ?? 0) > pageCount) {
      throw content('the floor of a rollup layer is above a newer one')
    }
    newerFloor = layer.floor
  }
}

function content(why: string): RecordError {
  return new RecordError('RECORD_CONTENT', why)
}

/** The snapshot that a commit makes. */
export function snapshotOf(record: CommitRecord): Snapshot {
  const { volumeId, lsn, pageCount, pageSize, timestampMs } = record
  return { volumeId, lsn, pageCount, pageSize, timestampMs }
}
