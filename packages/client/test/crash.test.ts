import { type GraftTransport, RemoteError } from '@graft-ts/protocol'
import { describe, expect, test } from 'vitest'
import type { ClientOptions, MergePage, Volume } from '../src/index.ts'
import {
  CrashableStore,
  openWorld,
  outcomeOf,
  page,
  pushedVolume,
  stampOf,
  type World,
  type WorldOptions,
  write,
} from './harness.ts'

/** One process of the client: it dies at the n-th step that it makes, which is never before it is told to. */
class Process {
  diesAt = Number.POSITIVE_INFINITY
  steps = 0
  isDead = false
  /** What it asked to be written remotely, as far as it arrived. */
  readonly writes: string[] = []

  async step(): Promise<void> {
    if (this.isDead || this.steps++ === this.diesAt) {
      this.isDead = true
      throw new RemoteError('unknown', 'OUTCOME_UNKNOWN', 'the process is dead')
    }
  }

  transport({ meta, pages }: GraftTransport): GraftTransport {
    const around = (transport: unknown): GraftTransport['meta'] => {
      const inner = transport as Record<'unary' | 'stream', (...args: unknown[]) => Promise<unknown>>
      const call =
        (kind: 'unary' | 'stream') =>
        async (...args: unknown[]) => {
          const { name } = args[0] as { name: string }
          await this.step()
          if (name === 'Commit' || name === 'WritePages') this.writes.push(name)
          const answer = await inner[kind](...args)
          await this.step()
          return answer
        }
      return { unary: call('unary'), stream: call('stream') } as never
    }
    return { meta: around(meta), pages: around(pages) }
  }

  watch(store: CrashableStore): CrashableStore {
    store.before = async (call) => (call === 'batch' || this.isDead ? this.step() : undefined)
    store.afterBatch = () => this.step()
    return store
  }
}

interface Scenario {
  readonly world?: WorldOptions
  readonly options?: Partial<ClientOptions>
  /** What the client has committed locally, and others remotely, when it begins to push. */
  readonly prepare: (mine: Volume, other: Volume) => Promise<void>
  /** The pages in the end. */
  readonly pages: readonly number[]
  readonly lsn: number
  /** Writes of a push that nothing disturbs. */
  readonly writes: readonly string[]
  /** Writes that are on their way at the same time, at most. */
  readonly inFlight: number
}

const sum: MergePage = ({ base, local, remote }) => page(stampOf(local) + stampOf(remote) - stampOf(base))
const range = (count: number, from = 1): number[] => Array.from({ length: count }, (_, i) => from + i)

const addTen = (volume: Volume) => volume.transact(async (tx) => tx.write(1, page(stampOf(await tx.read(1)) + 10)))

async function theirs(other: Volume, pages: Record<number, number>): Promise<void> {
  await write(other, pages)
  await other.push()
}

const many = (mine: Volume, count: number) =>
  mine.transact((tx) => {
    for (const i of range(count)) tx.write(i, page(1000 + i))
  })

const SCENARIOS: Record<string, Scenario> = {
  'small, so that the pages travel with the commit': {
    prepare: (mine) => write(mine, { 1: 11, 2: 22 }),
    pages: [11, 22, 3, 4],
    lsn: 2,
    writes: ['Commit'],
    inFlight: 1,
  },
  'large, so that the pages are uploaded': {
    prepare: async (mine) => void (await many(mine, 100)),
    pages: range(100, 1001),
    lsn: 2,
    writes: ['WritePages', 'Commit'],
    inFlight: 1,
  },
  'of several uploads side by side': {
    world: { pages: { writePagesMax: 40 } },
    prepare: async (mine) => void (await many(mine, 100)),
    pages: range(100, 1001),
    lsn: 2,
    writes: ['WritePages', 'WritePages', 'WritePages', 'Commit'],
    inFlight: 3,
  },
  'of two transactions, while others have committed other pages': {
    prepare: async (mine, other) => {
      await many(mine, 100)
      await write(mine, { 50: 5 })
      await theirs(other, { 101: 7 })
    },
    pages: [...range(100, 1001).with(49, 5), 7],
    lsn: 3,
    writes: ['WritePages', 'Commit', 'Commit'],
    inFlight: 1,
  },
  'that merges pages with those of others': {
    options: { merge: sum },
    prepare: async (mine, other) => {
      await write(mine, { 4: 44 })
      await addTen(mine)
      await addTen(mine)
      await theirs(other, { 1: 101 })
    },
    pages: [121, 2, 3, 44],
    lsn: 3,
    writes: ['Commit', 'Commit'],
    inFlight: 1,
  },
  'that has to run transactions again': {
    prepare: async (mine, other) => {
      await addTen(mine)
      await addTen(mine)
      await theirs(other, { 1: 101 })
    },
    pages: [121, 2, 3, 4],
    lsn: 3,
    writes: ['Commit', 'Commit'],
    inFlight: 1,
  },
}

