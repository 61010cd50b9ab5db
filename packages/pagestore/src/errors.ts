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

/** The kinds that this package throws; they mean the same in every package. */
export type PagestoreErrorKind = 'invalid' | 'exhausted' | 'unavailable' | 'corrupt' | 'unsupported' | 'aborted' | 'closed'

const KINDS: Readonly<Record<PagestoreErrorCode, PagestoreErrorKind>> = {
  PAGESTORE_OPTIONS: 'invalid',
  PAGESTORE_CREATE: 'unsupported',
  PAGESTORE_BUSY: 'exhausted',
  PAGESTORE_CLOSED: 'closed',
  REQUEST_ABORTED: 'aborted',
  WRITE_BYTES: 'exhausted',
  READ_BYTES: 'exhausted',
  READ_LSN: 'invalid',
  PAGE_BEYOND_END: 'invalid',
  PAGE_UNLOCATED: 'corrupt',
  SEGMENT_UPLOAD: 'unavailable',
  SEGMENT_MISSING: 'corrupt',
  STORE_FAILED: 'unavailable',
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

/** Throws `REQUEST_ABORTED` if the request's signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new PagestoreError('REQUEST_ABORTED', 'the request was aborted', { cause: signal.reason })
}
