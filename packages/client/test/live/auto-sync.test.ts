import { RemoteError } from '@graft-ts/protocol'
import { describe, expect, test } from 'vitest'
import { Client, type ClientOptions, type SyncOptions, type Volume } from '../../src/index.ts'
import { nextStep } from '../../src/live/auto-sync.ts'
import {
  CrashableStore,
  headStamps,
  ManualTimers,
  openWorld,
  outcomeOf,
  page,
  pushedVolume,
  settle,
  stampOf,
  switchable,
  write,
} from '../harness.ts'

/** A client that syncs by itself and one that does not; time passes when the test says so. */
async function two(sync: SyncOptions = {}, client: Partial<ClientOptions> = {}) {
  const timers = new ManualTimers()
  const world = openWorld({ timers })
  const theirs = await pushedVolume((await world.open()).client, { 1: 1, 2: 2, 3: 3, 4: 4 })
  const ours = await world.open({ timers, sync, attemptsMax: 1, ...client })
  const mine = await ours.client.openVolume(theirs.volumeId)
  await timers.advance(200)
  world.calls.length = 0
  return { timers, world, theirs, ours, mine }
}

const push = async (volume: Volume, pages: Record<number, number>): Promise<void> => {
  await volume.pull()
  await write(volume, pages)
  await volume.push()
}

const count = (calls: readonly string[], name: string): number => calls.filter((call) => call === name).length

describe('what is to be done', () => {
  const all = { isAhead: true, isBehind: true, isDiverged: false }
  test.each([
    [{ ...all }, { pull: true, push: true }, 'push'],
    [{ ...all }, { pull: true, push: false }, 'pull'],
    [{ ...all }, { pull: false, push: true }, 'push'],
    [{ ...all }, { pull: false, push: false }, undefined],
    [{ ...all, isDiverged: true }, { pull: true, push: true }, 'pull'],
    [{ ...all, isBehind: false, isDiverged: true }, { pull: true, push: true }, undefined],
    [{ ...all, isAhead: false }, { pull: true, push: true }, 'pull'],
    [{ ...all, isAhead: false }, { pull: false, push: true }, undefined],
    [{ ...all, isAhead: false, isBehind: false }, { pull: true, push: true }, undefined],
  ])('with %j and %j is %s', (needs, settings, step) => {
    expect(nextStep(needs, settings)).toBe(step)
  })
})

