import { isStoreError, StoreError, type StoreErrorCode } from '../errors.ts'

/** What a call is about, as far as its failure depends on it. */
export interface CallNature {
  /** For the text of errors: `create, key=…`. */
  readonly what: string
  /** Whether it can change anything. */
  readonly isWrite: boolean
  /** What a failed condition means: `STORE_EXISTS` or `STORE_CHANGED`; absent if the call has no condition. */
  readonly conflict?: 'STORE_EXISTS' | 'STORE_CHANGED' | undefined
}

/** How far a call came. */
export interface CallProgress {
  /** How often a request was handed to the connection. */
  readonly sent: number
}

/** What the SDK tells of a failure, whichever way it was thrown. */
export interface S3Failure {
  /** S3's error code, or the name of the error; empty if there is none. */
  readonly code: string
  /** The HTTP status; `undefined` if there was no reply. */
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined
}

// The server did not take the request on. Other replies with a status of 503 may come from a proxy, after the effect.
const THROTTLE_CODES: ReadonlySet<string> = new Set([
  ...['SlowDown', 'SlowDownRead', 'SlowDownWrite', 'Throttling', 'ThrottlingException', 'ThrottledException'],
  ...['RequestThrottled', 'RequestThrottledException', 'RequestLimitExceeded', 'TooManyRequests', 'TooManyRequestsException'],
])

// The connection never came about, so nothing was sent over it.
const UNREACHABLE_CODES: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'],
])

// Codes that say more than their status does. With each of them, nothing was written.
const CODE_OF_S3_CODE: Readonly<Record<string, StoreErrorCode>> = {
  AccessDenied: 'STORE_DENIED',
  NoSuchBucket: 'STORE_MISSING',
  EntityTooLarge: 'STORE_OBJECT_TOO_LARGE',
  KeyTooLongError: 'STORE_KEY',
  // A key below another one, on servers that keep folders.
  ObjectParentIsFile: 'STORE_KEY',
  // The same the other way round, or only a folder that a deletion has left empty and is about to remove.
  ExistingObjectIsDirectory: 'STORE_UNAVAILABLE',
  // A deletion removed the folder that a write was about to use. Where an absent object is no failure, the caller looks first.
  NoSuchKey: 'STORE_UNAVAILABLE',
  QuotaExceeded: 'STORE_FULL',
  XMinioStorageFull: 'STORE_FULL',
  // Somebody removed the parts before they were put together.
  NoSuchUpload: 'STORE_UNAVAILABLE',
  NotImplemented: 'STORE_UNSUPPORTED',
  MethodNotAllowed: 'STORE_UNSUPPORTED',
  // The next request of the client carries the right time.
  RequestTimeTooSkewed: 'STORE_UNAVAILABLE',
  // The body did not arrive whole, or not as it was sent.
  RequestTimeout: 'STORE_UNAVAILABLE',
  IncompleteBody: 'STORE_UNAVAILABLE',
  BadDigest: 'STORE_UNAVAILABLE',
  XAmzContentSHA256Mismatch: 'STORE_UNAVAILABLE',
  CredentialsProviderError: 'STORE_DENIED',
}

const CODE_OF_STATUS: Readonly<Record<number, StoreErrorCode>> = {
  401: 'STORE_DENIED',
  403: 'STORE_DENIED',
  // Where an absent object is no failure, the caller looks first.
  404: 'STORE_MISSING',
  405: 'STORE_UNSUPPORTED',
  // Another conditional request was under way; nothing landed.
  409: 'STORE_UNAVAILABLE',
  413: 'STORE_OBJECT_TOO_LARGE',
  416: 'STORE_RANGE',
  429: 'STORE_THROTTLED',
  501: 'STORE_UNSUPPORTED',
  507: 'STORE_FULL',
}

/** Reads what the SDK threw. */
export function readFailure(error: unknown): S3Failure {
  const { name, code, Code, $metadata, $response } = Object(error) as Record<string, unknown>
  const response = Object($response) as { statusCode?: unknown; headers?: Record<string, string> }
  const status = (Object($metadata) as { httpStatusCode?: unknown }).httpStatusCode ?? response.statusCode
  const seconds = Number(response.headers?.['retry-after'])
  return {
    code: [code, Code, name].find((value): value is string => typeof value === 'string' && value !== 'Error') ?? '',
    status: typeof status === 'number' ? status : undefined,
    retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined,
  }
}

/** Whether the object, not the bucket, is what the server does not have. */
export function isAbsent({ code, status }: S3Failure): boolean {
  return status === 404 && code !== 'NoSuchBucket'
}

/** Turns a failure of the SDK into a typed error. */
export function typedError(error: unknown, nature: CallNature, progress: CallProgress): StoreError {
  if (isStoreError(error)) return error
  const failure = readFailure(error)
  const { code, status, retryAfterMs } = failure
  const text = `${nature.what}: ${status ?? 'no reply'} ${code}`.trimEnd()
  return new StoreError(codeOf(failure, nature, progress), text, { cause: error, retryAfterMs })
}

function codeOf(failure: S3Failure, nature: CallNature, progress: CallProgress): StoreErrorCode {
  const code = codeOfReply(failure, nature)
  if (!nature.isWrite || progress.sent === 0) return code ?? 'STORE_UNAVAILABLE'
  // Of several requests of one call the last one tells nothing about the earlier ones.
  return progress.sent > 1 ? 'STORE_OUTCOME_UNKNOWN' : (code ?? 'STORE_OUTCOME_UNKNOWN')
}

/** What a reply, or its absence, proves; `undefined` if it leaves open whether anything happened. */
function codeOfReply(failure: S3Failure, nature: CallNature): StoreErrorCode | undefined {
  const { code, status } = failure
  if (status === 412 && nature.conflict !== undefined) return nature.conflict
  if (isAbsent(failure) && nature.conflict === 'STORE_CHANGED') return nature.conflict
  if (THROTTLE_CODES.has(code)) return 'STORE_THROTTLED'
  if (code in CODE_OF_S3_CODE) return CODE_OF_S3_CODE[code]
  if (status === undefined) return UNREACHABLE_CODES.has(code) ? 'STORE_UNAVAILABLE' : undefined
  if (status in CODE_OF_STATUS) return CODE_OF_STATUS[status]
  // A refusal, or a redirection to another region. A status of success here means a reply that could not be read.
  if (status >= 300 && status < 500) return 'STORE_ARGUMENT'
  return status < 300 && !nature.isWrite ? 'STORE_REPLY' : undefined
}
