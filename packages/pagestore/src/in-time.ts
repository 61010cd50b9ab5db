import type { Timers } from '@graft-ts/volume'

/** How long something may take, and what is thrown when it takes longer. */
export interface TimeLimit {
  readonly timers: Timers
  readonly ms: number
  readonly error: () => Error
}

/** The outcome of some work, or the error of the limit if that takes longer: the work then goes on, for nobody. */
export async function inTime<T>(work: Promise<T>, { timers, ms, error }: TimeLimit): Promise<T> {
  let cancel = (): void => undefined
  const late = new Promise<never>((_, reject) => {
    cancel = timers.start(() => reject(error()), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    cancel()
  }
}
