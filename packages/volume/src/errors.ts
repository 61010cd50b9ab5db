/**
 * What a caller can do about a failure; the same closed list in every package.
 *
 * `invalid` fix the call · `missing` it is not there · `conflict` read again, then decide · `denied` not allowed ·
 * `exhausted` a limit · `unavailable` retry with back-off · `unknown` the effect may have happened: find out ·
 * `corrupt` never retry · `unsupported` this version cannot · `aborted` the caller's signal · `closed` already closed.
 */
export type ErrorKind =
  | 'invalid'
  | 'missing'
  | 'conflict'
  | 'denied'
  | 'exhausted'
  | 'unavailable'
  | 'unknown'
  | 'corrupt'
  | 'unsupported'
  | 'aborted'
  | 'closed'

const KINDS: ReadonlySet<string> = new Set<ErrorKind>([
  'invalid',
  'missing',
  'conflict',
  'denied',
  'exhausted',
  'unavailable',
  'unknown',
  'corrupt',
  'unsupported',
  'aborted',
  'closed',
])

/** Tells whether a string is one of the {@link ErrorKind}s, for kinds that arrive over a network. */
export function isErrorKind(value: string): value is ErrorKind {
  return KINDS.has(value)
}

/** The shape that every error of this project has. */
export interface TypedError extends Error {
  readonly kind: ErrorKind
  readonly code: string
}

/**
 * Tells whether a thrown value is an error with `kind` and `code`, whichever package made it.
 * Structural on purpose: two copies of a package may be loaded, so `instanceof` would miss some.
 */
export function isTypedError(error: unknown): error is TypedError {
  if (!(error instanceof Error)) return false
  const { kind, code } = error as Partial<TypedError>
  return typeof kind === 'string' && isErrorKind(kind) && typeof code === 'string'
}

/** What was wrong with an argument. */
export type VolumeErrorCode =
  | 'ID_INVALID'
  | 'LSN_RANGE'
  | 'PAGE_INDEX'
  | 'PAGE_COUNT'
  | 'PAGE_SIZE'
  | 'PAGE_LENGTH'
  | 'SET_PAGE_ZERO'
  | 'SET_EMPTY'
  | 'SEGMENT_REF'
  | 'SEGMENT_FULL'
  | 'RECORD_TOO_LARGE'
  | 'CODEC_UNSUPPORTED'

const VOLUME_ERROR_KINDS: { readonly [code in VolumeErrorCode]?: VolumeError['kind'] } = {
  SEGMENT_FULL: 'exhausted',
  RECORD_TOO_LARGE: 'exhausted',
  CODEC_UNSUPPORTED: 'unsupported',
}

/** An id, position, page or set given by the caller is outside its range, or asks for what the runtime lacks. Fix the call. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError'
  readonly kind: 'invalid' | 'exhausted' | 'unsupported'
  readonly code: VolumeErrorCode

  constructor(code: VolumeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.kind = VOLUME_ERROR_KINDS[code] ?? 'invalid'
  }
}

/** What is wrong with the bytes of a sealed record. */
export type RecordErrorCode =
  | 'RECORD_TRUNCATED'
  | 'RECORD_MAGIC'
  | 'RECORD_KIND'
  | 'RECORD_VERSION'
  | 'RECORD_LENGTH'
  | 'RECORD_CHECKSUM'
  | 'RECORD_CONTENT'

/** Stored bytes are not a record that this version reads. `unsupported` when only a newer version can; else `corrupt`. */
export class RecordError extends Error {
  override readonly name = 'RecordError'
  readonly kind: 'corrupt' | 'unsupported'
  readonly code: RecordErrorCode

  constructor(code: RecordErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.kind = code === 'RECORD_VERSION' ? 'unsupported' : 'corrupt'
  }
}

/** What is wrong with the bytes of a segment or a frame. */
export type SegmentErrorCode =
  | 'SEGMENT_TRUNCATED'
  | 'SEGMENT_MAGIC'
  | 'SEGMENT_CHECKSUM'
  | 'SEGMENT_VERSION'
  | 'SEGMENT_INDEX'
  | 'FRAME_TRUNCATED'
  | 'FRAME_MAGIC'
  | 'FRAME_VERSION'
  | 'FRAME_CHECKSUM'
  | 'FRAME_FOREIGN'
  | 'FRAME_PAGES'
  | 'FRAME_LENGTH'
  | 'FRAME_CODEC'
  | 'FRAME_CONTENT'

/**
 * Stored bytes are not the segment or frame that was asked for. `unsupported` when only a newer version can read it, or a
 * runtime that has the frame's format.
 */
export class SegmentError extends Error {
  override readonly name = 'SegmentError'
  readonly kind: 'corrupt' | 'unsupported'
  readonly code: SegmentErrorCode

  constructor(code: SegmentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    const isNewer = code === 'SEGMENT_VERSION' || code === 'FRAME_VERSION' || code === 'FRAME_CODEC'
    this.kind = isNewer ? 'unsupported' : 'corrupt'
  }
}
