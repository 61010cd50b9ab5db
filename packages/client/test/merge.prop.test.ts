import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MergePage, Transaction, Volume } from '../src/index.ts'
import { openWorld, PAGE_SIZE, page, stampOf, type TestClient, type World } from './harness.ts'
import { propertyParameters, propertyTimeoutMs } from './parameters.ts'

/*
 * Pages 1 to 4 are counters, which can be merged: the changes of both sides add up. Pages 5 and 6 are computed from others
 * and cannot. So whatever is merged and whatever runs again, the outcome is that of running all pending transactions on the
 * head, one after the other.
 */
const COUNTERS = [1, 2, 3, 4] as const
const COMPUTED = [5, 6] as const
const PAGES = COUNTERS.length + COMPUTED.length
const CLIENTS = 3

type Change =
  | { readonly type: 'add'; readonly pageIndex: number; readonly amount: number }
  | { readonly type: 'compute'; readonly from: number; readonly to: number }

type Step =
  | { readonly type: 'transact'; readonly client: number; readonly changes: readonly Change[] }
  | { readonly type: 'push' | 'pull' | 'restart' | 'read'; readonly client: number; readonly fault: number }

type State = readonly number[]

const client = fc.integer({ min: 0, max: CLIENTS - 1 })
const add: fc.Arbitrary<Change> = fc.record({
  type: fc.constant('add' as const),
  pageIndex: fc.constantFrom(...COUNTERS),
  amount: fc.integer({ min: 1, max: 9 }),
})
const compute: fc.Arbitrary<Change> = fc.record({
  type: fc.constant('compute' as const),
  from: fc.constantFrom(...COUNTERS, ...COMPUTED),
  to: fc.constantFrom(...COMPUTED),
})
// Not both in one: what a transaction computes from a page that is merged is not computed again.
const changes = fc.oneof(
  { weight: 3, arbitrary: fc.array(add, { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.array(compute, { minLength: 1, maxLength: 2 }) },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('transact' as const),
      client,
      changes,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom(
        'push' as const,
        'push' as const,
        'push' as const,
        'pull' as const,
        'restart' as const,
        'read' as const,
      ),
      client,
      fault: fc.integer({ min: 0, max: 2 }),
    }),
  },
)

const merge: MergePage = ({ pageIndex, base, local, remote }) =>
  pageIndex <= COUNTERS.length ? page(stampOf(local) + stampOf(remote) - stampOf(base)) : undefined

function applied(state: State, changes: readonly Change[]): State {
  return changes.reduce<State>(
    (pages, each) =>
      each.type === 'add'
        ? pages.with(each.pageIndex - 1, (pages[each.pageIndex - 1] as number) + each.amount)
        : pages.with(each.to - 1, computed(pages[each.from - 1] as number)),
    state,
  )
}

async function apply(tx: Transaction, changes: readonly Change[]): Promise<void> {
  for (const each of changes) {
    if (each.type === 'add') tx.write(each.pageIndex, page(stampOf(await tx.read(each.pageIndex)) + each.amount))
    else tx.write(each.to, page(computed(stampOf(await tx.read(each.from)))))
  }
}

const computed = (value: number): number => (value * 3 + 1) % 100_000

interface Actor {
  test: TestClient
  volume: Volume
  base: number
  pending: (readonly Change[])[]
  canReplay: boolean
}

class Run {
  readonly world: World = openWorld()
  readonly history: State[] = [[], [1, 2, 3, 4, 5, 6]]
  readonly actors: Actor[] = []
  merged = 0
  replayed = 0

  async start(): Promise<void> {
    for (let i = 0; i < CLIENTS; i++) {
      const opened = await this.world.open({ merge, attemptsMax: 1, memoryCacheBytesMax: i === 0 ? 1 : 2 ** 20 })
      const first = this.actors[0]?.volume
      const volume =
        first === undefined
          ? await opened.client.createVolume({ pageSize: PAGE_SIZE })
          : await opened.client.openVolume(first.volumeId)
      if (first === undefined) {
        await volume.transact((tx) => {
          for (const [n, stamp] of (this.history[1] as State).entries()) tx.write(n + 1, page(stamp))
        })
        await volume.push()
      }
      this.actors.push({ test: opened, volume, base: 1, pending: [], canReplay: true })
    }
  }

