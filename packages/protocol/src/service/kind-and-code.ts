import { isTypedError } from '@graft-ts/volume'

/** What an event says of an error. */
export interface KindAndCode {
  /** `untyped`: a bug. */
  readonly kind: string
  readonly code: string
}

/** Kind and code of an error, whatever it is. */
export function kindAndCode(error: unknown): KindAndCode {
  return isTypedError(error) ? { kind: error.kind, code: error.code } : { kind: 'untyped', code: 'UNTYPED' }
}
