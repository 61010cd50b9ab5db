import { create, type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { SignedSegmentRefSchema } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import {
  type ClientId,
  checkPageCount,
  clientIdFromBytes,
  commitIdFromBytes,
  idToBytes,
  isErrorKind,
  parseLsn,
  parsePageSize,
  type VolumeId,
} from '@graft-ts/volume'
import { ClientError, type Failure } from '../errors.ts'
import {
  type Divergence as DivergenceMessage,
  type DivergenceSchema,
  LocalCommitSchema,
  PushInfoSchema,
  StoreInfoSchema,
  UsageInfoSchema,
  VolumeInfoSchema,
} from '../gen/graft/local/v1/local_pb.ts'
import { DIVERGENCE_REASONS, type Divergence } from '../state/divergence.ts'
import type { LocalCommit } from '../state/local-commit.ts'
import type { VolumeState } from '../state/volume-state.ts'
import type { LocalBytes } from './local-bytes.ts'

/** Version of the local store's layout that this package writes. */
const LOCAL_FORMAT_VERSION = 1

/** Encodes the store's own record. */
export function encodeStoreInfo(clientId: ClientId): Uint8Array {
  const message = create(StoreInfoSchema, { formatVersion: LOCAL_FORMAT_VERSION, clientId: idToBytes(clientId) })
  return toBinary(StoreInfoSchema, message)
}

/** The client that owns a store. Throws {@link ClientError} `LOCAL_STORE_VERSION`, `LOCAL_STORE_CORRUPT`. */
export function decodeStoreInfo(bytes: Uint8Array): ClientId {
  return decoded('store', StoreInfoSchema, bytes, (message) => {
    if (message.formatVersion > LOCAL_FORMAT_VERSION) {
      throw new ClientError('LOCAL_STORE_VERSION', `the local store is of a newer version, version=${message.formatVersion}`)
    }
    return clientIdFromBytes(message.clientId)
  })
}

/** Encodes where a volume stands. */
export function encodeVolumeInfo(state: VolumeState): Uint8Array {
  const message = create(VolumeInfoSchema, {
    pageSize: state.pageSize,
    baseLsn: BigInt(state.base.lsn),
    basePageCount: state.base.pageCount,
    baseTimestampMs: BigInt(state.base.timestampMs),
    nextSequence: BigInt(state.nextSequence),
    ...(state.confirmedAtMs !== undefined && { confirmedAtMs: BigInt(state.confirmedAtMs) }),
  })
  return toBinary(VolumeInfoSchema, message)
}

/** Where a volume stands. Throws {@link ClientError} `LOCAL_STORE_CORRUPT`. */
export function decodeVolumeInfo(
  volumeId: VolumeId,
  bytes: Uint8Array,
): Pick<VolumeState, 'pageSize' | 'base' | 'nextSequence' | 'confirmedAtMs'> {
  return decoded('volume', VolumeInfoSchema, bytes, (message) => {
    const pageSize = parsePageSize(message.pageSize)
    const lsn = parseLsn(message.baseLsn)
    const pageCount = checkPageCount(message.basePageCount)
    const base = { volumeId, lsn, pageCount, pageSize, timestampMs: parseLsn(message.baseTimestampMs) }
    const confirmedAtMs = message.confirmedAtMs === undefined ? undefined : parseLsn(message.confirmedAtMs)
    return { pageSize, base, nextSequence: parseLsn(message.nextSequence), confirmedAtMs }
  })
}

/** Encodes a local commit. */
export function encodeLocalCommit(commit: LocalCommit): Uint8Array {
  const message = create(LocalCommitSchema, {
    sequence: BigInt(commit.sequence),
    own: commit.own.toBytes(),
    reads: commit.reads.toBytes(),
    ...(commit.floor !== undefined && { floor: commit.floor }),
    pageCount: commit.pageCount,
    usesPageCount: commit.usesPageCount,
    writesOnly: commit.isolation === 'snapshot',
  })
  return toBinary(LocalCommitSchema, message)
}

/** A local commit. Throws {@link ClientError} `LOCAL_STORE_CORRUPT`. */
export function decodeLocalCommit(bytes: Uint8Array): LocalCommit {
  return decoded('commit', LocalCommitSchema, bytes, (message) => ({
    sequence: parseLsn(message.sequence),
    own: Splinter.fromBytes(message.own),
    reads: Splinter.fromBytes(message.reads),
    floor: message.floor,
    pageCount: checkPageCount(message.pageCount),
    usesPageCount: message.usesPageCount,
    isolation: message.writesOnly ? 'snapshot' : 'serializable',
  }))
}

/** What is under way to the remote log, and why nothing is. */
export type PushState = Pick<VolumeState, 'sent' | 'isRefused' | 'uploads' | 'divergence'>

/** Encodes what is under way. */
export function encodePushInfo(state: PushState): Uint8Array {
  const message = create(PushInfoSchema, {
    sent: state.sent.map(({ commitId, lastSequence }) => ({ commitId: idToBytes(commitId), lastSequence: BigInt(lastSequence) })),
    isRefused: state.isRefused,
    uploads: state.uploads.map(({ pages, lastSequence, refs }) => ({
      pages: pages.toBytes(),
      lastSequence: BigInt(lastSequence),
      refs: refs.map((ref) => toBinary(SignedSegmentRefSchema, ref)),
    })),
    ...(state.divergence !== undefined && { divergence: divergenceToMessage(state.divergence) }),
  })
  return toBinary(PushInfoSchema, message)
}

/** What is under way; nothing if there is no record. Throws {@link ClientError} `LOCAL_STORE_CORRUPT`. */
export function decodePushInfo(volumeId: VolumeId, bytes: Uint8Array | undefined): PushState {
  if (bytes === undefined) return { sent: [], isRefused: false, uploads: [], divergence: undefined }
  return decoded('push', PushInfoSchema, bytes, (message) => ({
    sent: message.sent.map(({ commitId, lastSequence }) => ({
      commitId: commitIdFromBytes(commitId),
      lastSequence: parseLsn(lastSequence),
    })),
    isRefused: message.isRefused,
    uploads: message.uploads.map(({ pages, lastSequence, refs }) => ({
      pages: Splinter.fromBytes(pages),
      lastSequence: parseLsn(lastSequence),
      refs: refs.map((ref) => fromBinary(SignedSegmentRefSchema, ref)),
    })),
    divergence: message.divergence === undefined ? undefined : divergenceFromMessage(volumeId, message.divergence),
  }))
}

function divergenceToMessage({ reason, snapshot, changes, cause }: Divergence): MessageInitShape<typeof DivergenceSchema> {
  return {
    reason,
    lsn: BigInt(snapshot.lsn),
    pageCount: snapshot.pageCount,
    pageSize: snapshot.pageSize,
    timestampMs: BigInt(snapshot.timestampMs),
    changed: changes.pages.toBytes(),
    ...(changes.floor !== undefined && { floor: changes.floor }),
    ...(cause !== undefined && { cause: { kind: cause.kind, code: cause.code, text: cause.message } }),
  }
}

function divergenceFromMessage(volumeId: VolumeId, message: DivergenceMessage): Divergence {
  const reason = DIVERGENCE_REASONS.find((known) => known === message.reason)
  if (reason === undefined)
    throw new ClientError('LOCAL_STORE_VERSION', `a divergence of an unknown reason, reason=${message.reason}`)
  const pageSize = parsePageSize(message.pageSize)
  const pageCount = checkPageCount(message.pageCount)
  const snapshot = { volumeId, lsn: parseLsn(message.lsn), pageCount, pageSize, timestampMs: parseLsn(message.timestampMs) }
  const changes = { pages: Splinter.fromBytes(message.changed), floor: message.floor }
  const { cause } = message
  return { reason, snapshot, changes, cause: cause === undefined ? undefined : failureFrom(cause.kind, cause.code, cause.text) }
}

function failureFrom(kind: string, code: string, message: string): Failure {
  return { kind: isErrorKind(kind) ? kind : 'untyped', code, message }
}

/** Encodes what a volume takes up. */
export function encodeUsageInfo({ cached, kept }: LocalBytes): Uint8Array {
  return toBinary(UsageInfoSchema, create(UsageInfoSchema, { cachedBytes: BigInt(cached), keptBytes: BigInt(kept) }))
}

/** What a volume takes up. Throws {@link ClientError} `LOCAL_STORE_CORRUPT`. */
export function decodeUsageInfo(bytes: Uint8Array): LocalBytes {
  return decoded('usage', UsageInfoSchema, bytes, ({ cachedBytes, keptBytes }) => ({
    cached: parseBytes(cachedBytes),
    kept: parseBytes(keptBytes),
  }))
}

function parseBytes(bytes: bigint): number {
  if (bytes <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(bytes)
  throw new ClientError('LOCAL_STORE_CORRUPT', `the local store claims to hold ${bytes} bytes`)
}

function decoded<S extends DescMessage, T>(
  what: string,
  schema: S,
  bytes: Uint8Array,
  convert: (message: MessageShape<S>) => T,
): T {
  try {
    return convert(fromBinary(schema, bytes))
  } catch (cause) {
    if (cause instanceof ClientError) throw cause
    throw new ClientError('LOCAL_STORE_CORRUPT', `the ${what} record of the local store is damaged`, { cause })
  }
}
