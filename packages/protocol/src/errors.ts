import { create } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import { type ErrorKind, isErrorKind, isTypedError } from '@graft-ts/volume'
import { ErrorDetailSchema } from './gen/graft/v1/graft_pb.ts'
import { secondsToMs } from './retry-after.ts'

/** What is wrong with a message, a segment ref, or what this package was set up with. */
export type ProtocolErrorCode =
  | 'MESSAGE_INVALID'
  | 'MESSAGE_TOO_LARGE'
  | 'SET_INVALID'
  | 'SET_PAGE_ZERO'
  | 'SET_TOO_LARGE'
  | 'DATA_LENGTH'
  | 'REFS_TOO_MANY'
  | 'INLINE_TOO_LARGE'
  | 'WATCH_TOO_LARGE'
  | 'REQUESTS_TOO_MANY'
  | 'BODY_TIMEOUT'
  | 'ANSWER_UNREAD'
  | 'REFS_EXPIRED'
  | 'REFS_FORGED'
  | 'ACCESS_DENIED'
  | 'KEYS_UNAVAILABLE'
  | 'VERSION_UNSUPPORTED'
  | 'OPTIONS_INVALID'
  | 'TOKEN_IN_CLEAR'

type ProtocolErrorKind = 'invalid' | 'exhausted' | 'missing' | 'denied' | 'unavailable' | 'unsupported'

const KIND_OF: Readonly<Record<ProtocolErrorCode, ProtocolErrorKind>> = {
  MESSAGE_INVALID: 'invalid',
  MESSAGE_TOO_LARGE: 'exhausted',
  SET_INVALID: 'invalid',
  SET_PAGE_ZERO: 'invalid',
  SET_TOO_LARGE: 'exhausted',
  DATA_LENGTH: 'invalid',
  REFS_TOO_MANY: 'exhausted',
  INLINE_TOO_LARGE: 'exhausted',
  WATCH_TOO_LARGE: 'exhausted',
  REQUESTS_TOO_MANY: 'exhausted',
  // Half a message has no effect, so that its sender may try again on a better line.
  BODY_TIMEOUT: 'unavailable',
  ANSWER_UNREAD: 'unavailable',
  REFS_EXPIRED: 'missing',
  REFS_FORGED: 'denied',
  ACCESS_DENIED: 'denied',
  KEYS_UNAVAILABLE: 'unavailable',
  VERSION_UNSUPPORTED: 'unsupported',
  OPTIONS_INVALID: 'invalid',
  TOKEN_IN_CLEAR: 'invalid',
}

/** A message that breaks the protocol or its limits, whoever sent it. The code decides the kind. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly kind: ProtocolErrorKind
  readonly code: ProtocolErrorCode
  /** How long to wait before the next try, in milliseconds; `undefined`: no hint. */
  readonly retryAfterMs: number | undefined

  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions & { readonly retryAfterMs?: number }) {
    super(message, options)
    this.code = code
    this.kind = KIND_OF[code]
    this.retryAfterMs = options?.retryAfterMs
  }
}

/** What a server threw, or what became of a call that no server answered. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError'
  readonly kind: ErrorKind
  /**
   * The server's code, or one of this package: `NO_ANSWER`, `OUTCOME_UNKNOWN`, `ABORTED`, `DENIED`, `METHOD_UNKNOWN`,
   * `MESSAGE_TOO_LARGE`, `MESSAGE_INVALID`, `HEADERS_TOO_LARGE`, `TOO_MANY_REQUESTS`, `TOKEN_FAILED`.
   */
  readonly code: string
  /** How long to wait before the next try, in milliseconds; `undefined`: no hint. */
  readonly retryAfterMs: number | undefined

  constructor(kind: ErrorKind, code: string, message: string, options?: ErrorOptions & { retryAfterMs?: number | undefined }) {
    super(message, options)
    this.kind = kind
    this.code = code
    this.retryAfterMs = options?.retryAfterMs
  }
}

