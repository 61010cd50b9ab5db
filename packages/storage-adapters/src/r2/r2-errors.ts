import { isStoreError, StoreError, type StoreErrorCode } from '../errors.ts'

/** What a call is about, as far as its failure depends on it. */
export interface R2Call {
  /** For the text of errors: `create, key=…`. */
  readonly what: string
  /** Whether it can change anything. */
  readonly isWrite: boolean
  /** What a failed condition means; absent if the call has none. */
  readonly conflict?: 'STORE_EXISTS' | 'STORE_CHANGED' | undefined
}

// With each of these nothing was written. https://developers.cloudflare.com/r2/api/error-codes/
const CODE_OF_R2_CODE: Readonly<Record<number, StoreErrorCode>> = {
  10002: 'STORE_DENIED',
  10003: 'STORE_DENIED',
  10006: 'STORE_MISSING',
  10020: 'STORE_KEY',
  10035: 'STORE_DENIED',
  10037: 'STORE_UNAVAILABLE',
  10039: 'STORE_RANGE',
  10042: 'STORE_DENIED',
  10058: 'STORE_THROTTLED',
  100100: 'STORE_OBJECT_TOO_LARGE',
}
const PRECONDITION_FAILED = 10031

/** The number that R2 puts at the end of its messages: `put: … (10058)`; `undefined` if there is none. */
function r2CodeOf(error: unknown): number | undefined {
  const match = /\((\d{5,6})\)\s*$/.exec(error instanceof Error ? error.message : '')
  return match === null ? undefined : Number(match[1])
}

/** Turns a failure of the binding into a typed error. What is not known to be harmless leaves a write unknown. */
export function r2Error(error: unknown, { what, isWrite, conflict }: R2Call): StoreError {
  if (isStoreError(error)) return error
  const r2Code = r2CodeOf(error)
  const known = r2Code === PRECONDITION_FAILED ? conflict : CODE_OF_R2_CODE[r2Code ?? 0]
  const code = known ?? (isWrite ? 'STORE_OUTCOME_UNKNOWN' : 'STORE_UNAVAILABLE')
  return new StoreError(code, `${what}: R2 failed, code=${r2Code ?? 'none'}`, { cause: error })
}
