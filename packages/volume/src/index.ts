export {
  COMMIT_REFS_MAX,
  type CommitRecord,
  decodeCommit,
  encodeCommit,
  HASH_BYTES,
  type InlineFrames,
  snapshotOf,
} from './commit.ts'
export { concatBytes } from './concat-bytes.ts'
export {
  type ErrorKind,
  isErrorKind,
  isTypedError,
  RecordError,
  type RecordErrorCode,
  SegmentError,
  type SegmentErrorCode,
  type TypedError,
  VolumeError,
  type VolumeErrorCode,
} from './errors.ts'
export {
  decodeFrame,
  type EncodedRun,
  encodeRun,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  type FrameIdentity,
  type FrameTable,
  pagesPerFrame,
  type Run,
} from './frame.ts'
export { createWebFrameCodec, type FrameCodec, type FrameFormat, webFrameCodec, type ZstdCodec } from './frame-codec.ts'
export { decodeHeadHint, encodeHeadHint } from './head-hint.ts'
export {
  type AnyId,
  type ClientId,
  type CommitId,
  clientIdFromBytes,
  commitIdFromBytes,
  ID_BYTES,
  type IdSource,
  idTimestampMs,
  idToBytes,
  newClientId,
  newCommitId,
  newSegmentId,
  newVolumeId,
  parseClientId,
  parseCommitId,
  parseSegmentId,
  parseVolumeId,
  type SegmentId,
  segmentIdFromBytes,
  systemIdSource,
  type VolumeId,
  volumeIdFromBytes,
} from './ids.ts'
export { LSN_NONE, type Lsn, nextLsn, parseLsn } from './lsn.ts'
export {
  type Changes,
  checkPageCount,
  checkPageIndex,
  lowerFloor,
  PAGE_INDEX_MAX,
  PAGE_SIZE_DEFAULT,
  type PageSet,
  type PageSize,
  parsePageSize,
  type Snapshot,
} from './page.ts'
export { layerCountMax, layerLsn, packOffsets, type RollupLayer } from './rollup-layer.ts'
export {
  openRecord,
  RECORD_HEADER_BYTES,
  RECORD_PAYLOAD_BYTES_MAX,
  type RecordKind,
  sealedLength,
  sealRecord,
} from './sealed-record.ts'
export {
  decodeSegmentIndex,
  runBytesMax,
  SEGMENT_BYTES_DEFAULT,
  SEGMENT_BYTES_MAX,
  SEGMENT_FOOTER_BYTES,
  SEGMENT_OVERHEAD_BYTES,
  SegmentBuilder,
  type SegmentIndex,
  type SegmentRun,
} from './segment.ts'
export {
  checkSegmentRef,
  decodeSegmentRef,
  encodeSegmentRef,
  frameOf,
  framePages,
  frameRange,
  type SegmentRef,
} from './segment-ref.ts'
export { storeKeys } from './store-keys.ts'
export { systemTimers, TIMER_MS_MAX, type Timers } from './timers.ts'
