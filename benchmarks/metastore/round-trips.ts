import { createCommitLogs } from '@graft-ts/commit-log'
import type { GetOptions, ObjectStore } from '@graft-ts/storage-adapters'
import type { Lsn, VolumeId } from '@graft-ts/volume'
import type { Measurement } from '../harness/subject.ts'

const REQUEST_MS = 25

interface History {
  readonly store: ObjectStore
  readonly volumeId: VolumeId
  readonly head: number
}

/**
 * What a process that knows nothing waits for a pull when each request takes 25 ms and requests that do not depend on each
 * other overlap, against one read for each commit, one after the other, as others do it.
 */
export async function roundTrips({ store, volumeId, head }: History): Promise<Measurement[]> {
  const rows: Measurement[] = []
  for (const distance of [10, 100, 1000, 10_000, 100_000, head]) {
    const { counted, tally } = countingRounds(store)
    const log = createCommitLogs({ store: counted }).volume(volumeId)
    await log.pull((head - distance) as Lsn)
    rows.push({
      case: `cold pull over ${distance} commits at ${REQUEST_MS} ms a request: ${tally.requests} requests in ${tally.rounds} rounds`,
      unit: 'ms',
      better: 'less',
      ours: tally.rounds * REQUEST_MS,
      baseline: distance * REQUEST_MS,
      baselineName: 'one read a commit',
    })
  }
  return rows
}

/** Answers all requests of a round at once, when no more come. */
function countingRounds(store: ObjectStore) {
  const tally = { requests: 0, rounds: 0 }
  let round: Promise<void> | undefined
  const counted = Object.assign(Object.create(store) as ObjectStore, {
    capabilities: store.capabilities,
    get: async (key: string, options?: GetOptions) => {
      tally.requests++
      round ??= new Promise((resolve) => {
        setImmediate(() => {
          tally.rounds++
          round = undefined
          resolve()
        })
      })
      await round
      return store.get(key, options)
    },
  })
  return { counted, tally }
}
