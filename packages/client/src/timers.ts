import { ClientError } from './errors.ts'

/** Where the client gets its waits from; passed in so that tests and simulations decide when time passes. */
export interface Timers {
  /** Calls `run` once after `delayMs` milliseconds; the returned function cancels that. */
  start(run: () => void, delayMs: number): () => void
}

/** The runtime's own timers. */
export const systemTimers: Timers = {
  start(run, delayMs) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Waits. Throws {@link ClientError} `ABORTED` if the signal fires before. */
export function delay(timers: Timers, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      cancel()
      reject(new ClientError('ABORTED', 'stopped by the signal of the caller', { cause: signal?.reason }))
    }
    const cancel = timers.start(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, delayMs)
    signal?.addEventListener('abort', abort, { once: true })
  })
}
