import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ClientOptions, Transaction, TransactionResult, Volume, VolumeSnapshot } from '../src/index.ts'
import { expectExactUsage, openWorld, PAGE_SIZE, page, stampOf, type TestClient, type World } from './harness.ts'
import { propertyParameters, propertyTimeoutMs } from './parameters.ts'

const PAGES = 6
const CLIENTS = 3
// One keeps nothing in memory, one hardly anything anywhere, one everything.
const BOUNDS: readonly Partial<ClientOptions>[] = [
  { memoryCacheBytesMax: 1, localBytesMax: 2000 },
  { memoryCacheBytesMax: 1, localBytesMax: 1 },
  { memoryCacheBytesMax: 2 ** 20 },
]

/** A whole volume: the stamp of each page, from page 1. */
type State = readonly number[]

/** What a transaction does with what it sees; the same in the model and in the client. */
type Change =
  | { readonly type: 'write'; readonly pageIndex: number; readonly stamp: number }
  /** Adds up what it reads, so that a wrong read shows in what it writes. */
  | { readonly type: 'add'; readonly from: number; readonly to: number }
  | { readonly type: 'pageCount'; readonly pageCount: number }
  | { readonly type: 'append'; readonly stamp: number }

type Step =
  | { readonly type: 'transact'; readonly client: number; readonly changes: readonly Change[] }
  | {
      readonly type: 'push' | 'pull' | 'snapshot' | 'close' | 'restart' | 'read' | 'reset'
      readonly client: number
      readonly fault: number
    }

const pageIndex = fc.integer({ min: 1, max: PAGES })
const stamp = fc.integer({ min: 1, max: 1000 })
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('write' as const), pageIndex, stamp }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('add' as const), from: pageIndex, to: pageIndex }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('pageCount' as const), pageCount: fc.integer({ min: 0, max: PAGES }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('append' as const), stamp }) },
)
const client = fc.integer({ min: 0, max: CLIENTS - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('transact' as const),
      client,
      changes: fc.array(change, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constantFrom(
        'push' as const,
        'push' as const,
        'pull' as const,
        'snapshot' as const,
        'close' as const,
        'restart' as const,
        'read' as const,
        'reset' as const,
      ),
      client,
      fault: fc.integer({ min: 0, max: 3 }),
    }),
  },
)

/** The model of a transaction: whole states. */
function applied(state: State, changes: readonly Change[]): State {
  let pages = [...state]
  const write = (index: number, value: number): void => {
    while (pages.length < index) pages.push(0)
    pages[index - 1] = value
  }
  for (const each of changes) {
    if (each.type === 'write') write(each.pageIndex, each.stamp)
    else if (each.type === 'add') write(each.to, ((pages[each.from - 1] ?? 0) + (pages[each.to - 1] ?? 0) + 1) % 100_000)
    else if (each.type === 'append') write(Math.min(pages.length + 1, PAGES), each.stamp)
    else {
      pages = pages.slice(0, each.pageCount)
      while (pages.length < each.pageCount) pages.push(0)
    }
  }
  return pages
}

async function apply(tx: Transaction, changes: readonly Change[]): Promise<void> {
  for (const each of changes) {
    if (each.type === 'write') tx.write(each.pageIndex, page(each.stamp))
    else if (each.type === 'add') {
      const sum = stampOf(await tx.read(each.from)) + stampOf(await tx.read(each.to)) + 1
      tx.write(each.to, page(sum % 100_000))
    } else if (each.type === 'append') tx.write(Math.min(tx.pageCount + 1, PAGES), page(each.stamp))
    else tx.setPageCount(each.pageCount)
  }
}

interface Pinned {
  readonly snapshot: VolumeSnapshot
  readonly state: State
}

/** One client, and what it has to show. */
class Actor {
  test!: TestClient
  volume!: Volume
  base = 1
  /** The newest commit of which it knows what changed. */
  known = 1
  pending: (readonly Change[])[] = []
  /** Those of the pending transactions that it has not been restarted since. */
  results: TransactionResult<void>[] = []
  canReplay = true
  pinned: Pinned[] = []
}

