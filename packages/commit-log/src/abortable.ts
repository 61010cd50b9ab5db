import { CommitLogError } from './errors.ts'

/**
 * The outcome of work that several callers wait for, or `LOG_ABORTED` for the one whose signal fires. The work goes on for
 * the others.
 */
export function abortable<T>(shared: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return shared
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(aborted(signal))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    shared.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Throws `LOG_ABORTED` if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw aborted(signal)
}

function aborted(signal: AbortSignal): CommitLogError {
  return new CommitLogError('LOG_ABORTED', 'the call was aborted', { cause: signal.reason })
}