/** The table of docs/protocol/errors.md. */
const CONNECT_CODE_OF: Readonly<Record<ErrorKind, Code>> = {
  invalid: Code.InvalidArgument,
  missing: Code.NotFound,
  conflict: Code.Aborted,
  denied: Code.PermissionDenied,
  exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  unknown: Code.Unknown,
  corrupt: Code.DataLoss,
  unsupported: Code.Unimplemented,
  aborted: Code.Canceled,
  closed: Code.FailedPrecondition,
}
const UINT32_MAX = 0xffffffff

/**
 * Puts an error on the wire: kind and code travel in a detail. What is not one of our typed errors becomes `Internal`
 * without its text, which might tell a stranger too much; it stays on this side as `cause`.
 */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error
  if (!isTypedError(error)) return new ConnectError('internal error', Code.Internal, undefined, undefined, error)
  const retryAfterMs = wireRetryAfter((error as { retryAfterMs?: unknown }).retryAfterMs)
  const detail = create(ErrorDetailSchema, {
    kind: error.kind,
    code: error.code,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  })
  return new ConnectError(
    error.message,
    CONNECT_CODE_OF[error.kind],
    undefined,
    [{ desc: ErrorDetailSchema, value: detail }],
    error,
  )
}

// The hint may come from anybody's store; one that does not fit the message must not turn an error into a crash.
function wireRetryAfter(value: unknown): number | undefined {
  if (typeof value !== 'number' || !(value >= 0)) return undefined
  return Math.min(Math.ceil(value), UINT32_MAX)
}

/**
 * Rebuilds the error that a server threw, or says what became of a call without an answer.
 *
 * @param hasEffect Whether the call writes: its effect may have happened although no answer came.
 */
export function fromConnectError(error: unknown, hasEffect: boolean): RemoteError {
  if (error instanceof RemoteError) return error
  const connectError = ConnectError.from(error)
  const detail = connectError.findDetails(ErrorDetailSchema)[0]
  if (detail !== undefined && isErrorKind(detail.kind)) {
    return new RemoteError(detail.kind, detail.code, connectError.rawMessage, { cause: error, retryAfterMs: detail.retryAfterMs })
  }
  const [kind, code] = withoutDetail(connectError, hasEffect)
  const retryAfterMs = secondsToMs(connectError.metadata.get('retry-after'))
  return new RemoteError(kind, code, connectError.rawMessage, { cause: error, retryAfterMs })
}

// Codes that come only from a server which did nothing, or from the HTTP status of whoever stands in its place.
const REFUSAL_OF: Readonly<Partial<Record<Code, readonly [ErrorKind, string]>>> = {
  [Code.ResourceExhausted]: ['exhausted', 'MESSAGE_TOO_LARGE'],
  [Code.Unimplemented]: ['unsupported', 'METHOD_UNKNOWN'],
  [Code.NotFound]: ['unsupported', 'METHOD_UNKNOWN'],
  [Code.PermissionDenied]: ['denied', 'DENIED'],
  [Code.Unauthenticated]: ['denied', 'DENIED'],
}

/**
 * What a code means without a kind beside it. A proxy or another server may have answered, or this side may have failed to
 * read the answer: only what says for certain that nothing was done may be told as a refusal, for a caller who
 * believes a commit refused will make another (I6).
 */
function withoutDetail(error: ConnectError, hasEffect: boolean): readonly [ErrorKind, string] {
  const { code, isWireError } = error
  const refusal = REFUSAL_OF[code]
  if (refusal !== undefined) return refusal
  if (code === Code.InvalidArgument && isWireError) return ['invalid', 'MESSAGE_INVALID']
  // The message could not be written down, so it never left.
  if (code === Code.Internal && !isWireError && error.rawMessage.startsWith('serialize ')) return ['invalid', 'MESSAGE_INVALID']
  if (hasEffect) return ['unknown', 'OUTCOME_UNKNOWN']
  return code === Code.Canceled && !isWireError ? ['aborted', 'ABORTED'] : ['unavailable', 'NO_ANSWER']
}
