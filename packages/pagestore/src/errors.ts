import { isStoreError, StoreError } from '@graft-ts/storage-adapters'

/** What went wrong in the page store itself; errors of the stores, the log and the formats pass through as they are. */
export type PagestoreErrorCode =
  | 'PAGESTORE_OPTIONS'
  | 'PAGESTORE_CREATE'
  | 'PAGESTORE_BUSY'
  | 'PAGESTORE_CLOSED'
  | 'REQUEST_ABORTED'
  | 'WRITE_BYTES'
  | 'READ_BYTES'
  | 'READ_LSN'
  | 'PAGE_BEYOND_END'
  | 'PAGE_UNLOCATED'
  | 'SEGMENT_UPLOAD'
  | 'SEGMENT_MISSING'
  | 'STORE_FAILED'
  | 'FRAME_CACHE_FOLDER'

/** The kinds that this package throws; they mean the same in every package. */
export type PagestoreErrorKind = 'invalid' | 'exhausted' | 'unavailable' | 'corrupt' | 'unsupported' | 'aborted'

const KINDS: Readonly<Record<PagestoreErrorCode, PagestoreErrorKind>> = {
  PAGESTORE_OPTIONS: 'invalid',
  PAGESTORE_CREATE: 'unsupported',
  PAGESTORE_BUSY: 'exhausted',
  // A client that meets a server on its way down should come back, not believe that it has itself been closed.
  PAGESTORE_CLOSED: 'unavailable',
  REQUEST_ABORTED: 'aborted',
  WRITE_BYTES: 'exhausted',
  READ_BYTES: 'exhausted',
  READ_LSN: 'invalid',
  PAGE_BEYOND_END: 'invalid',
  PAGE_UNLOCATED: 'corrupt',
  SEGMENT_UPLOAD: 'unavailable',
  SEGMENT_MISSING: 'corrupt',
  STORE_FAILED: 'unavailable',
  FRAME_CACHE_FOLDER: 'unavailable',
}

/**
 * A request that the page store could not answer. `kind` says what the caller can do, `code` which failure it was;
 * the package's README lists the codes with their remedies.
 */
export class PagestoreError extends Error {
  override readonly name = 'PagestoreError'
  readonly kind: PagestoreErrorKind
  readonly code: PagestoreErrorCode
  /** When to try again, milliseconds from now; `undefined`: no hint, or trying again does not help. */
  readonly retryAfterMs: number | undefined

  constructor(
    code: PagestoreErrorCode,
    message: string,
    options: ErrorOptions & { kind?: PagestoreErrorKind; retryAfterMs?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.kind = options.kind ?? KINDS[code]
    this.retryAfterMs = options.retryAfterMs
  }
}

/** What a request fails with whose signal has fired. */
export function requestAborted(signal: AbortSignal | undefined): PagestoreError {
  return new PagestoreError('REQUEST_ABORTED', 'the request was aborted', { cause: signal?.reason })
}

/** Throws `REQUEST_ABORTED` if the request's signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw requestAborted(signal)
}

// How long to wait for a store that slows its callers down and does not say for how long.
const THROTTLED_RETRY_MS = 1000
// What these say is true for the caller too. The others (`denied`, `missing`, …) are about this server and its store.
const STORE_KINDS_TOLD: ReadonlySet<string> = new Set(['unavailable', 'exhausted', 'aborted', 'corrupt'])

/** What a caller is told about an error of an object store, wherever it was met; other errors come back as they are. */
export function storeFailure(error: unknown): unknown {
  if (!isStoreError(error)) return error
  if (error.code === 'STORE_THROTTLED' && error.retryAfterMs === undefined) {
    // Without a hint `exhausted` means a limit that the request is over, and nobody tries again.
    return new StoreError(error.code, error.message, { cause: error, retryAfterMs: THROTTLED_RETRY_MS })
  }
  if (STORE_KINDS_TOLD.has(error.kind)) return error
  return new PagestoreError('STORE_FAILED', `the store refused a request, cause=${error.code}`, { cause: error })
}
