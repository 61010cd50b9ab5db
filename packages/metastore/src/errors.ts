import { isStoreError, StoreError, type StoreErrorKind } from '@graft-ts/storage-adapters'

/** What went wrong in the meta store itself; errors of the log, the messages and the refs pass through as they are. */
export type MetastoreErrorCode =
  | 'METASTORE_OPTIONS'
  | 'METASTORE_CLOSED'
  | 'REQUEST_ABORTED'
  | 'HISTORY_RANGE'
  | 'HISTORY_TOO_LONG'
  | 'SNAPSHOT_TOO_EARLY'
  | 'WATCHES_TOO_MANY'
  | 'WATCH_EXPIRED'
  | 'STORE_FAILED'

/** The kinds that this package throws; they mean the same in every package. */
export type MetastoreErrorKind = 'invalid' | 'missing' | 'exhausted' | 'unavailable' | 'aborted'

const KIND_OF: Readonly<Record<MetastoreErrorCode, MetastoreErrorKind>> = {
  METASTORE_OPTIONS: 'invalid',
  // A client that meets a server on its way down should come back, not believe that it has itself been closed.
  METASTORE_CLOSED: 'unavailable',
  REQUEST_ABORTED: 'aborted',
  HISTORY_RANGE: 'invalid',
  HISTORY_TOO_LONG: 'exhausted',
  SNAPSHOT_TOO_EARLY: 'missing',
  WATCHES_TOO_MANY: 'exhausted',
  // With a new token the client may watch on, so this is no refusal.
  WATCH_EXPIRED: 'unavailable',
  STORE_FAILED: 'unavailable',
}

/** A request that the meta store could not answer. The code decides the kind; the README lists codes and remedies. */
export class MetastoreError extends Error {
  override readonly name = 'MetastoreError'
  readonly kind: MetastoreErrorKind
  readonly code: MetastoreErrorCode
  /** How long to wait before the next try, in milliseconds; `undefined`: no hint. */
  readonly retryAfterMs: number | undefined

  constructor(code: MetastoreErrorCode, message: string, options?: ErrorOptions & { readonly retryAfterMs?: number }) {
    super(message, options)
    this.code = code
    this.kind = KIND_OF[code]
    this.retryAfterMs = options?.retryAfterMs
  }
}

/** Throws `REQUEST_ABORTED` if the caller is gone. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw requestAborted(signal)
}

/** Says that the caller is gone. */
export function requestAborted(signal: AbortSignal): MetastoreError {
  return new MetastoreError('REQUEST_ABORTED', 'the request was aborted', { cause: signal.reason })
}

// What these say is true for the client too. All others are about this server and its store: a client that was told
// 'denied' or 'missing' because a bucket is misconfigured would take its own commit for refused.
const STORE_KINDS_TOLD: ReadonlySet<StoreErrorKind> = new Set<StoreErrorKind>([
  'unavailable',
  'exhausted',
  'unknown',
  'corrupt',
  'aborted',
])

// How long to wait for a store that slows its callers down and does not say for how long.
const THROTTLED_RETRY_MS = 1000

/** What a client is told about an error of the object store; other errors come back as they are. */
export function storeFailure(error: unknown): unknown {
  if (!isStoreError(error)) return error
  if (error.code === 'STORE_THROTTLED' && error.retryAfterMs === undefined) {
    // Without a hint a client takes `exhausted` for a limit that its commit is over, and its commit for refused.
    return new StoreError(error.code, error.message, { cause: error, retryAfterMs: THROTTLED_RETRY_MS })
  }
  if (STORE_KINDS_TOLD.has(error.kind)) return error
  return new MetastoreError('STORE_FAILED', `the object store refused the request, cause=${error.code}`, { cause: error })
}