/** The stamps of the local head, in one read. */
async function headStamps(volume: Volume): Promise<number[]> {
  const snapshot = volume.snapshot()
  const pages = await snapshot.readMany(range(snapshot.pageCount))
  snapshot.close()
  return Array.from(pages.values(), stampOf)
}

/** A client that stands on the first commit of a volume, ready to push, and how its process dies. */
async function ready(scenario: Scenario) {
  const world = openWorld(scenario.world)
  const first = new Process()
  const other = await pushedVolume((await world.open()).client, { 1: 1, 2: 2, 3: 3, 4: 4 })
  const store = first.watch(new CrashableStore())
  const ours = await world.openOn(store, { ...scenario.options, transport: first.transport(world.transport) })
  const mine = await ours.client.openVolume(other.volumeId)
  await headStamps(mine)
  await scenario.prepare(mine, other)
  await mine.idle()
  first.steps = 0
  first.writes.length = 0
  return { world, first, store, other, mine }
}

async function reopen(world: World, store: CrashableStore, scenario: Scenario, volume: Volume) {
  const next = new Process()
  const again = await world.openOn(next.watch(store.recovered()), {
    ...scenario.options,
    transport: next.transport(world.transport),
  })
  return { next, volume: await again.client.openVolume(volume.volumeId) }
}

describe.each(Object.entries(SCENARIOS))('I6, I12: a push %s', (name, scenario) => {
  test('when nothing disturbs it', async () => {
    const { first, mine } = await ready(scenario)
    await mine.push()
    expect(first.writes).toEqual(scenario.writes)
    expect(await headStamps(mine)).toEqual(scenario.pages)
  })

  test('commits once, loses nothing and repeats no more than what was in flight, at whatever step its process dies', async () => {
    const repeated: number[] = []
    for (let diesAt = 0; ; diesAt++) {
      const { world, first, store, other, mine } = await ready(scenario)
      first.diesAt = diesAt
      const outcome = await outcomeOf(mine.push())
      const { next, volume } = await reopen(world, store, scenario, mine)
      const second = await outcomeOf(volume.push())
      await other.pull()
      if (second === 'conflict PUSH_DIVERGED') {
        // Functions are gone with their process; what they wrote is not.
        expect(name).toBe('that has to run transactions again')
        expect({ diesAt, pages: await headStamps(volume), lsn: other.status().base.lsn }).toEqual({
          diesAt,
          pages: [21, 2, 3, 4],
          lsn: 2,
        })
      } else {
        expect({ diesAt, second, lsn: other.status().base.lsn }).toEqual({ diesAt, second: 'ok', lsn: scenario.lsn })
        expect({ diesAt, pages: await headStamps(other) }).toEqual({ diesAt, pages: scenario.pages })
        expect({ diesAt, pages: await headStamps(volume) }).toEqual({ diesAt, pages: scenario.pages })
        expect(volume.status()).toMatchObject({ sync: 'synced', pendingCommits: 0, attempt: undefined })
        repeated.push(first.writes.length + next.writes.length - scenario.writes.length)
      }
      if (outcome === 'ok') {
        expect(diesAt).toBeGreaterThan(3)
        break
      }
    }
    expect(Math.max(...repeated)).toBeLessThanOrEqual(scenario.inFlight)
  })
})

test('a process that dies again and again, each time a step later, comes through', async () => {
  const scenario = SCENARIOS['of two transactions, while others have committed other pages'] as Scenario
  const { world, other, ...begun } = await ready(scenario)
  let { first, store, mine } = begun
  for (let diesAt = 0; ; diesAt++) {
    first.diesAt = diesAt
    const outcome = await outcomeOf(mine.push())
    if (outcome === 'ok') break
    expect(outcome).toMatch(/LOCAL_STORE_FAILED|NO_ANSWER|OUTCOME_UNKNOWN|CLIENT_CLOSED/)
    store = store.recovered()
    first = new Process()
    const again = await world.openOn(first.watch(store), { transport: first.transport(world.transport) })
    mine = await again.client.openVolume(mine.volumeId)
    first.steps = 0
  }
  await other.pull()
  expect(other.status().base.lsn).toBe(3)
  expect(await headStamps(other)).toEqual(scenario.pages)
})
