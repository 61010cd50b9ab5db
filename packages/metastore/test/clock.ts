import type { Timers } from '@graft-ts/volume'

export const START_MS = 1_700_000_000_000

interface Timer {
  readonly run: () => void
  readonly dueMs: number
}

/** Lets everything happen that only waits for its turn, and nothing that waits for time. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Time that passes when a test says so. */
export class Clock implements Timers {
  nowMs = START_MS
  readonly #timers = new Set<Timer>()

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.size
  }

  start(run: () => void, delayMs: number): () => void {
    const timer = { run, dueMs: this.nowMs + delayMs }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets time pass, and everything happen that it brings. */
  async pass(durationMs: number): Promise<void> {
    const endMs = this.nowMs + durationMs
    await settle()
    for (;;) {
      const [next] = [...this.#timers].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)
      if (next === undefined) break
      this.#timers.delete(next)
      this.nowMs = Math.max(this.nowMs, next.dueMs)
      // All that are due at this moment fire before anything that follows from them.
      next.run()
      if (![...this.#timers].some(({ dueMs }) => dueMs <= this.nowMs)) await settle()
    }
    this.nowMs = endMs
  }
}
