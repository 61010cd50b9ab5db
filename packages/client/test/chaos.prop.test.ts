import { isTypedError } from '@graft-ts/volume'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ClientOptions, PageConflict, Volume, VolumeSnapshot } from '../src/index.ts'
import { VolumeKeys } from '../src/local/keys.ts'
import { decodePageEntry } from '../src/local/page-entry.ts'
import { expectExactUsage, type Fault, openWorld, PAGE_SIZE, page, stampOf, type TestClient } from './harness.ts'
import { propertyParameters, propertyTimeoutMs } from './parameters.ts'

/*
 * The volume: accounts, then one page per transfer that counts how often it was made, then a tail that is cut off and
 * written anew. Every state of it, at every moment, is one that whole transactions made:
 * - the accounts are what the counters say, and a counter is 0 or 1;
 * - the tail holds the pages of one transaction, and zeros.
 */
const ACCOUNTS = [1, 2, 3] as const
const STEPS_MAX = 24
const COUNTERS_FROM = ACCOUNTS.length + 1
const TAIL = COUNTERS_FROM + STEPS_MAX
const TAIL_PAGES = 5
const START = 100

type DiskFault = 'no answer' | 'no space'

/** What goes wrong, call after call; nothing any more at the end of a list. */
interface Faults {
  readonly network: readonly (Fault | undefined)[]
  readonly disk: readonly (DiskFault | undefined)[]
}

const faultsOf = <T>(weight: number, fault: fc.Arbitrary<T>): fc.Arbitrary<(T | undefined)[]> =>
  fc.array(fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fault }), {
    maxLength: 240,
    size: 'max',
  })
const faults: fc.Arbitrary<Faults> = fc.record({
  network: faultsOf(4, fc.constantFrom<Fault>('lost-request', 'lost-reply')),
  disk: faultsOf(24, fc.constantFrom<DiskFault>('no answer', 'no space')),
})

interface Setting {
  readonly memoryCacheBytesMax: number
  readonly localBytesMax: number
  /** Whether accounts are merged; else what overlaps runs again. */
  readonly isMerging: boolean
}

// Everything in memory or nothing; every page in the local store, half of them, or none that may go.
const settings: fc.Arbitrary<Setting> = fc.record({
  memoryCacheBytesMax: fc.constantFrom(2 ** 20, 1),
  localBytesMax: fc.constantFrom(2 ** 30, 8000, 1),
  isMerging: fc.boolean(),
})

type StepType = 'transfer' | 'tail' | 'cut' | 'push' | 'pull' | 'audit' | 'crash' | 'hold'

interface Step {
  readonly client: number
  readonly type: StepType
  /** Whether it begins when all before it have ended; else it meets them. */
  readonly isApart: boolean
  readonly from: number
  readonly to: number
}

const step: fc.Arbitrary<Step> = fc.record({
  client: fc.integer({ min: 0, max: 1 }),
  type: fc.oneof(
    { weight: 5, arbitrary: fc.constant<StepType>('transfer') },
    { weight: 2, arbitrary: fc.constant<StepType>('tail') },
    { weight: 1, arbitrary: fc.constant<StepType>('cut') },
    { weight: 4, arbitrary: fc.constant<StepType>('push') },
    { weight: 2, arbitrary: fc.constant<StepType>('pull') },
    { weight: 2, arbitrary: fc.constant<StepType>('audit') },
    { weight: 1, arbitrary: fc.constant<StepType>('hold') },
    { weight: 1, arbitrary: fc.constant<StepType>('crash') },
  ),
  isApart: fc.boolean(),
  from: fc.constantFrom(...ACCOUNTS),
  to: fc.constantFrom(...ACCOUNTS),
})

/** One client, through all its lives. */
interface Actor {
  test: TestClient
  volume: Volume
  hasCrashed: boolean
  hasReset: boolean
}

interface Transfer {
  readonly actor: number
  readonly from: number
  readonly to: number
  isAcknowledged: boolean
}

class Run {
  readonly world = openWorld()
  readonly actors: Actor[] = []
  readonly transfers: (Transfer | undefined)[]
  readonly steps: readonly Step[]
  readonly held: VolumeSnapshot[] = []
  /** How transactions got onto newer commits. */
  readonly reworked = { merged: 0, replayed: 0 }
  turn: (label: string) => Promise<void> = async () => undefined
  readonly #network: (Fault | undefined)[]
  readonly #disk: (DiskFault | undefined)[]
  readonly #options: Partial<ClientOptions>

  constructor(steps: readonly Step[], faults: Faults, { isMerging, ...bounds }: Setting) {
    this.steps = steps
    this.#network = [...faults.network]
    this.#disk = [...faults.disk]
    this.#options = { ...bounds, attemptsMax: 1, ...(isMerging && { merge: (conflict) => this.#merge(conflict) }) }
    this.transfers = steps.map(({ type, client, from, to }) =>
      type === 'transfer' && from !== to ? { actor: client, from, to, isAcknowledged: false } : undefined,
    )
  }