class Run {
  readonly world: World = openWorld()
  /** Every state of the remote log, by LSN. */
  readonly history: State[] = [[], [1, 2, 3]]
  readonly actors: Actor[] = []
  /** One that never writes. */
  watcher!: Volume

  async start(): Promise<void> {
    for (let i = 0; i < CLIENTS; i++) {
      const actor = new Actor()
      actor.test = await this.world.open({ ...BOUNDS[i], attemptsMax: 1 })
      actor.test.local.isImmediate = i !== 0
      this.actors.push(actor)
    }
    const first = this.actors[0] as Actor
    first.volume = await first.test.client.createVolume({ pageSize: PAGE_SIZE })
    await first.volume.transact((tx) =>
      apply(
        tx,
        [1, 2, 3].map((n) => ({ type: 'write' as const, pageIndex: n, stamp: n })),
      ),
    )
    await first.volume.push()
    for (const actor of this.actors.slice(1)) actor.volume = await actor.test.client.openVolume(first.volume.volumeId)
    this.watcher = await (await this.world.open()).client.openVolume(first.volume.volumeId)
  }

  stateOf(actor: Actor): State {
    return actor.pending.reduce(applied, this.history[actor.base] as State)
  }

  async step(step: Step): Promise<void> {
    const actor = this.actors[step.client] as Actor
    if (step.type === 'transact') {
      const before = this.stateOf(actor)
      const result = await actor.volume.transact((tx) => apply(tx, step.changes))
      if (result.sequence === undefined) expect(applied(before, step.changes)).toEqual(before)
      else {
        actor.pending.push(step.changes)
        actor.results.push(result)
      }
    } else if (step.type === 'pull') {
      await actor.volume.pull()
      actor.known = this.history.length - 1
      if (actor.pending.length === 0) actor.base = actor.known
    } else if (step.type === 'reset') await this.reset(actor, step.fault)
    else if (step.type === 'push') await this.push(actor, step.fault)
    else if (step.type === 'snapshot') actor.pinned.push({ snapshot: actor.volume.snapshot(), state: this.stateOf(actor) })
    else if (step.type === 'close') actor.pinned.shift()?.snapshot.close()
    else if (step.type === 'restart') await this.restart(actor)
    await this.check(actor)
  }

  /** A push that loses requests or replies on the way is repeated until it comes through. */
  async push(actor: Actor, fault: number): Promise<void> {
    let losses = fault
    this.world.fault = (method) => {
      if (method !== 'Commit' || losses === 0) return undefined
      losses--
      return losses % 2 === 0 ? 'lost-reply' : 'lost-request'
    }
    for (let tries = 0; ; tries++) {
      try {
        await actor.volume.push()
        break
      } catch (error) {
        const { code } = error as { code: string }
        if (code === 'PUSH_DIVERGED') {
          expect(actor.canReplay, 'only functions that are gone may make a divergence').toBe(false)
          // It contradicts what was known before, or else the head.
          const known = actor.volume.status().divergence?.snapshot.lsn as number
          expect([Math.max(actor.known, actor.base), this.history.length - 1]).toContain(known)
          actor.known = known
          await actor.volume.reset()
          await this.forgotten(actor)
          break
        }
        expect(code).toBe('OUTCOME_UNKNOWN')
        expect(tries).toBeLessThan(4)
      }
    }
    this.world.fault = () => undefined
    if (actor.pending.length > 0) {
      // Serializable: as if the pending transactions had run here and now.
      const head = this.history.at(-1) as State
      const next = actor.pending.reduce(applied, head)
      // Where all of them had to run again, and none found anything to do, there is no commit.
      if (actor.volume.status().base.lsn === this.history.length) this.history.push(next)
      else expect(next).toEqual(head)
      actor.pending = []
    }
    actor.base = actor.known = actor.volume.status().base.lsn
    for (const result of actor.results.splice(0)) {
      const outcome = await result.outcome()
      if (outcome.type === 'pushed') expect(outcome.lsn).toBe(actor.base)
      else expect(outcome).toMatchObject({ type: 'unchanged' })
    }
    actor.canReplay = true
  }

