/** Which rule was broken; see the table in the README. */
export type SplinterErrorCode =
  | 'SPLINTER_LENGTH'
  | 'SPLINTER_MAGIC'
  | 'SPLINTER_VERSION'
  | 'SPLINTER_CHECKSUM'
  | 'PARTITION_KIND'
  | 'PARTITION_LENGTH'
  | 'VALUES_ORDER'
  | 'RUNS_ORDER'
  | 'SEGMENTS_ORDER'
  | 'CHILD_OFFSET'
  | 'CHILD_CARDINALITY'
  | 'CHILD_EMPTY'
  | 'VALUE_RANGE'
  | 'SET_TOO_LARGE'

/** What the caller can do about a {@link SplinterError}. */
export type SplinterErrorKind = 'corrupt' | 'unsupported' | 'invalid' | 'exhausted'

const KINDS: Partial<Record<SplinterErrorCode, SplinterErrorKind>> = {
  SPLINTER_VERSION: 'unsupported',
  VALUE_RANGE: 'invalid',
  SET_TOO_LARGE: 'exhausted',
}

/**
 * The bytes are not a sound set (`corrupt`: never retry; `unsupported`: another version of the format), or the call is
 * wrong (`invalid`), or the answer does not fit into memory (`exhausted`).
 */
export class SplinterError extends Error {
  override readonly name = 'SplinterError'
  readonly kind: SplinterErrorKind
  readonly code: SplinterErrorCode
  /** Where in the bytes the broken rule was noticed; 0 if it is not about bytes. */
  readonly offset: number

  constructor(code: SplinterErrorCode, message: string, offset = 0, options?: ErrorOptions) {
    super(message, options)
    this.kind = KINDS[code] ?? 'corrupt'
    this.code = code
    this.offset = offset
  }
}
