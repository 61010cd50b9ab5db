import { describe, expect, test } from 'vitest'
import type { Volume } from '../src/index.ts'
import { headStamps, openWorld, outcomeOf, page, pushedVolume, stampOf, type World, write } from './harness.ts'

/** Two clients that stand on the same commit of a volume with pages 1 to 4. */
async function two(world: World) {
  const ours = await world.open()
  const mine = await pushedVolume(ours.client, { 1: 1, 2: 2, 3: 3, 4: 4 })
  const other = await (await world.open()).client.openVolume(mine.volumeId)
  return { ours, mine, other }
}

const increment = (volume: Volume, pageIndex: number) =>
  volume.transact(async (tx) => {
    const value = stampOf(await tx.read(pageIndex)) + 1
    tx.write(pageIndex, page(value))
    return value
  })

/** Lets everybody else go on for a while. */
async function ticks(): Promise<void> {
  for (let i = 0; i < 30; i++) await new Promise(setImmediate)
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  promise.then(
    () => void (settled = true),
    () => void (settled = true),
  )
  await ticks()
  return settled
}

describe('I12: the outcome of a local transaction', () => {
  test('is not known while it is pending, and then where it is in the log', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    const first = await increment(mine, 1)
    const second = await increment(mine, 2)
    const outcomes = Promise.all([first.outcome(), second.outcome()])
    expect(await isSettled(outcomes)).toBe(false)
    expect(mine.pending().map(({ sequence, pages }) => [sequence, [...pages]])).toEqual([
      [first.sequence, [1]],
      [second.sequence, [2]],
    ])
    await mine.push()
    expect(await outcomes).toEqual([
      { type: 'pushed', lsn: 2, replays: 0, value: 2 },
      { type: 'pushed', lsn: 2, replays: 0, value: 3 },
    ])
    expect(await first.outcome()).toEqual({ type: 'pushed', lsn: 2, replays: 0, value: 2 })
    expect(mine.pending()).toEqual([])
  })

  test('with the value of the run that counts', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    const result = await increment(mine, 1)
    for (let i = 0; i < 2; i++) {
      await write(other, { 1: 10 * (i + 1) })
      await other.push()
      if (i > 0) continue
      // It runs again, and then the answer is lost.
      world.fault = (method) => (method === 'Commit' ? 'lost-request' : undefined)
      await mine.pull()
      expect(await outcomeOf(mine.push())).toBe('unknown OUTCOME_UNKNOWN')
      world.fault = () => undefined
    }
    await mine.push()
    expect(result.value).toBe(2)
    expect(await result.outcome()).toEqual({ type: 'pushed', lsn: 4, replays: 2, value: 21 })
  })

  test('of one that only read, or that has nothing left to write, is that nothing changed', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    const reading = await mine.transact(async (tx) => stampOf(await tx.read(1)))
    expect(await reading.outcome()).toEqual({ type: 'unchanged', replays: 0, value: 1 })
    const once = await mine.transact(async (tx) => {
      const isFree = stampOf(await tx.read(1)) === 1
      if (isFree) tx.write(1, page(100))
      return isFree
    })
    await write(other, { 1: 10 })
    await other.push()
    await mine.push()
    expect(once.value).toBe(true)
    expect(await once.outcome()).toEqual({ type: 'unchanged', replays: 1, value: false })
    expect(await headStamps(mine)).toEqual([10, 2, 3, 4])
  })

  test('is a rejection while pushing has stopped, and what came of it afterwards', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    let isStubborn = true
    const result = await mine.transact(async (tx) => {
      const value = stampOf(await tx.read(1))
      if (value !== 1 && isStubborn) throw new Error('not what I bargained for')
      tx.write(1, page(value + 1))
      return value + 1
    })
    const waiting = result.outcome()
    await write(other, { 1: 10 })
    await other.push()
    expect(await outcomeOf(mine.push())).toBe('conflict PUSH_DIVERGED')
    expect(await waiting).toEqual({ type: 'rejected', reason: 'replay-failed', value: 2 })
    expect(await result.outcome()).toEqual({ type: 'rejected', reason: 'replay-failed', value: 2 })
    const late = await write(mine, { 4: 44 }).then(() => mine.pending()[1])
    expect(await late?.outcome()).toEqual({ type: 'rejected', reason: 'replay-failed' })
    isStubborn = false
    // From here on it is pending again, whatever becomes of that.
    world.fault = (method) => (method === 'Commit' ? 'lost-request' : undefined)
    expect(await outcomeOf(mine.resubmit())).toBe('unknown OUTCOME_UNKNOWN')
    expect(await isSettled(result.outcome())).toBe(false)
    world.fault = () => undefined
    await mine.push()
    expect(await result.outcome()).toEqual({ type: 'pushed', lsn: 3, replays: 1, value: 11 })
    expect(await late?.outcome()).toMatchObject({ type: 'pushed', lsn: 3 })
  })

  test('of one that was dropped says so', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    const result = await increment(mine, 1)
    const waiting = result.outcome()
    await mine.reset()
    expect(await waiting).toEqual({ type: 'rejected', reason: 'reset', value: 2 })
    expect(await result.outcome()).toEqual({ type: 'rejected', reason: 'reset', value: 2 })
  })

  test('after a restart is told for those that are still pending', async () => {
    const world = openWorld()
    const { ours, mine } = await two(world)
    const first = await increment(mine, 1)
    const waiting = outcomeOf(first.outcome())
    world.fault = (method) => (method === 'Commit' ? 'lost-reply' : undefined)
    await outcomeOf(mine.push())
    world.fault = () => undefined
    await increment(mine, 2)
    await ours.client.close()
    expect(await waiting).toBe('closed CLIENT_CLOSED')
    const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
    const pending = again.pending()
    expect(pending.map(({ sequence, canRunAgain }) => [sequence, canRunAgain])).toEqual([
      [2, false],
      [3, false],
    ])
    const outcomes = Promise.all(pending.map((each) => each.outcome()))
    await again.push()
    // The first one had landed, and nobody knew.
    expect(await outcomes).toEqual([
      { type: 'pushed', lsn: 2, replays: 0 },
      { type: 'pushed', lsn: 3, replays: 0 },
    ])
  })
})

