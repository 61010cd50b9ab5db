/**
 * What a caller can do about a failed store call; a closed list, the same words in every package of the project.
 *
 * `invalid` fix the call · `missing` the bucket or folder itself is not there (an absent key is `undefined`, no error) ·
 * `conflict` read again, then decide · `denied` not allowed · `exhausted` a limit · `unavailable` retry with back-off,
 * nothing was written · `unknown` the write may have happened: find out · `corrupt` never retry · `unsupported` this
 * store cannot · `aborted` the caller's signal, nothing was written · `closed` already closed.
 */
export type StoreErrorKind =
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

/** Which failure it was. Public API, listed with remedies in the README. */
export type StoreErrorCode =
  | 'STORE_KEY'
  | 'STORE_RANGE'
  | 'STORE_ARGUMENT'
  | 'STORE_MISSING'
  | 'STORE_EXISTS'
  | 'STORE_CHANGED'
  | 'STORE_DENIED'
  | 'STORE_READ_ONLY'
  | 'STORE_NOT_WRITABLE'
  | 'STORE_FULL'
  | 'STORE_OBJECT_TOO_LARGE'
  | 'STORE_THROTTLED'
  | 'STORE_UNAVAILABLE'
  | 'STORE_OUTCOME_UNKNOWN'
  | 'STORE_CORRUPT'
  | 'STORE_REPLY'
  | 'STORE_UNSUPPORTED'
  | 'STORE_ABORTED'
  | 'STORE_CLOSED'

// One table, so that a code can never be thrown with two different kinds.
const KIND_OF_CODE: Readonly<Record<StoreErrorCode, StoreErrorKind>> = {
  STORE_KEY: 'invalid',
  STORE_RANGE: 'invalid',
  STORE_ARGUMENT: 'invalid',
  STORE_MISSING: 'missing',
  STORE_EXISTS: 'conflict',
  STORE_CHANGED: 'conflict',
  STORE_DENIED: 'denied',
  STORE_READ_ONLY: 'denied',
  STORE_NOT_WRITABLE: 'denied',
  STORE_FULL: 'exhausted',
  STORE_OBJECT_TOO_LARGE: 'exhausted',
  STORE_THROTTLED: 'exhausted',
  STORE_UNAVAILABLE: 'unavailable',
  STORE_OUTCOME_UNKNOWN: 'unknown',
  STORE_CORRUPT: 'corrupt',
  STORE_REPLY: 'corrupt',
  STORE_UNSUPPORTED: 'unsupported',
  STORE_ABORTED: 'aborted',
  STORE_CLOSED: 'closed',
}

/** The kind that a code always has; for wrappers and tests that decide by kind. */
export function kindOfStoreCode(code: StoreErrorCode): StoreErrorKind {
  return KIND_OF_CODE[code]
}

/**
 * Every failure of a store. Decide by `kind`; `code` tells which failure; the text is for people and may change.
 *
 * Only `unknown` leaves open whether a write happened. All other kinds that a write throws mean that it did not.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly kind: StoreErrorKind
  readonly code: StoreErrorCode
  /** How long the store asked to wait, in milliseconds; `undefined` if it did not say. */
  readonly retryAfterMs: number | undefined

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions & { retryAfterMs?: number | undefined }) {
    super(message, options)
    this.code = code
    this.kind = KIND_OF_CODE[code]
    this.retryAfterMs = options?.retryAfterMs
  }
}

/**
 * Tells whether a thrown value is a {@link StoreError}, of whichever loaded copy of this package.
 * Structural on purpose: with two copies loaded, `instanceof` would miss some.
 */
export function isStoreError(error: unknown): error is StoreError {
  return error instanceof Error && error.name === 'StoreError' && 'kind' in error && 'code' in error
}

/** Throws `STORE_ABORTED` with the signal's reason as cause if the caller has given up. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError(signal)
}

/** The error of a call that was stopped before it had any effect. */
export function abortedError(signal: AbortSignal): StoreError {
  return new StoreError('STORE_ABORTED', 'stopped by the signal of the caller', { cause: signal.reason })
}
