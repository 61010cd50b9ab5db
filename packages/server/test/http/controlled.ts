import type { Timers } from '@graft-ts/volume'

/** Something that a test settles when it wants to. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/** Makes one. */
export function deferred<T = void>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** Timers that fire when the test says so. */
export class ManualTimers implements Timers {
  readonly #started = new Map<() => void, number>()

  start(run: () => void, delayMs: number): () => void {
    // A wrapper per start, so that one function may be waiting twice.
    const fire = (): void => run()
    this.#started.set(fire, delayMs)
    return () => void this.#started.delete(fire)
  }

  /** Delays of the timers that have not fired. */
  get delays(): readonly number[] {
    return [...this.#started.values()].sort((a, b) => a - b)
  }

  /** Fires those with at most this delay, the shortest first. */
  fire(delayMsMax: number): void {
    const due = [...this.#started].filter(([, delayMs]) => delayMs <= delayMsMax).sort(([, a], [, b]) => a - b)
    for (const [run] of due) {
      this.#started.delete(run)
      run()
    }
  }
}