  /** Drops what is pending, perhaps after a push whose outcome nobody knows: then it may be in the log all the same. */
  async reset(actor: Actor, fault: number): Promise<void> {
    if (fault > 0 && actor.pending.length > 0) {
      this.world.fault = (method) => (method === 'Commit' ? (fault === 3 ? 'lost-reply' : 'lost-request') : undefined)
      await expect(actor.volume.push()).rejects.toMatchObject({
        code: expect.stringMatching(/^(OUTCOME_UNKNOWN|PUSH_DIVERGED)$/),
      })
      this.world.fault = () => undefined
      const head = (await this.watcher.pull()).snapshot.lsn
      if (head === this.history.length) this.history.push(actor.pending.reduce(applied, this.history.at(-1) as State))
    }
    await actor.volume.reset()
    await this.forgotten(actor)
  }

  /** I12: what was dropped is told, and the client stands on the newest commit that it knows. */
  async forgotten(actor: Actor): Promise<void> {
    for (const result of actor.results.splice(0))
      expect(await result.outcome()).toMatchObject({ type: 'rejected', reason: 'reset' })
    const { base, pendingCommits, sync } = actor.volume.status()
    expect({ lsn: base.lsn, pendingCommits, sync }).toEqual({ lsn: actor.known, pendingCommits: 0, sync: 'synced' })
    actor.pending = []
    actor.base = actor.known
    actor.canReplay = true
  }

  async restart(actor: Actor): Promise<void> {
    await actor.test.client.close()
    actor.pinned = []
    actor.results = []
    // What is known and not stood on is not kept.
    actor.known = actor.base
    actor.test = await actor.test.reopen()
    actor.volume = await actor.test.client.openVolume(actor.volume.volumeId)
    if (actor.pending.length > 0) actor.canReplay = false
  }

  async check(actor: Actor): Promise<void> {
    const head = actor.volume.snapshot()
    await expectState(head, this.stateOf(actor))
    head.close()
    for (const { snapshot, state } of actor.pinned) await expectState(snapshot, state)
  }
}

async function expectState(snapshot: VolumeSnapshot, state: State): Promise<void> {
  // What can be read at once is the same, before and after the rest was fetched.
  const expectNow = (): void => {
    for (let pageIndex = 1; pageIndex <= PAGES + 1; pageIndex++) {
      const bytes = snapshot.readCached(pageIndex)
      if (bytes !== undefined) expect({ pageIndex, now: stampOf(bytes) }).toEqual({ pageIndex, now: state[pageIndex - 1] ?? 0 })
    }
  }
  expectNow()
  const pages = await snapshot.readMany(Array.from({ length: PAGES + 1 }, (_, i) => i + 1))
  const read = Array.from(pages.values(), stampOf)
  expect({ pageCount: snapshot.pageCount, read }).toEqual({
    pageCount: state.length,
    read: [...state, ...new Array<number>(PAGES + 1 - state.length).fill(0)],
  })
  expectNow()
}

test(
  'I3, I4, I6, I12: clients that work at the same time see the states of one history, and their own commits on top',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        const run = new Run()
        await run.start()
        for (const each of steps) await run.step(each)
        const reader = (await run.world.open()).client
        const volume = await reader.openVolume((run.actors[0] as Actor).volume.volumeId)
        for (let lsn = 1; lsn < run.history.length; lsn++) {
          await expectState(await volume.snapshotAt(lsn as never), run.history[lsn] as State)
        }
        expect(volume.status().base.lsn).toBe(run.history.length - 1)
        for (const { test: each } of run.actors) {
          await each.client.close()
          await expectExactUsage(each.local, each.client)
        }
      }),
      propertyParameters,
    )
  },
  propertyTimeoutMs,
)