  async step(each: Step): Promise<void> {
    const actor = this.actors[each.client] as Actor
    if (each.type === 'transact') {
      await actor.volume.transact((tx) => apply(tx, each.changes))
      actor.pending.push(each.changes)
    } else if (each.type === 'pull') {
      await actor.volume.pull()
      if (actor.pending.length === 0) actor.base = this.history.length - 1
    } else if (each.type === 'push') await this.push(actor, each.fault)
    else if (each.type === 'restart') {
      await actor.test.client.close()
      actor.test = await actor.test.reopen()
      actor.volume = await actor.test.client.openVolume(actor.volume.volumeId)
      if (actor.pending.length > 0) actor.canReplay = false
    }
    await this.check(actor)
  }

  async push(actor: Actor, losses: number): Promise<void> {
    const head = this.history.at(-1) as State
    const outcome = await this.pushThrough(actor, losses)
    const mustMerge = actor.pending.every((changes) => changes.every(({ type }) => type === 'add'))
    if (outcome === 'diverged') {
      expect({ canReplay: actor.canReplay, mustMerge }).toEqual({ canReplay: false, mustMerge: false })
      // It goes on from what was known when it diverged.
      await actor.volume.reset()
      await actor.volume.pull()
    } else if (actor.pending.length > 0) this.history.push(actor.pending.reduce(applied, head))
    actor.pending = []
    actor.canReplay = true
    actor.base = actor.volume.status().base.lsn
    expect(actor.base).toBe(this.history.length - 1)
  }

  async pushThrough(actor: Actor, losses: number): Promise<'pushed' | 'diverged'> {
    let left = losses
    this.world.fault = (method) => {
      if (method !== 'Commit' || left === 0) return undefined
      left--
      return left % 2 === 0 ? 'lost-reply' : 'lost-request'
    }
    // One that has nothing to push needs to know where the head is.
    if (actor.pending.length === 0) await actor.volume.pull()
    for (;;) {
      try {
        const result = await actor.volume.push()
        if (result.type === 'pushed') {
          this.merged += result.merged
          this.replayed += result.replayed
        }
        return 'pushed'
      } catch (error) {
        const { code } = error as { code: string }
        if (code === 'PUSH_DIVERGED') return 'diverged'
        expect(code).toBe('OUTCOME_UNKNOWN')
      }
    }
  }

  async check(actor: Actor): Promise<void> {
    const snapshot = actor.volume.snapshot()
    const pages = await snapshot.readMany(Array.from({ length: PAGES }, (_, i) => i + 1))
    snapshot.close()
    const state = actor.pending.reduce(applied, this.history[actor.base] as State)
    expect(Array.from(pages.values(), stampOf)).toEqual(state)
  }
}

test(
  'I3, I6, I12: whatever is merged and whatever runs again, the outcome is one of an order of the transactions',
  async () => {
    let [merged, replayed] = [0, 0]
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        const run = new Run()
        await run.start()
        for (const each of steps) await run.step(each)
        for (const actor of run.actors) await run.push(actor, 0)
        const reader = await (await run.world.open()).client.openVolume((run.actors[0] as Actor).volume.volumeId)
        expect(reader.status().base.lsn).toBe(run.history.length - 1)
        for (let lsn = 1; lsn < run.history.length; lsn++) {
          const snapshot = await reader.snapshotAt(lsn as never)
          const pages = await snapshot.readMany(Array.from({ length: PAGES }, (_, i) => i + 1))
          expect({ lsn, pages: Array.from(pages.values(), stampOf) }).toEqual({ lsn, pages: run.history[lsn] })
          snapshot.close()
        }
        merged += run.merged
        replayed += run.replayed
      }),
      { ...propertyParameters, numRuns: Math.ceil(propertyParameters.numRuns / 2) },
    )
    // Both ways were gone, or this has proved nothing.
    expect(Math.min(merged, replayed)).toBeGreaterThan(0)
  },
  propertyTimeoutMs,
)
