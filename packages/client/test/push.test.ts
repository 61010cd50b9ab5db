import type { Lsn } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import type { Volume } from '../src/index.ts'
import {
  type CrashableStore,
  headStamps,
  openWorld,
  outcomeOf,
  PAGE_SIZE,
  page,
  pushedVolume,
  stampOf,
  type World,
  write,
} from './harness.ts'

/** Two clients that stand on the same commit of a volume with pages 1 to 4. */
async function two(world: World) {
  const ours = await world.open()
  const theirs = await world.open()
  const mine = await pushedVolume(ours.client, { 1: 1, 2: 2, 3: 3, 4: 4 })
  const other = await theirs.client.openVolume(mine.volumeId)
  return { ours, theirs, mine, other }
}

const increment = (volume: Volume, pageIndex: number) =>
  volume.transact(async (tx) => tx.write(pageIndex, page(stampOf(await tx.read(pageIndex)) + 1)))

describe('I7: a conflict', () => {
  test('on other pages costs one more request, and nothing is uploaded again', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await mine.transact((tx) => {
      for (let i = 100; i < 200; i++) tx.write(i, page(i))
    })
    await write(other, { 1: 11 })
    await other.push()
    world.calls.length = 0
    expect(await mine.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 3 }, conflicts: 1, replayed: 0 })
    expect(world.calls.filter((name) => name === 'WritePages')).toHaveLength(1)
    expect(world.calls.filter((name) => name === 'Commit')).toHaveLength(2)
    await other.pull()
    expect((await headStamps(other)).slice(0, 4)).toEqual([11, 2, 3, 4])
    expect(await headStamps(mine)).toEqual(await headStamps(other))
  })

  test('on the same pages runs the transactions again, on what the winner left', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await increment(mine, 1)
    await increment(mine, 1)
    await write(mine, { 4: 44 })
    await increment(other, 1)
    await other.push()
    expect(await mine.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 3 }, conflicts: 1, replayed: 3 })
    expect(await headStamps(mine)).toEqual([4, 2, 3, 44])
    await other.pull()
    expect(await headStamps(other)).toEqual([4, 2, 3, 44])
  })

  test('only the transactions from the first overlap on run again', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await write(mine, { 3: 33 })
    await increment(mine, 1)
    await write(other, { 1: 10 })
    await other.push()
    expect(await mine.push()).toMatchObject({ conflicts: 1, replayed: 1 })
    expect(await headStamps(mine)).toEqual([11, 2, 33, 4])
  })

  test('known from a pull is dealt with before anything is sent', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await write(mine, { 2: 22 })
    await write(other, { 1: 11 })
    await other.push()
    await mine.pull()
    world.calls.length = 0
    await mine.push()
    expect(world.calls).toEqual(['Commit'])
    expect(await headStamps(mine)).toEqual([11, 22, 3, 4])
  })

  test('of length: who asked for the page count or set it runs again, who did not follows', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    const seen: number[] = []
    await write(mine, { 2: 22 })
    await mine.transact((tx) => {
      seen.push(tx.pageCount)
      tx.write(tx.pageCount + 1, page(99))
    })
    await write(other, { 6: 66 })
    await other.push()
    expect(await mine.push()).toMatchObject({ conflicts: 1, replayed: 1 })
    expect(seen).toEqual([4, 6])
    expect(await headStamps(mine)).toEqual([1, 22, 3, 4, 0, 66, 99])
  })

  test('with a truncation: pages above it have changed', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await increment(mine, 4)
    await increment(mine, 1)
    await other.transact((tx) => {
      tx.setPageCount(3)
      tx.setPageCount(4)
    })
    await other.push()
    expect(await mine.push()).toMatchObject({ replayed: 2 })
    expect(await headStamps(mine)).toEqual([2, 2, 3, 1])
  })

  test('under snapshot isolation is about writes alone', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    const copy = (volume: Volume, from: number, to: number) =>
      volume.transact(async (tx) => tx.write(to, await tx.read(from)), { isolation: 'snapshot' })
    await copy(mine, 1, 2)
    await write(other, { 1: 11 })
    await other.push()
    expect(await mine.push()).toMatchObject({ conflicts: 1, replayed: 0 })
    expect(await headStamps(mine)).toEqual([11, 1, 3, 4])
  })

  test('eight clients that write pages of their own all make progress', async () => {
    const world = openWorld()
    const first = await pushedVolume((await world.open()).client, { 1: 0 })
    const volumes = await Promise.all(
      Array.from({ length: 8 }, async () => (await world.open()).client.openVolume(first.volumeId)),
    )
    for (let round = 1; round <= 3; round++) {
      await Promise.all(
        volumes.map(async (volume, i) => {
          await write(volume, { [i + 1]: round * 10 + i })
          await volume.push()
        }),
      )
    }
    await first.pull()
    expect(await headStamps(first)).toEqual(volumes.map((_, i) => 30 + i))
    expect(first.status().base.lsn).toBe(1 + 24)
  })
})

