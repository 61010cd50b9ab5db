import type { Timers } from '@graft-ts/volume'
import { ClientError } from './errors.ts'

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
