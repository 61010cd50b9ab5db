import { EPOCH_MS } from './process.ts'
import type { Scheduler } from './scheduler.ts'
import { Violation } from './violation.ts'

/**
 * Lets `setTimeout`, `clearTimeout`, `Date.now` and `performance.now` of the runtime go by virtual time: what libraries wait for is
 * waited for by the node whose turn it is. Its sources of chance, which no seed decides, must not be asked. One run at a time.
 *
 * @param onChance Told that one of them was.
 * @returns Puts the real ones back.
 */
export function virtualizeRuntime(scheduler: Scheduler, onChance: (violation: Violation) => void): () => void {
  const restoreTimers = virtualizeTimers(scheduler)
  const real = { now: Date.now, sinceStart: performance.now, random: Math.random, getRandomValues: crypto.getRandomValues }
  const told = (source: string): void => onChance(new Violation('simulation', `chance that no seed decides, of ${source}`))
  Date.now = () => Math.floor(EPOCH_MS + scheduler.nowMs)
  performance.now = () => scheduler.nowMs
  Math.random = () => {
    told('Math.random')
    return real.random()
  }
  crypto.getRandomValues = <T extends ArrayBufferView>(values: T): T => {
    told('crypto.getRandomValues')
    return real.getRandomValues.call(crypto, values as never) as T
  }
  return () => {
    restoreTimers()
    Date.now = real.now
    performance.now = real.sinceStart
    Math.random = real.random
    crypto.getRandomValues = real.getRandomValues
  }
}

function virtualizeTimers(scheduler: Scheduler): () => void {
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
