import type { Timers } from '@graft-ts/volume'

/** Waits for `delayMs` milliseconds, or until `signal` fires; it does not throw then. */
export function delay(timers: Timers, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve()
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const cancel = timers.start(end, delayMs)
    signal?.addEventListener('abort', end)
  })
}
