/** Where the page store gets its waits from; passed in so that tests and simulations decide when time passes. */
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

/** Waits for `delayMs` milliseconds. */
export function delay(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.start(resolve, delayMs)
  })
}