describe('I12: what cannot be merged is kept', () => {
  test('after a restart, an overlap is a divergence until it is reset', async () => {
    const world = openWorld()
    const { ours, mine, other } = await two(world)
    await write(mine, { 1: 100, 3: 300 })
    await write(other, { 1: 11 })
    await other.push()
    await ours.client.close()
    const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
    expect(await outcomeOf(again.push())).toBe('conflict PUSH_DIVERGED')
    expect(again.status()).toMatchObject({
      sync: 'diverged',
      pendingCommits: 1,
      divergence: { reason: 'overlap', snapshot: { lsn: 2 } },
    })
    expect([...(again.status().divergence?.changes.pages ?? [])]).toEqual([1])
    expect(await headStamps(again)).toEqual([100, 2, 300, 4])
    expect(await outcomeOf(again.push())).toBe('conflict PUSH_DIVERGED')
    await again.reset()
    expect(again.status()).toMatchObject({ sync: 'synced', pendingCommits: 0, base: { lsn: 2 } })
    expect(await headStamps(again)).toEqual([11, 2, 3, 4])
  })

  test('a transaction that fails when it runs again stops the push, with everything as it was', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await mine.transact(async (tx) => {
      if (stampOf(await tx.read(1)) !== 1) throw new Error('not what I bargained for')
      tx.write(2, page(22))
    })
    await write(other, { 1: 11 })
    await other.push()
    expect(await outcomeOf(mine.push())).toBe('conflict PUSH_DIVERGED')
    expect(mine.status()).toMatchObject({ sync: 'diverged', pendingCommits: 1, divergence: { reason: 'replay-failed' } })
    expect(await headStamps(mine)).toEqual([1, 22, 3, 4])
  })

  test('a volume that somebody else created with another page size', async () => {
    const world = openWorld()
    const { client } = await world.open()
    const theirs = await pushedVolume(client, { 1: 1 })
    const mine = await (await world.open()).client.createVolume({ volumeId: theirs.volumeId, pageSize: 1024 as never })
    await mine.transact((tx) => tx.write(1, new Uint8Array(1024)))
    expect(await outcomeOf(mine.push())).toBe('conflict PUSH_DIVERGED')
    expect(mine.status()).toMatchObject({ divergence: { reason: 'page-size' }, pendingCommits: 1 })
    await mine.reset()
    expect(mine.pageSize).toBe(PAGE_SIZE)
    expect(await headStamps(mine)).toEqual([1])
  })
})

