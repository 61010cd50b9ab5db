import type { Scheduler } from './scheduler.ts'

/**
 * Lets `setTimeout` and `clearTimeout` of the runtime go by virtual time: what libraries wait for is waited for by the node
 * whose turn it is. One run at a time.
 *
 * @returns Puts the real ones back.
 */
export function virtualizeTimers(scheduler: Scheduler): () => void {
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout }
  const cancels = new Map<unknown, () => void>()
  const start = (run: (...given: unknown[]) => void, delayMs = 0, ...given: unknown[]): object => {
    const handle = {}
    const cancel = scheduler.after(scheduler.running, delayMs, '', () => {
      cancels.delete(handle)
      run(...given)
    })
    cancels.set(handle, cancel)
    return handle
  }
  const clear = (handle: unknown): void => {
    const cancel = cancels.get(handle)
    // What was started before virtual time began is of the runtime.
    if (cancel === undefined) return real.clearTimeout(handle as never)
    cancels.delete(handle)
    cancel()
  }
  Object.assign(globalThis, { setTimeout: start, clearTimeout: clear })
  return () => void Object.assign(globalThis, real)
}
