import type { Timers } from '@graft-ts/volume'

/** Waits for `delayMs` milliseconds. */
export function delay(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.start(resolve, delayMs)
  })
}
