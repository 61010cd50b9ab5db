// Local commits: against a bare batch, and while others are pending.
import type { Client, Volume } from '@graft-ts/client'
import { timeSideBySide } from '../harness/side-by-side.ts'
import type { BenchmarkContext, Measurement } from '../harness/subject.ts'
import { type Random, seeded } from '../splinter/random.ts'
import { ENCODINGS, newLevel, randomPage, World } from './world.ts'

const COMMIT_PAGES = 8
const VOLUME_PAGES = 10_000
const ROUNDS = 20
const COMMITS = { synced: 25, notSynced: 100 } as const
const BATCH_TARGET = 0.5
const PENDING = [100, 1000, 5000]
// What is pending must not be felt; the rest is for what goes on in LevelDB meanwhile.
const PENDING_TARGET = 0.7
const CONTENTS = 256

type Pages = readonly (readonly [pageIndex: number, bytes: Uint8Array])[]

/** Gives the pages of one commit after the other. */
class PageSource {
  readonly #random: Random = seeded(5)
  readonly #contents: readonly Uint8Array[]

  constructor() {
    const random = seeded(6)
    this.#contents = Array.from({ length: CONTENTS }, () => randomPage(random))
  }

  next(): Pages {
    const pages = new Map<number, Uint8Array>()
    while (pages.size < COMMIT_PAGES)
      pages.set(1 + this.#random(VOLUME_PAGES), this.#contents[this.#random(CONTENTS)] as Uint8Array)
    return [...pages]
  }
}

interface Writer {
  readonly client: Client
  readonly volume: Volume
}

async function openWriter(world: World, isSynced: boolean): Promise<Writer> {
  const { client } = await world.open(world.newFolder(), { durability: isSynced ? 'local' : 'memory' })
  return { client, volume: await client.createVolume() }
}

async function commitAll(volume: Volume, commits: readonly Pages[]): Promise<void> {
  for (const pages of commits) {
    await volume.transact((tx) => {
      for (const [pageIndex, bytes] of pages) tx.write(pageIndex, bytes)
    })
  }
}

/** Commits against batches of the same pages, with and without a sync. */
export async function commitRows({ scratch, progress }: BenchmarkContext): Promise<Measurement[]> {
  const rows: Measurement[] = []
  for (const isSynced of [true, false]) {
    const name = `commits of ${COMMIT_PAGES} pages, ${isSynced ? 'both sides sync' : 'neither side syncs'}`
    progress(name)
    const world = new World(scratch)
    const count = isSynced ? COMMITS.synced : COMMITS.notSynced
    const source = new PageSource()
    const { client, volume } = await openWriter(world, isSynced)
    const bare = newLevel(world.newFolder())
    let commits: Pages[] = []
    const times = await timeSideBySide({
      rounds: ROUNDS,
      before: async () => {
        await volume.push()
        commits = Array.from({ length: count }, () => source.next())
      },
      ours: () => commitAll(volume, commits),
      baseline: async () => {
        for (const pages of commits) {
          const puts = pages.map(([pageIndex, value]) => ({ type: 'put' as const, key: `p/${pageIndex}`, value }))
          await bare.batch(puts, { ...ENCODINGS, sync: isSynced })
        }
      },
    })
    await client.close()
    await bare.close()
    rows.push({
      ...{ case: name, unit: 'µs', better: 'less', target: BATCH_TARGET },
      ...{ ours: (1000 * times.ours) / count, baseline: (1000 * times.baseline) / count },
      baselineName: 'atomic batch of the same pages, same sync',
    })
  }
  return rows
}

/** Commits while many wait for a push, against commits while none does. */
export async function pendingRows({ scratch, progress }: BenchmarkContext): Promise<Measurement[]> {
  const rows: Measurement[] = []
  for (const pending of PENDING) {
    progress(`commits, ${pending} pending`)
    const world = new World(scratch)
    const source = new PageSource()
    const [ours, others] = [await openWriter(world, false), await openWriter(world, false)]
    const take = (count: number): Pages[] => Array.from({ length: count }, () => source.next())
    await commitAll(ours.volume, take(pending))
    let commits: Pages[] = []
    const times = await timeSideBySide({
      rounds: ROUNDS,
      before: async () => {
        await others.volume.push()
        commits = take(COMMITS.synced)
      },
      ours: () => commitAll(ours.volume, commits),
      baseline: () => commitAll(others.volume, commits),
    })
    for (const { client } of [ours, others]) await client.close()
    rows.push({
      ...{ case: `commits of ${COMMIT_PAGES} pages, ${pending} or more pending, no sync`, unit: 'µs', better: 'less' },
      ...{ ours: (1000 * times.ours) / COMMITS.synced, baseline: (1000 * times.baseline) / COMMITS.synced },
      ...{ baselineName: `${COMMITS.synced} pending at most`, target: PENDING_TARGET },
    })
  }
  return rows
}