describe('I6: retries are harmless', () => {
  test('a commit whose answer was lost is found, not made twice', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    await write(mine, { 1: 11 })
    let losses = 1
    world.fault = (method) => (method === 'Commit' && losses-- > 0 ? 'lost-reply' : undefined)
    expect(await mine.push()).toMatchObject({ snapshot: { lsn: 2 }, conflicts: 0 })
    expect(mine.status().base.lsn).toBe(2)
  })

  test('also with commits of others on top of it', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await write(mine, { 1: 11 })
    world.fault = (method) => (method === 'Commit' ? 'lost-reply' : undefined)
    expect(await outcomeOf(mine.push())).toBe('unknown OUTCOME_UNKNOWN')
    expect(mine.status()).toMatchObject({
      pendingCommits: 1,
      attempt: { baseLsn: 1, isRefused: false },
      lastError: { operation: 'push' },
    })
    world.fault = () => undefined
    await other.pull()
    await write(other, { 1: 111, 2: 222 })
    await other.push()
    // Reads, pulls and local commits go on while the attempt is undecided.
    expect(await mine.pull()).toMatchObject({ isApplied: false })
    await write(mine, { 3: 33 })
    expect(await headStamps(mine)).toEqual([11, 2, 33, 4])
    expect(await mine.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 4 }, transactions: 2 })
    expect(await headStamps(mine)).toEqual([111, 222, 33, 4])
    const history = await Promise.all([2, 3, 4].map(async (lsn) => [lsn, (await mine.snapshotAt(lsn as Lsn)).pageCount]))
    expect(history).toEqual([
      [2, 4],
      [3, 4],
      [4, 4],
    ])
  })

  test('nothing is sent on another base while an attempt is undecided', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await write(mine, { 1: 11 })
    world.fault = (method) => (method === 'Commit' ? 'lost-request' : undefined)
    await outcomeOf(mine.push())
    world.fault = () => undefined
    await write(other, { 2: 22 })
    await other.push()
    await mine.pull()
    await write(mine, { 3: 33 })
    expect(await mine.push()).toMatchObject({ type: 'pushed', conflicts: 1, transactions: 2 })
    await other.pull()
    expect(await headStamps(other)).toEqual([11, 22, 33, 4])
  })

  test('an attempt that a server refused for good makes room for another, and is remembered', async () => {
    const world = openWorld()
    const { ours, mine } = await two(world)
    // The commit lands, but the client is told that it was refused: an old proxy, say.
    await write(mine, { 1: 11 })
    const { RemoteError } = await import('@graft-ts/protocol')
    const transport = world.transport.meta as unknown as { unary: (...args: unknown[]) => Promise<unknown> }
    const inner = transport.unary
    transport.unary = async (...args) => {
      const answer = await inner(...args)
      if ((args[0] as { name: string }).name === 'Commit') throw new RemoteError('denied', 'DENIED', 'no')
      return answer
    }
    expect(await outcomeOf(mine.push())).toBe('denied DENIED')
    expect(mine.status().attempt).toMatchObject({ isRefused: true })
    transport.unary = inner
    await write(mine, { 2: 22 })
    await ours.client.close()
    const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
    expect(await again.push()).toMatchObject({ type: 'pushed', transactions: 2, conflicts: 0, snapshot: { lsn: 3 } })
    expect(await headStamps(again)).toEqual([11, 22, 3, 4])
    expect(await headStamps(await again.snapshotAt(2 as Lsn).then((s) => ({ snapshot: () => s }) as never))).toEqual([
      11, 2, 3, 4,
    ])
  })

  test('refs that have expired are made again, with the same attempt', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    await mine.transact((tx) => {
      for (let i = 1; i <= 100; i++) tx.write(i, page(i))
    })
    let isFirst = true
    world.before = async (method) => {
      if (method !== 'Commit' || !isFirst) return
      isFirst = false
      world.ids.tick(3_600_001)
    }
    world.calls.length = 0
    expect(await mine.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 2 } })
    expect(world.calls.filter((name) => name === 'WritePages' || name === 'Commit')).toEqual([
      'WritePages',
      'Commit',
      'WritePages',
      'Commit',
    ])
  })

  test.each(['lost-request', 'lost-reply'] as const)('an upload whose %s is repeated', async (fault) => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await mine.transact((tx) => {
      for (let i = 1; i <= 100; i++) tx.write(i, page(i))
    })
    let losses = 2
    world.fault = (method) => (method === 'WritePages' && losses-- > 0 ? fault : undefined)
    await mine.push()
    await other.pull()
    expect(await headStamps(other)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
  })

  test('a crash at any batch of a push commits once, and loses nothing', async () => {
    for (let batches = 0; ; batches++) {
      const world = openWorld()
      const { ours, mine, other } = await two(world)
      await mine.transact((tx) => {
        for (let i = 1; i <= 100; i++) tx.write(i, page(i + 1000))
      })
      const local: CrashableStore = ours.local
      local.batchesLeft = batches
      const outcome = await outcomeOf(mine.push())
      const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
      await again.push()
      await other.pull()
      const expected = Array.from({ length: 100 }, (_, i) => i + 1001)
      expect({ batches, lsn: other.status().base.lsn, pages: await headStamps(other) }).toEqual({
        batches,
        lsn: 2,
        pages: expected,
      })
      expect(await headStamps(again)).toEqual(expected)
      if (outcome === 'ok') {
        expect(batches).toBeGreaterThan(2)
        return
      }
      expect(outcome).toMatch(/LOCAL_STORE_FAILED|CLIENT_CLOSED/)
    }
  })

  test('a crash at any batch of a replay leaves a client that comes through', async () => {
    for (let batches = 0; ; batches++) {
      const world = openWorld()
      const { ours, mine, other } = await two(world)
      await increment(mine, 1)
      await write(mine, { 2: 22 })
      await increment(other, 1)
      await other.push()
      ours.local.batchesLeft = batches
      const outcome = await outcomeOf(mine.push())
      const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
      const second = await outcomeOf(again.push())
      await other.pull()
      if (second === 'ok') {
        expect({ batches, pages: await headStamps(other) }).toEqual({ batches, pages: [3, 22, 3, 4] })
      } else {
        // The functions are gone with the process, but what they wrote is not.
        expect(second).toBe('conflict PUSH_DIVERGED')
        expect(await headStamps(again)).toEqual([2, 22, 3, 4])
      }
      if (outcome === 'ok') return
    }
  })

  test('pages of transactions that never became visible are swept away', async () => {
    const orphans: string[] = []
    for (let batches = 0; batches < 8; batches++) {
      const world = openWorld()
      const { ours, mine, other } = await two(world)
      await increment(mine, 1)
      const keysBefore = await ours.local.keyList()
      await increment(other, 1)
      await other.push()
      ours.local.batchesLeft = batches
      if ((await outcomeOf(mine.push())) === 'ok') break
      for (const key of await ours.local.keyList()) if (!keysBefore.includes(key)) orphans.push(key.split('/')[2] as string)
      const second = await ours.reopen()
      await second.client.openVolume(mine.volumeId)
      const parts = (await second.local.keyList()).map((key) => key.split('/').slice(2))
      expect(parts.filter(([kind]) => kind === 'i' || kind === 'dirty')).toEqual([])
      // Pages of the first commit, which was pushed, and of the one that is pending.
      const pending = parts.filter(([kind]) => kind === 'c').map(([, sequence]) => Number.parseInt(sequence as string, 16))
      const sequences = parts.filter(([kind]) => kind === 'l').map(([, sequence]) => Number.parseInt(sequence as string, 16))
      expect(new Set(sequences)).toEqual(new Set([1, ...pending]))
    }
    expect(orphans).toEqual(expect.arrayContaining(['push', 'dirty', 'i', 'l']))
  })
})

