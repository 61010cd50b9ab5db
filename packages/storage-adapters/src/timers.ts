/** Where waits come from; passed in, so that tests and simulations decide when time passes. */
export interface StoreTimers {
  /** Calls `run` once after `delayMs` milliseconds; the returned function cancels that. */
  start(run: () => void, delayMs: number): () => void
}

/** The longest time that a timer of any runtime takes, in milliseconds; a longer one fires at once. */
export const TIMER_MS_MAX: number = 2 ** 31 - 1

/** The runtime's own timers. */
export const systemTimers: StoreTimers = {
  start(run, delayMs) {
    const timeout = setTimeout(run, delayMs)
    return () => clearTimeout(timeout)
  },
}

/** Waits; returns early when the signal fires. */
export function wait(timers: StoreTimers, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const cancel = timers.start(end, ms)
    signal?.addEventListener('abort', end)
    if (signal?.aborted === true) end()
  })
}
