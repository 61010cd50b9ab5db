import type { ErrorKind } from '@graft-ts/volume'

/** What the command line itself refuses or cannot do. */
export type CliErrorCode =
  | 'USAGE'
  | 'AUTHORIZATION_NEEDED'
  | 'REF_KEYS_FILE'
  | 'KEY_FILE'
  | 'TOKEN_FILE'
  | 'SERVER_NOT_GRAFT'
  | 'SEGMENT_UNKNOWN'
  | 'LOCAL_DIRECTORY'
  | 'S3_SDK_MISSING'
  | 'INTERRUPTED'

const KIND_OF: Readonly<Record<CliErrorCode, ErrorKind>> = {
  USAGE: 'invalid',
  AUTHORIZATION_NEEDED: 'invalid',
  REF_KEYS_FILE: 'invalid',
  KEY_FILE: 'invalid',
  TOKEN_FILE: 'invalid',
  SERVER_NOT_GRAFT: 'unsupported',
  SEGMENT_UNKNOWN: 'missing',
  LOCAL_DIRECTORY: 'denied',
  S3_SDK_MISSING: 'unsupported',
  INTERRUPTED: 'aborted',
}

/** A failure of a command. The code decides the kind, and the kind the exit code. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly kind: ErrorKind
  readonly code: CliErrorCode

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.kind = KIND_OF[code]
  }
}