describe('a transaction function that would wait for itself', () => {
  test.each(['push', 'resubmit', 'reset', 'transact'] as const)(
    'gets an error from %s, the first time that it runs',
    async (call) => {
      const world = openWorld()
      const { mine } = await two(world)
      const wait = (): Promise<unknown> =>
        call === 'transact' ? mine.transact(async (tx) => tx.write(4, page(4)), { durability: 'remote' }) : mine[call]()
      const before = mine.transact(async (tx) => {
        await wait()
        tx.write(1, page(11))
      })
      expect(await outcomeOf(before)).toBe('invalid CALL_IN_TRANSACTION')
      const after = mine.transact(async (tx) => {
        tx.write(1, page(stampOf(await tx.read(1)) + 1))
        await ticks()
        await wait()
      })
      expect(await outcomeOf(after)).toBe('invalid CALL_IN_TRANSACTION')
      expect(mine.status().pendingCommits).toBe(0)
    },
  )

  test('also where the runtime cannot follow what it awaits, as far as its first await', async () => {
    const { Nesting } = await import('../src/push/nesting.ts')
    const blind = new Nesting({ run: (_, run) => run(), getStore: () => undefined })
    const seen: boolean[] = [blind.isInside]
    await blind.run(() => void seen.push(blind.isInside))
    seen.push(blind.isInside)
    expect(seen).toEqual([false, true, false])
  })

  test('may leave something behind that pushes later', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    let later: Promise<unknown> = Promise.resolve()
    await mine.transact((tx) => {
      tx.write(1, page(11))
      later = ticks().then(() => mine.push())
    })
    expect(await later).toMatchObject({ type: 'pushed' })
  })

  test('may use another volume', async () => {
    const world = openWorld()
    const { ours, mine } = await two(world)
    const second = await pushedVolume(ours.client, { 1: 7 })
    await mine.transact(async (tx) => {
      await write(second, { 2: 8 })
      await second.push()
      tx.write(1, page(11))
    })
    expect(second.status().base.lsn).toBe(2)
  })
})

test('a push that waits for another one ends when its caller gives up', async () => {
  const world = openWorld()
  const { mine } = await two(world)
  await increment(mine, 1)
  let letGo = (): void => undefined
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  world.before = async (method) => {
    if (method === 'Commit') await held
  }
  const pushing = mine.push()
  const caller = new AbortController()
  const waiting = outcomeOf(mine.push({ signal: caller.signal }))
  await ticks()
  caller.abort()
  expect(await waiting).toBe('aborted ABORTED')
  letGo()
  expect(await pushing).toMatchObject({ type: 'pushed' })
})
