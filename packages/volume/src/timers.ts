/** Where waits come from; passed in, like the clock, so that tests and simulations decide when time passes. */
export interface Timers {
  /** Calls `run` once after `delayMs` milliseconds; the returned function cancels that. */
  start(run: () => void, delayMs: number): () => void
}

/** The longest wait of the runtimes' timers, in milliseconds; longer ones end at once. About 24.8 days. */
export const TIMER_MS_MAX: number = 2 ** 31 - 1

/** The runtime's own timers. */
export const systemTimers: Timers = {
  start(run, delayMs) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}