  async start(): Promise<void> {
    const first = await this.world.open(this.#options)
    const volume = await first.client.createVolume({ pageSize: PAGE_SIZE })
    await volume.transact((tx) => {
      for (const account of ACCOUNTS) tx.write(account, page(START))
      tx.setPageCount(TAIL - 1)
    })
    await volume.push()
    const second = await this.world.open(this.#options)
    for (const test of [first, second]) {
      this.actors.push({
        test,
        volume: await test.client.openVolume(volume.volumeId),
        hasCrashed: false,
        hasReset: false,
      })
    }
  }

  disturb(turn: (label: string) => Promise<void>): void {
    this.turn = turn
    this.world.before = (method) => turn(`ask ${method}`)
    this.world.after = (method) => turn(`answer ${method}`)
    this.world.fault = () => this.#network.shift()
    for (const { test } of this.actors) this.#disturbStore(test)
  }

  calm(): void {
    this.turn = async () => undefined
    this.world.before = this.world.after = async () => undefined
    this.world.fault = () => undefined
    for (const { test } of this.actors) test.local.before = async () => undefined
  }

  async runAll(): Promise<void> {
    const running: Promise<void>[] = []
    for (const [i, step] of this.steps.entries()) {
      if (step.isApart) await Promise.all(running)
      running.push(this.#run(step, i))
    }
    await Promise.all(running)
  }

  async #run(step: Step, index: number): Promise<void> {
    await this.turn(`start ${step.type}`)
    const actor = this.actors[step.client] as Actor
    const { volume, test } = actor
    try {
      if (step.type === 'transfer') await this.#transfer(volume, index)
      else if (step.type === 'tail') await volume.transact((tx) => writeTail(tx, index + 1))
      else if (step.type === 'cut') await volume.transact((tx) => cutTail(tx, index))
      else if (step.type === 'push') await this.push(volume)
      else if (step.type === 'pull') await volume.pull()
      else if (step.type === 'audit') await this.audit(volume)
      else if (step.type === 'hold') this.held.push(volume.snapshot())
      else await this.#crash(actor)
    } catch (error) {
      if (!isTypedError(error)) throw error
      const isDead = test !== actor.test || test.local.isDead
      const allowed = ['OUTCOME_UNKNOWN', 'LOCAL_STORE_FAILED', 'LOCAL_STORE_FULL']
      if (isDead) allowed.push('CLIENT_CLOSED')
      if (actor.hasCrashed) allowed.push('PUSH_DIVERGED')
      if (!allowed.includes(error.code)) throw error
    }
  }

  async push(volume: Volume): Promise<void> {
    const result = await volume.push()
    if (result.type === 'nothing') return
    this.reworked.merged += result.merged
    this.reworked.replayed += result.replayed
  }

  async audit(volume: Volume): Promise<void> {
    const snapshot = volume.snapshot()
    try {
      await this.check(snapshot)
    } finally {
      snapshot.close()
    }
  }

  /** What is true of every state. */
  async check(snapshot: VolumeSnapshot): Promise<readonly number[]> {
    const wanted = Array.from({ length: TAIL + TAIL_PAGES - 1 }, (_, i) => i + 1)
    const stamps = [...(await snapshot.readMany(wanted)).values()].map(stampOf)
    const counters = stamps.slice(COUNTERS_FROM - 1, TAIL - 1)
    for (const counter of counters) expect(counter).toBeLessThanOrEqual(1)
    const balances = ACCOUNTS.map((account) =>
      counters.reduce((sum, counter, i) => sum + counter * effectOn(account, this.transfers[i]), START),
    )
    expect(stamps.slice(0, ACCOUNTS.length)).toEqual(balances)
    const tail = stamps.slice(TAIL - 1)
    expect(tail).toEqual(tailOf(tail[0] as number))
    return counters
  }

  /** Everything gets through in the end, and is there once. */
  async settle(): Promise<void> {
    for (const snapshot of this.held) await this.check(snapshot).catch(rethrowUnlessGone)
    for (const actor of this.actors) {
      try {
        await this.push(actor.volume)
      } catch (error) {
        expect(error).toMatchObject({ code: 'PUSH_DIVERGED' })
        expect(actor.hasCrashed, 'only functions that are gone may make a divergence').toBe(true)
        await actor.volume.reset()
        actor.hasReset = true
      }
    }
    const { client } = await this.world.open()
    const fresh = (await client.openVolume((this.actors[0] as Actor).volume.volumeId)).snapshot()
    const counters = await this.check(fresh)
    for (const [i, transfer] of this.transfers.entries()) {
      if (transfer === undefined) continue
      const mustBeThere = transfer.isAcknowledged && !(this.actors[transfer.actor] as Actor).hasReset
      if (mustBeThere) expect({ transfer, counter: counters[i] }).toEqual({ transfer, counter: 1 })
    }
    for (const { volume } of this.actors) {
      await volume.pull()
      const snapshot = volume.snapshot()
      expect({ lsn: snapshot.lsn, counters: await this.check(snapshot) }).toEqual({ lsn: fresh.lsn, counters })
      snapshot.close()
    }
    for (const snapshot of this.held) snapshot.close()
    for (const actor of this.actors) await expectNoGarbage(actor)
  }

  /** What both sides moved adds up. Of counters and the tail there is one version that counts. */
  async #merge({ pageIndex, base, local, remote }: PageConflict): Promise<Uint8Array | undefined> {
    await this.turn('merge')
    return pageIndex < COUNTERS_FROM ? page(stampOf(local) + stampOf(remote) - stampOf(base)) : undefined
  }

  async #transfer(volume: Volume, index: number): Promise<void> {
    const transfer = this.transfers[index]
    if (transfer === undefined) return
    await volume.transact(async (tx) => {
      const add = async (pageIndex: number, amount: number): Promise<void> =>
        tx.write(pageIndex, page(stampOf(await tx.read(pageIndex)) + amount))
      await add(transfer.from, -1)
      await add(transfer.to, 1)
      await add(COUNTERS_FROM + index, 1)
    })
    transfer.isAcknowledged = true
  }

