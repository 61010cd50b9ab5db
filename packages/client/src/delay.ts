import type { Timers } from '@graft-ts/volume'
import { abortError } from './errors.ts'

/** Waits. Throws what {@link abortError} says if the signal fires before. */
export function delay(timers: Timers, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      cancel()
      if (signal !== undefined) reject(abortError(signal))
    }
    const cancel = timers.start(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, delayMs)
    signal?.addEventListener('abort', abort, { once: true })
  })
}
