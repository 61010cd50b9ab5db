import type { Timers } from '@graft-ts/volume'

/** How long something may take, and what is thrown when it takes longer. */
export interface TimeLimit {
  readonly timers: Timers
  readonly ms: number
  readonly error: () => Error
}

/** The outcome of some work, or the error of the limit if that takes longer: the work then goes on, for nobody. */
export function inTime<T>(work: Promise<T>, { timers, ms, error }: TimeLimit): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = timers.start(() => reject(error()), ms)
    work.then(
      (value) => {
        cancel()
        resolve(value)
      },
      (failure: unknown) => {
        cancel()
        reject(failure)
      },
    )
  })
}
