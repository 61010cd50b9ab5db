import { type ErrorKind, isTypedError } from '@graft-ts/volume'

/** What went wrong in the client itself; errors of servers are `RemoteError`s, wrong ids and pages `VolumeError`s. */
export type ClientErrorCode =
  | 'CLIENT_CLOSED'
  | 'CLIENT_OPTIONS'
  | 'LOCAL_STORE_LOCKED'
  | 'LOCAL_STORE_FAILED'
  | 'LOCAL_STORE_CORRUPT'
  | 'LOCAL_STORE_VERSION'
  | 'LOCAL_STORE_FULL'
  | 'VOLUME_EXISTS'
  | 'VOLUME_PENDING'
  | 'VOLUME_FORGOTTEN'
  | 'SNAPSHOT_CLOSED'
  | 'TRANSACTION_ENDED'
  | 'TRANSACTION_TOO_LARGE'
  | 'TRANSACTION_CONFLICT'
  | 'CALL_IN_TRANSACTION'
  | 'PULL_CONTENDED'
  | 'PUSH_DIVERGED'
  | 'PUSH_CONTENDED'
  | 'MERGE_PAGE'
  | 'READ_INCOMPLETE'
  | 'REMOTE_ANSWER'
  | 'WATCH_ENDED'
  | 'WATCH_SILENT'
  | 'ABORTED'

const KIND_OF: Readonly<Record<ClientErrorCode, ErrorKind>> = {
  CLIENT_CLOSED: 'closed',
  CLIENT_OPTIONS: 'unsupported',
  LOCAL_STORE_LOCKED: 'conflict',
  LOCAL_STORE_FAILED: 'unavailable',
  LOCAL_STORE_CORRUPT: 'corrupt',
  LOCAL_STORE_VERSION: 'unsupported',
  LOCAL_STORE_FULL: 'exhausted',
  VOLUME_EXISTS: 'conflict',
  VOLUME_PENDING: 'conflict',
  VOLUME_FORGOTTEN: 'closed',
  SNAPSHOT_CLOSED: 'closed',
  TRANSACTION_ENDED: 'closed',
  TRANSACTION_TOO_LARGE: 'exhausted',
  TRANSACTION_CONFLICT: 'conflict',
  CALL_IN_TRANSACTION: 'invalid',
  PULL_CONTENDED: 'conflict',
  PUSH_DIVERGED: 'conflict',
  PUSH_CONTENDED: 'conflict',
  MERGE_PAGE: 'invalid',
  READ_INCOMPLETE: 'corrupt',
  REMOTE_ANSWER: 'corrupt',
  WATCH_ENDED: 'unavailable',
  WATCH_SILENT: 'unavailable',
  ABORTED: 'aborted',
}

/** A call that the client could not carry out. `kind` says what the caller can do, `code` which failure it was. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly kind: ErrorKind
  readonly code: ClientErrorCode

  constructor(code: ClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.kind = KIND_OF[code]
  }
}

/** What is known of something that was thrown, as data. */
export interface Failure {
  /** `untyped`: it was none of this project's errors. */
  readonly kind: ErrorKind | 'untyped'
  /** `UNTYPED` where it had none. */
  readonly code: string
  readonly message: string
}

/** The facts of something that was thrown. */
export function failureOf(error: unknown): Failure {
  if (isTypedError(error)) return { kind: error.kind, code: error.code, message: error.message }
  return { kind: 'untyped', code: 'UNTYPED', message: error instanceof Error ? error.message : String(error) }
}

/** Throws what {@link abortError} says if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortError(signal)
}

/**
 * What a caller is told whose call a signal has ended: `CLIENT_CLOSED` or `VOLUME_FORGOTTEN` where that is the reason, else
 * `ABORTED`.
 */
export function abortError({ reason }: AbortSignal): ClientError {
  if (reason instanceof ClientError && reason.kind === 'closed') return new ClientError(reason.code, reason.message)
  return new ClientError('ABORTED', 'stopped by the signal of the caller', { cause: reason })
}

/** The promise, or what {@link abortError} says as soon as the signal fires; the work itself goes on. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(abortError(signal))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
