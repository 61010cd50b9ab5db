import type { GetOptions, ObjectStore } from '@graft-ts/storage-adapters'

/** Requests of a store, in the rounds in which they were waited for. */
export interface RoundTally {
  /** Requests of each round, by kind. */
  readonly rounds: { reads: number; writes: number }[]
  /** Reads of all rounds. */
  readonly reads: number
  /** Forgets what was counted. */
  reset(): void
}

/**
 * A store that answers all requests of a round at once, when no more come: requests that do not wait for each other make one
 * round. Whoever uses it must wait for nothing else.
 */
export function inRounds(inner: ObjectStore): { readonly store: ObjectStore; readonly tally: RoundTally } {
  const rounds: { reads: number; writes: number }[] = []
  let current: { readonly round: { reads: number; writes: number }; readonly answered: Promise<void> } | undefined
  function request(kind: 'reads' | 'writes'): Promise<void> {
    if (current === undefined) {
      const round = { reads: 0, writes: 0 }
      const answered = new Promise<void>((resolve) => {
        setImmediate(() => {
          current = undefined
          resolve()
        })
      })
      rounds.push(round)
      current = { round, answered }
    }
    current.round[kind]++
    return current.answered
  }
  const store: ObjectStore = Object.assign(Object.create(inner) as ObjectStore, {
    capabilities: inner.capabilities,
    get: async (key: string, options?: GetOptions) => {
      await request('reads')
      return inner.get(key, options)
    },
    create: async (key: string, body: Uint8Array) => {
      await request('writes')
      return inner.create(key, body)
    },
    put: async (key: string, body: Uint8Array) => {
      await request('writes')
      return inner.put(key, body)
    },
  })
  const tally: RoundTally = {
    rounds,
    get reads() {
      return rounds.reduce((sum, round) => sum + round.reads, 0)
    },
    reset: () => rounds.splice(0),
  }
  return { store, tally }
}