  async #crash(actor: Actor): Promise<void> {
    if (actor.test.local.isDead) return
    actor.hasCrashed = true
    const before = actor.test
    // From here on the old process is dead, whatever of it is still under way on the network.
    const store = before.local.recovered()
    const again = await this.world.openOn(store, this.#options)
    actor.volume = await again.client.openVolume(actor.volume.volumeId)
    actor.test = again
    this.#disturbStore(again)
  }

  #disturbStore({ local }: TestClient): void {
    local.before = async (call) => {
      await this.turn(call)
      const fault = this.#disk.shift()
      if (fault === 'no answer') throw new Error('the disk does not answer')
      if (fault === 'no space') throw new Error('IO error: 000007.log: No space left on device')
    }
  }
}

function effectOn(account: number, transfer: Transfer | undefined): number {
  if (transfer === undefined) return 0
  return (transfer.to === account ? 1 : 0) - (transfer.from === account ? 1 : 0)
}

type Tx = Parameters<Parameters<Volume['transact']>[0]>[0]

/** The tail as the transaction with that stamp leaves it. */
function tailOf(stamp: number): number[] {
  return Array.from({ length: TAIL_PAGES }, (_, i) => (stamp !== 0 && (i === 0 || i === 1 + (stamp % 3)) ? stamp : 0))
}

/** Cuts the tail off and writes another one. */
function writeTail(tx: Tx, stamp: number): void {
  tx.setPageCount(TAIL - 1)
  for (const [i, value] of tailOf(stamp).entries()) if (value !== 0) tx.write(TAIL + i, page(value))
}

/** Cuts the tail off, and sometimes grows over it again. */
function cutTail(tx: Tx, index: number): void {
  tx.setPageCount(TAIL - 1)
  if (index % 2 === 0) tx.setPageCount(TAIL + TAIL_PAGES - 1)
}

function rethrowUnlessGone(error: unknown): void {
  if (
    !isTypedError(error) ||
    !['LOCAL_STORE_FAILED', 'LOCAL_STORE_FULL', 'CLIENT_CLOSED', 'SNAPSHOT_CLOSED'].includes(error.code)
  )
    throw error
}

/** After the next start, every key of the local store is one that somebody needs. */
async function expectNoGarbage({ test, volume }: Actor): Promise<void> {
  await volume.idle()
  const again = await test.reopen()
  await again.client.openVolume(volume.volumeId)
  await again.client.close()
  const keys = new VolumeKeys(volume.volumeId)
  const records = new Map(await again.local.entryList())
  const kept = [...records.keys()].filter((key) => !['info', keys.info, keys.usage].includes(key))
  const entries = kept.filter((key) => key.startsWith(keys.openEntries.gte))
  const needed = new Set(entries)
  for (const key of entries) {
    const { content } = decodePageEntry(records.get(key) as Uint8Array)
    if (content.type === 'local') needed.add(keys.localPage(content.sequence, keys.pageOfOpenEntry(key)))
  }
  expect(kept.filter((key) => !needed.has(key))).toEqual([])
  await expectExactUsage(again.local, again.client)
}

test(
  'I3 to I7, I12: through crashes, lost messages, failing disks and truncation, in whatever order calls end',
  async () => {
    const reworked = { merged: 0, replayed: 0 }
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(step, { minLength: 10, maxLength: STEPS_MAX, size: 'max' }),
        faults,
        settings,
        async (scheduler, steps, failing, setting) => {
          const run = new Run(steps, failing, setting)
          await run.start()
          run.disturb((label) => scheduler.schedule(Promise.resolve(), label))
          await scheduler.waitFor(run.runAll())
          run.calm()
          await scheduler.waitIdle()
          for (const { volume } of run.actors) await volume.idle()
          await run.settle()
          reworked.merged += run.reworked.merged
          reworked.replayed += run.reworked.replayed
        },
      ),
      propertyParameters,
    )
    // Else the property says nothing about that.
    expect({ hasMerged: reworked.merged > 0, hasReplayed: reworked.replayed > 0 }).toEqual({ hasMerged: true, hasReplayed: true })
  },
  propertyTimeoutMs,
)