describe('a client that syncs by itself', () => {
  test('pulls once in the beginning, and then when others have committed', async () => {
    const { timers, world, theirs, mine } = await two()
    await push(theirs, { 1: 11 })
    world.calls.length = 0
    await timers.advance(100)
    expect(world.calls).toEqual(['Pull'])
    expect(mine.status()).toMatchObject({ sync: 'synced', base: { lsn: 2 }, live: 'watching' })
    await timers.advance(10 * 60_000)
    expect(world.calls).toEqual(['Pull'])
  })

  test('finds in the beginning what it missed', async () => {
    const { timers, world, theirs, ours, mine } = await two()
    await ours.client.close()
    await push(theirs, { 1: 11 })
    const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
    world.calls.length = 0
    await timers.advance(50)
    expect(again.status()).toMatchObject({ sync: 'synced', base: { lsn: 2 } })
    expect(count(world.calls, 'Pull')).toBe(1)
  })

  test('pushes local commits that come together as one', async () => {
    const { timers, world, theirs, mine } = await two({ pushDelayMs: 50 })
    await write(mine, { 1: 11 })
    await timers.advance(30)
    await write(mine, { 2: 22 })
    expect(count(world.calls, 'Commit')).toBe(0)
    await timers.advance(20)
    expect(count(world.calls, 'Commit')).toBe(1)
    expect(mine.status()).toMatchObject({ sync: 'synced', base: { lsn: 2 } })
    await theirs.pull()
    expect(await headStamps(theirs)).toEqual([11, 22, 3, 4])
  })

  test('pushes what was committed while a push was under way', async () => {
    const { timers, world, mine } = await two()
    let isFirst = true
    world.before = async (method) => {
      if (method !== 'Commit' || !isFirst) return
      isFirst = false
      await write(mine, { 2: 22 })
    }
    await write(mine, { 1: 11 })
    await timers.advance(100)
    expect(mine.status()).toMatchObject({ sync: 'synced', base: { lsn: 3 } })
  })

  test('goes on after a restart with what was pending', async () => {
    const { timers, world, ours, mine } = await two()
    world.fault = (method) => (method === 'Commit' ? 'lost-reply' : undefined)
    await write(mine, { 1: 11 })
    await timers.advance(50)
    await ours.client.close()
    world.fault = () => undefined
    const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
    await timers.advance(50)
    expect(again.status()).toMatchObject({ sync: 'synced', base: { lsn: 2 } })
  })

  test('can push only', async () => {
    const { timers, world, theirs, mine } = await two({ pull: false })
    await push(theirs, { 1: 11 })
    world.calls.length = 0
    await timers.advance(60_000)
    expect(world.calls).toEqual([])
    await write(mine, { 2: 22 })
    await timers.advance(50)
    expect(mine.status()).toMatchObject({ base: { lsn: 3 }, sync: 'synced' })
  })

  test('can pull only: while local commits are pending it notes, once for each commit', async () => {
    const { timers, world, theirs, mine } = await two({ push: false })
    await write(mine, { 2: 22 })
    await push(theirs, { 1: 11 })
    world.calls.length = 0
    await timers.advance(60_000)
    expect(world.calls).toEqual(['Pull'])
    expect(mine.status()).toMatchObject({ sync: 'ahead-and-behind', base: { lsn: 1 }, remote: { lsn: 2 } })
  })

  test('leaves a volume alone that nobody has pushed, until somebody has written to it', async () => {
    const { timers, world, ours } = await two()
    const fresh = await ours.client.createVolume()
    await timers.advance(60_000)
    expect(world.calls.filter((call) => call !== 'Watch')).toEqual([])
    await fresh.transact((tx) => tx.write(1, new Uint8Array(4096)))
    await timers.advance(50)
    expect(fresh.status()).toMatchObject({ sync: 'synced', base: { lsn: 1 } })
  })

  test('tries again after a failure, less and less often, and no more often for new commits', async () => {
    const { timers, world, mine } = await two()
    const triedAtMs: number[] = []
    world.before = async (method) => {
      if (method !== 'Commit') return
      triedAtMs.push(timers.nowMs)
      throw new RemoteError('denied', 'ACCESS_DENIED', 'not allowed')
    }
    for (let i = 0; i < 300; i++) {
      await write(mine, { 1: i })
      await timers.advance(1000)
    }
    const pauses = triedAtMs.slice(1).map((atMs, i) => atMs - (triedAtMs[i] as number))
    expect(pauses.length).toBeGreaterThan(10)
    expect(pauses.length).toBeLessThan(25)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(61_000)
    expect(mine.status().lastError).toMatchObject({ operation: 'push', code: 'ACCESS_DENIED' })
    world.before = async () => undefined
    await timers.advance(61_000)
    expect(mine.status()).toMatchObject({ sync: 'synced', lastError: undefined })
  })

  test('forgets a failure when somebody else did what had failed', async () => {
    const { timers, world, mine } = await two({ pushDelayMs: 0 }, { retryDelayMs: 10_000 })
    const failPush = async (): Promise<void> => {
      world.fault = (method) => (method === 'Commit' ? 'lost-request' : undefined)
      await write(mine, { 1: 1 })
      await timers.advance(0)
      world.fault = () => undefined
    }
    for (let round = 0; round < 4; round++) {
      await failPush()
      await mine.push()
      // The pause runs out with nothing to do.
      await timers.advance(60_000)
    }
    await failPush()
    expect(mine.status()).toMatchObject({ pendingCommits: 1, lastError: { operation: 'push' } })
    world.calls.length = 0
    // The first pause, not the fifth.
    await timers.advance(10_000)
    expect(count(world.calls, 'Commit')).toBe(1)
  })

  test('forgets a failure that left nothing to do', async () => {
    const { timers, world, theirs, mine } = await two({ pull: false, pushDelayMs: 0 }, { retryDelayMs: 10_000 })
    for (let round = 1; round <= 4; round++) {
      await mine.transact(async (tx) => {
        if (stampOf(await tx.read(1)) !== round) throw new Error('not what I bargained for')
        tx.write(1, page(100))
      })
      await push(theirs, { 1: round + 1 })
      await timers.advance(0)
      expect(mine.status()).toMatchObject({ sync: 'diverged' })
      await mine.reset()
    }
    world.fault = (method) => (method === 'Commit' ? 'lost-request' : undefined)
    await write(mine, { 1: 1 })
    await timers.advance(0)
    world.fault = () => undefined
    world.calls.length = 0
    await timers.advance(10_000)
    expect(count(world.calls, 'Commit')).toBe(1)
  })

  test('stops pushing while it has diverged, and goes on when that has ended', async () => {
    const { timers, world, theirs, mine } = await two()
    await mine.transact(async (tx) => {
      if (stampOf(await tx.read(1)) !== 1) throw new Error('not what I bargained for')
      tx.write(1, page(12))
    })
    await push(theirs, { 1: 11 })
    await timers.advance(100)
    expect(mine.status()).toMatchObject({ sync: 'diverged', divergence: { reason: 'replay-failed' } })
    world.calls.length = 0
    await write(mine, { 2: 22 })
    await timers.advance(60_000)
    expect(world.calls).toEqual([])
    await mine.reset()
    await write(mine, { 3: 33 })
    await timers.advance(50)
    expect(mine.status()).toMatchObject({ sync: 'synced', base: { lsn: 3 } })
    expect(await headStamps(mine)).toEqual([11, 2, 33, 4])
  })

  test('does nothing without a network, and all of it at once when it is back', async () => {
    const connectivity = switchable()
    const { timers, world, theirs, mine } = await two({}, { connectivity })
    connectivity.set(false)
    await timers.advance(0)
    await write(mine, { 1: 11 })
    await push(theirs, { 2: 22 })
    world.calls.length = 0
    await timers.advance(1_000_000)
    expect(world.calls).toEqual([])
    expect(mine.status()).toMatchObject({ sync: 'ahead', live: 'offline' })
    connectivity.set(true)
    await timers.advance(20)
    expect(mine.status()).toMatchObject({ sync: 'synced', base: { lsn: 3 } })
  })

  test('that failed for lack of a network does not wait when it is back', async () => {
    const connectivity = switchable()
    const { timers, world, mine } = await two({}, { connectivity })
    world.fault = (method) => (method === 'Commit' ? 'lost-request' : undefined)
    await write(mine, { 1: 11 })
    await timers.advance(200_000)
    world.fault = () => undefined
    connectivity.set(false)
    connectivity.set(true)
    await timers.advance(20)
    expect(mine.status()).toMatchObject({ sync: 'synced', base: { lsn: 2 } })
  })

  test('does not count failures of the time before it was back', async () => {
    const connectivity = switchable()
    const { timers, world, mine } = await two({}, { connectivity })
    world.fault = (method) => (method === 'Commit' ? 'lost-request' : undefined)
    await write(mine, { 1: 11 })
    await timers.advance(200_000)
    connectivity.set(true)
    await timers.advance(20)
    world.fault = () => undefined
    await timers.advance(200)
    expect(mine.status()).toMatchObject({ sync: 'synced', base: { lsn: 2 } })
  })

  test('brings a transaction of its own function along, wherever that was called from', async () => {
    const { timers, ours, mine } = await two()
    const second = await ours.client.createVolume({ pageSize: 512 as never })
    // The commit that sets off the push is made within a function.
    await mine.transact(async (tx) => {
      await mine.transact((inner) => inner.write(2, page(22)))
      await write(second, { 1: 7 })
      await settle()
      tx.write(1, page(11))
    })
    await timers.advance(100)
    expect(mine.status()).toMatchObject({ sync: 'synced' })
    expect(second.status()).toMatchObject({ sync: 'synced', base: { lsn: 1 } })
    expect(await headStamps(mine)).toEqual([11, 22, 3, 4])
  })

  test('ends with its client', async () => {
    const { timers, world, theirs, ours, mine } = await two()
    await write(mine, { 1: 11 })
    await ours.client.close()
    await push(theirs, { 1: 12 })
    world.calls.length = 0
    await timers.advance(1_000_000)
    expect(world.calls).toEqual([])
  })

  test('tells what became of its transactions', async () => {
    const { timers, mine } = await two()
    const { outcome } = await mine.transact((tx) => tx.write(1, page(11)))
    const waiting = outcome()
    await timers.advance(50)
    expect(await waiting).toMatchObject({ type: 'pushed', lsn: 2 })
  })
})

test.each([
  { pushDelayMs: -1 },
  { pushDelayMs: 2 ** 31 },
  { intervalMs: 0 },
  { intervalMs: 1.5 },
  { pull: 'yes' as never },
  { push: 1 as never },
])('sync options %j are refused', async (sync) => {
  const world = openWorld()
  const opening = Client.open({ transport: world.transport, store: new CrashableStore(), sync })
  expect(await outcomeOf(opening)).toBe('unsupported CLIENT_OPTIONS')
})