describe('pushing', () => {
  test('at the same time is done one after the other', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    await write(mine, { 1: 11 })
    const results = await Promise.all([mine.push(), mine.push()])
    expect(results.map(({ type }) => type)).toEqual(['pushed', 'nothing'])
  })

  test('a new volume whose first answer was lost finds its own first commit', async () => {
    const world = openWorld()
    const { client } = await world.open({ attemptsMax: 1 })
    const volume = await client.createVolume({ pageSize: PAGE_SIZE })
    await write(volume, { 1: 1 })
    world.fault = (method) => (method === 'Commit' ? 'lost-reply' : undefined)
    expect(await outcomeOf(volume.push())).toBe('unknown OUTCOME_UNKNOWN')
    world.fault = () => undefined
    expect(await volume.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 1 } })
  })

  test('a transaction that commits while a push is under way goes with the next one', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    await write(mine, { 1: 11 })
    let isFirst = true
    world.before = async (method) => {
      if (method === 'Commit' && isFirst) {
        isFirst = false
        await write(mine, { 1: 12, 2: 22 })
      }
    }
    expect(await mine.push()).toMatchObject({ snapshot: { lsn: 2 }, transactions: 1 })
    expect(mine.status()).toMatchObject({ sync: 'ahead', pendingCommits: 1 })
    expect(await headStamps(mine)).toEqual([12, 22, 3, 4])
    expect(await mine.push()).toMatchObject({ snapshot: { lsn: 3 }, transactions: 1 })
  })

  test('reset while an attempt is undecided: it may turn up like a commit of others', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    await write(mine, { 1: 11 })
    world.fault = (method) => (method === 'Commit' ? 'lost-reply' : undefined)
    await outcomeOf(mine.push())
    world.fault = () => undefined
    await mine.reset()
    expect(await headStamps(mine)).toEqual([1, 2, 3, 4])
    await write(mine, { 2: 22 })
    expect(await mine.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 3 }, conflicts: 1 })
    expect(await headStamps(mine)).toEqual([11, 22, 3, 4])
  })
})
