/** What a commit log refuses or cannot do. */
export type CommitLogErrorCode =
  | 'VOLUME_UNKNOWN'
  | 'LSN_FUTURE'
  | 'COMMIT_FOREIGN'
  | 'COMMIT_MISSING'
  | 'COMMIT_UNDECIDED'
  | 'COMMIT_PAGE_SIZE'
  | 'COMMIT_FLOOR'
  | 'COMMIT_PAGE_BEYOND_END'
  | 'COMMIT_PAGE_WITHOUT_CONTENT'
  | 'LOG_ABORTED'
  | 'HORIZON_UNSUPPORTED'
  | 'LOG_OPTIONS'
  | 'LOG_CREATE'

type CommitLogErrorKind = 'invalid' | 'missing' | 'corrupt' | 'unknown' | 'aborted' | 'unsupported'

const KIND_OF: Readonly<Record<CommitLogErrorCode, CommitLogErrorKind>> = {
  VOLUME_UNKNOWN: 'missing',
  LSN_FUTURE: 'missing',
  COMMIT_FOREIGN: 'corrupt',
  COMMIT_MISSING: 'corrupt',
  COMMIT_UNDECIDED: 'unknown',
  COMMIT_PAGE_SIZE: 'invalid',
  COMMIT_FLOOR: 'invalid',
  COMMIT_PAGE_BEYOND_END: 'invalid',
  COMMIT_PAGE_WITHOUT_CONTENT: 'invalid',
  LOG_ABORTED: 'aborted',
  HORIZON_UNSUPPORTED: 'unsupported',
  LOG_OPTIONS: 'invalid',
  LOG_CREATE: 'unsupported',
}

/** A volume, position or attempt that the log cannot serve. The code decides the kind. */
export class CommitLogError extends Error {
  override readonly name = 'CommitLogError'
  readonly kind: CommitLogErrorKind
  readonly code: CommitLogErrorCode

  constructor(code: CommitLogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.kind = KIND_OF[code]
  }
}
