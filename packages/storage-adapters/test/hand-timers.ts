import type { StoreTimers } from '../src/timers.ts'

/** Timers that stand still until they are moved; whoever waits goes on in the order of the times. */
export class HandTimers implements StoreTimers {
  #nowMs = 0
  #waiting: { readonly atMs: number; readonly run: () => void }[] = []

  /** How many waits are under way. */
  get count(): number {
    return this.#waiting.length
  }

  nowMs(): number {
    return this.#nowMs
  }

  start(run: () => void, delayMs: number): () => void {
    const item = { atMs: this.#nowMs + delayMs, run }
    this.#waiting.push(item)
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== item)
    }
  }

  async move(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      await settle()
      this.#waiting.sort((a, b) => a.atMs - b.atMs)
      const next = this.#waiting[0]
      if (next === undefined || next.atMs > untilMs) break
      this.#waiting.shift()
      this.#nowMs = next.atMs
      next.run()
    }
    this.#nowMs = untilMs
    await settle()
  }
}

/** Timers for which all time passes at once: waits are over as soon as all that can go on without them has. */
export const hastyTimers: StoreTimers = {
  start(run) {
    const immediate = setImmediate(run)
    return () => clearImmediate(immediate)
  },
}

/** Lets all promises that can go on do so. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
