import { RemoteError } from '@graft-ts/protocol'
import { describe, expect, test } from 'vitest'
import type { MergePage, PageConflict, Volume } from '../src/index.ts'
import {
  headStamps,
  ManualTimers,
  openWorld,
  outcomeOf,
  PAGE_SIZE,
  page,
  pushedVolume,
  stampOf,
  type World,
  write,
} from './harness.ts'

/** Two clients that stand on the same commit of a volume with pages 1 to 4; ours has a merge hook. */
async function two(world: World, merge: MergePage) {
  const ours = await world.open({ merge })
  const mine = await pushedVolume(ours.client, { 1: 1, 2: 2, 3: 3, 4: 4 })
  const other = await (await world.open()).client.openVolume(mine.volumeId)
  return { ours, mine, other }
}

async function theirs(other: Volume, pages: Record<number, number>): Promise<void> {
  await other.pull()
  await write(other, pages)
  await other.push()
}

/** A transaction that does not read what it writes. */
const add = (volume: Volume, pageIndex: number, amount: number) =>
  volume.transact(async (tx) => tx.write(pageIndex, page(stampOf(await tx.read(pageIndex)) + amount)))

const sum: MergePage = ({ base, local, remote }) => page(stampOf(local) + stampOf(remote) - stampOf(base))

/** A merge hook that adds up, and remembers what it was asked. */
function noting() {
  const asked: number[][] = []
  const merge: MergePage = (conflict: PageConflict) => {
    const { pageIndex, base, local, remote } = conflict
    asked.push([pageIndex, stampOf(base), stampOf(local), stampOf(remote)])
    return sum(conflict)
  }
  return { asked, merge }
}

describe('the merge hook', () => {
  test('settles pages that both wrote, without any function running again', async () => {
    const world = openWorld()
    const { asked, merge } = noting()
    const { mine, other } = await two(world, merge)
    let runs = 0
    await mine.transact(async (tx) => {
      runs++
      tx.write(1, page(stampOf(await tx.read(1)) + 10))
      tx.write(2, page(22))
    })
    await theirs(other, { 1: 101 })
    expect(await mine.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 3 }, merged: 1, replayed: 0, conflicts: 1 })
    expect({ runs, asked }).toEqual({ runs: 1, asked: [[1, 1, 11, 101]] })
    await other.pull()
    expect(await headStamps(other)).toEqual([111, 22, 3, 4])
    expect(await headStamps(mine)).toEqual([111, 22, 3, 4])
  })

  test('is asked transaction by transaction: each stands on what the merge made of the one before', async () => {
    const world = openWorld()
    const { asked, merge } = noting()
    const { mine, other } = await two(world, merge)
    await write(mine, { 4: 44 })
    await add(mine, 1, 10)
    await write(mine, { 3: 33 })
    await add(mine, 1, 20)
    await theirs(other, { 1: 101 })
    expect(await mine.push()).toMatchObject({ merged: 2, replayed: 0, transactions: 4 })
    expect(asked).toEqual([
      [1, 1, 11, 101],
      [1, 11, 31, 111],
    ])
    expect(await headStamps(mine)).toEqual([131, 2, 33, 44])
  })

  test('needs no function: it works after a restart', async () => {
    const world = openWorld()
    const { ours, mine, other } = await two(world, sum)
    await add(mine, 1, 10)
    await write(mine, { 2: 22 })
    await theirs(other, { 1: 101 })
    const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
    expect(await again.push()).toMatchObject({ merged: 1, replayed: 0, transactions: 2 })
    expect(await headStamps(again)).toEqual([111, 22, 3, 4])
  })

  test('is not asked about a page that was only read: the transaction runs again, and all later ones', async () => {
    const world = openWorld()
    const { asked, merge } = noting()
    const { mine, other } = await two(world, merge)
    await add(mine, 1, 10)
    await mine.transact(async (tx) => tx.write(2, page(stampOf(await tx.read(1)) + 1)))
    await add(mine, 1, 20)
    await theirs(other, { 1: 101 })
    expect(await mine.push()).toMatchObject({ merged: 1, replayed: 2 })
    expect(asked).toEqual([[1, 1, 11, 101]])
    expect(await headStamps(mine)).toEqual([131, 112, 3, 4])
  })

  test('under snapshot isolation may leave what was only read alone', async () => {
    const world = openWorld()
    const { mine, other } = await two(world, sum)
    await mine.transact(
      async (tx) => {
        await tx.read(2)
        tx.write(1, page(11))
      },
      { isolation: 'snapshot' },
    )
    await theirs(other, { 1: 101, 2: 202 })
    expect(await mine.push()).toMatchObject({ merged: 1, replayed: 0 })
    expect(await headStamps(mine)).toEqual([111, 202, 3, 4])
  })

  test('is asked about each of very many pages, once', async () => {
    const world = openWorld()
    const asked: number[] = []
    const { mine, other } = await two(world, (conflict) => {
      asked.push(conflict.pageIndex)
      return sum(conflict)
    })
    const pages = Array.from({ length: 600 }, (_, i) => i + 5)
    const writeAll = (volume: Volume, amount: number) =>
      volume.transact((tx) => {
        for (const pageIndex of pages) tx.write(pageIndex, page(amount))
      })
    await writeAll(mine, 1)
    await writeAll(other, 2)
    await other.push()
    const { outcome } = await mine.transact((tx) => tx.write(1, page(9)))
    expect(await mine.push()).toMatchObject({ merged: 1, replayed: 0 })
    expect(asked).toEqual(pages)
    expect((await headStamps(mine)).slice(4)).toEqual(pages.map(() => 3))
    expect(await outcome(), 'what was merged, or copied, did not run again').toMatchObject({ type: 'pushed', replays: 0 })
  })

  test('that gives one page up makes the transaction run again', async () => {
    const world = openWorld()
    const { mine, other } = await two(world, (conflict) => (conflict.pageIndex === 1 ? sum(conflict) : undefined))
    await mine.transact(async (tx) => {
      for (const i of [1, 2]) tx.write(i, page(stampOf(await tx.read(i)) * 2))
    })
    await theirs(other, { 1: 10, 2: 20 })
    expect(await mine.push()).toMatchObject({ merged: 0, replayed: 1 })
    expect(await headStamps(mine)).toEqual([20, 40, 3, 4])
  })

  test('and where no function is left, it is a divergence', async () => {
    const world = openWorld()
    const { ours, mine, other } = await two(world, () => undefined)
    await add(mine, 1, 10)
    await theirs(other, { 1: 10 })
    const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
    expect(await outcomeOf(again.push())).toBe('conflict PUSH_DIVERGED')
    expect(again.status().divergence).toMatchObject({ reason: 'overlap', cause: undefined })
  })

  test('sees zeros where others cut the page off', async () => {
    const world = openWorld()
    const { asked, merge } = noting()
    const { mine, other } = await two(world, merge)
    await write(mine, { 4: 44 })
    await other.transact((tx) => {
      tx.setPageCount(3)
      tx.setPageCount(4)
    })
    await other.push()
    expect(await mine.push()).toMatchObject({ merged: 1 })
    expect(asked).toEqual([[4, 4, 44, 0]])
    expect(await headStamps(mine)).toEqual([1, 2, 3, 40])
  })

  test.each([
    ['throws', () => Promise.reject(new Error('no idea')), 'UNTYPED'],
    ['gives half a page', () => new Uint8Array(PAGE_SIZE / 2), 'MERGE_PAGE'],
    ['gives no bytes', () => 7 as never, 'MERGE_PAGE'],
  ] satisfies [string, MergePage, string][])('that %s stops the push, with everything as it was', async (_, merge, code) => {
    const world = openWorld()
    const { mine, other } = await two(world, merge)
    await add(mine, 1, 10)
    await theirs(other, { 1: 101 })
    expect(await outcomeOf(mine.push())).toBe('conflict PUSH_DIVERGED')
    expect(mine.status().divergence).toMatchObject({ reason: 'merge-failed', cause: { code } })
    expect(await headStamps(mine)).toEqual([11, 2, 3, 4])
  })

  test('may use the same bytes for every page, and leaves nothing behind', async () => {
    const world = openWorld()
    const bytes = new Uint8Array(PAGE_SIZE)
    const { ours, mine, other } = await two(world, (conflict) => {
      bytes.set(sum(conflict) as Uint8Array)
      return bytes
    })
    await mine.transact(async (tx) => {
      for (const i of [1, 2]) tx.write(i, page(stampOf(await tx.read(i)) + 10))
    })
    await theirs(other, { 1: 101, 2: 202 })
    expect(await mine.push()).toMatchObject({ merged: 1 })
    bytes.fill(0xee)
    expect(await headStamps(mine)).toEqual([111, 212, 3, 4])
    await theirs(other, { 1: 5 })
    await mine.pull()
    await mine.idle()
    // What is kept for open snapshots alone would show here.
    const kinds = (await ours.local.keyList()).map((key) => key.split('/')[2])
    expect(kinds.filter((kind) => kind === 'i' || kind === 'dirty')).toEqual([])
  })

  test('cannot spoil what it is shown', async () => {
    const world = openWorld()
    const { mine, other } = await two(world, ({ base, local, remote }) => {
      const merged = page(stampOf(local) + stampOf(remote))
      for (const bytes of [base, local, remote]) bytes.fill(0xee)
      return merged
    })
    const before = mine.snapshot()
    await add(mine, 1, 10)
    const pending = mine.snapshot()
    await theirs(other, { 1: 101 })
    await mine.push()
    expect(stampOf(await before.read(1))).toBe(1)
    expect(stampOf(await pending.read(1))).toBe(11)
    expect((await headStamps(mine))[0]).toBe(112)
  })
})

describe('who loses again and again', () => {
  const ATTEMPT_MS = 10

  /** Loses until it gives up; each of its attempts takes as long as given, by its own clock. When each of them was sent. */
  async function losing(attemptMs: (attempt: number) => number): Promise<number[]> {
    const timers = new ManualTimers()
    const world = openWorld({ timers })
    let ownMs = 0
    const idSource = { nowMs: () => ownMs, randomBytes: world.ids.randomBytes }
    const ours = await world.open({ timers, idSource })
    const mine = await pushedVolume(ours.client, { 1: 1 })
    const other = await (await world.open()).client.openVolume(mine.volumeId)
    await write(mine, { 2: 2 })
    const sentAtMs: number[] = []
    let isOthers = false
    world.before = async (method) => {
      if (method !== 'Commit' || isOthers) return
      sentAtMs.push(timers.nowMs)
      ownMs += attemptMs(sentAtMs.length)
      isOthers = true
      await theirs(other, { 1: sentAtMs.length })
      isOthers = false
    }
    const pushing = outcomeOf(mine.push())
    await timers.advance(400_000)
    expect(await pushing).toBe('conflict PUSH_CONTENDED')
    world.before = async () => undefined
    expect(await mine.push()).toMatchObject({ type: 'pushed', transactions: 1 })
    return sentAtMs.slice(1).map((atMs, i) => atMs - (sentAtMs[i] as number))
  }

  test('waits for as long as a growing number of attempts takes, by chance', async () => {
    const pauses = await losing(() => ATTEMPT_MS)
    expect(pauses).toHaveLength(15)
    // The first conflict is mended at once.
    expect(pauses[0]).toBe(0)
    for (const [i, pauseMs] of pauses.slice(1).entries())
      expect(pauseMs).toBeLessThanOrEqual(ATTEMPT_MS * Math.min(4 * 2 ** i, 32))
    expect(new Set(pauses.slice(1)).size).toBeGreaterThan(10)
    expect(Math.max(...pauses)).toBeGreaterThan(ATTEMPT_MS * 16)
  })

  test('waits no longer than after as many failures, however long its clock says that it took', async () => {
    const pauses = await losing((attempt) => (attempt % 2 === 0 ? 86_400_000 : -86_400_000))
    for (const [i, pauseMs] of pauses.slice(1).entries()) expect(pauseMs).toBeLessThanOrEqual(Math.min(100 * 2 ** i, 10_000))
    expect(Math.max(...pauses)).toBeGreaterThan(4000)
  })
})

describe('I12: a divergence', () => {
  /** A client that has diverged, and was started again. */
  async function diverged() {
    const world = openWorld()
    const { ours, mine, other } = await two(world, () => undefined)
    await add(mine, 1, 10)
    await write(mine, { 3: 33 })
    await theirs(other, { 1: 101 })
    const second = await ours.reopen()
    const volume = await second.client.openVolume(mine.volumeId)
    expect(await outcomeOf(volume.push())).toBe('conflict PUSH_DIVERGED')
    // Found out by a push that was answered, so nothing is undecided; and it is durable.
    expect({ attempt: volume.status().attempt, isSynced: second.local.isLastSynced }).toEqual({
      attempt: undefined,
      isSynced: true,
    })
    return { world, other, second, volume }
  }

  test('is still there after another restart, and no server is asked', async () => {
    const { world, second, volume } = await diverged()
    const before = volume.status()
    const third = await second.reopen()
    world.calls.length = 0
    const again = await third.client.openVolume(volume.volumeId)
    expect(again.status()).toMatchObject({ sync: 'diverged', pendingCommits: 2, divergence: { reason: 'overlap' } })
    expect(again.status().divergence).toEqual(before.divergence)
    expect(await outcomeOf(again.push())).toBe('conflict PUSH_DIVERGED')
    expect(world.calls).toEqual([])
    expect(await headStamps(again)).toEqual([11, 2, 33, 4])
    await again.reset()
    expect(await headStamps(again)).toEqual([101, 2, 3, 4])
    expect(again.status()).toMatchObject({ sync: 'synced', divergence: undefined })
    const fourth = await (await third.reopen()).client.openVolume(volume.volumeId)
    expect(fourth.status()).toMatchObject({ sync: 'synced', divergence: undefined, base: { lsn: 2 } })
  })

  test('leaves nothing behind in the status once it was reset', async () => {
    const { volume } = await diverged()
    expect(volume.status()).toMatchObject({ sync: 'diverged', lastError: { operation: 'push', code: 'PUSH_DIVERGED' } })
    await volume.reset()
    expect(volume.status()).toMatchObject({ sync: 'synced', divergence: undefined, lastError: undefined })
  })

  test('by a truncation is the same one after a restart', async () => {
    const world = openWorld()
    const { ours, mine, other } = await two(world, () => undefined)
    await write(mine, { 4: 44 })
    await other.transact((tx) => {
      tx.setPageCount(3)
      tx.setPageCount(4)
    })
    await other.push()
    const second = await ours.reopen()
    const volume = await second.client.openVolume(mine.volumeId)
    expect(await outcomeOf(volume.push())).toBe('conflict PUSH_DIVERGED')
    const third = await (await second.reopen({ merge: ({ local }) => local })).client.openVolume(mine.volumeId)
    expect(third.status().divergence?.changes.floor).toBe(3)
    expect(await third.resubmit()).toMatchObject({ type: 'pushed', merged: 1 })
    expect(await headStamps(third)).toEqual([1, 2, 3, 44])
  })

  test('what a function threw is told after a restart, as data', async () => {
    const world = openWorld()
    const { ours, mine, other } = await two(world, () => undefined)
    await mine.transact(async (tx) => {
      if (stampOf(await tx.read(1)) !== 1) throw new Error('not what I bargained for')
      tx.write(2, page(22))
    })
    await theirs(other, { 1: 11 })
    await outcomeOf(mine.push())
    const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
    const cause = { kind: 'untyped', code: 'UNTYPED', message: 'not what I bargained for' }
    expect(again.status().divergence).toMatchObject({ reason: 'replay-failed', cause })
  })

  test('ends by resubmitting, if somebody can settle it now', async () => {
    const { other, second, volume } = await diverged()
    expect(await outcomeOf(volume.resubmit())).toBe('conflict PUSH_DIVERGED')
    await theirs(other, { 2: 202 })
    const third = await (await second.reopen({ merge: sum })).client.openVolume(volume.volumeId)
    expect(await outcomeOf(third.push())).toBe('conflict PUSH_DIVERGED')
    expect(await third.resubmit()).toMatchObject({ type: 'pushed', merged: 1, transactions: 2 })
    expect(third.status()).toMatchObject({ sync: 'synced', divergence: undefined })
    await other.pull()
    expect(await headStamps(other)).toEqual([111, 202, 33, 4])
  })

  test('goes on being one while pulls and local commits go on', async () => {
    const { other, second, volume } = await diverged()
    await theirs(other, { 2: 202 })
    expect(await volume.pull()).toMatchObject({ isApplied: false, snapshot: { lsn: 3 } })
    await write(volume, { 4: 44 })
    expect(volume.status()).toMatchObject({ sync: 'diverged', pendingCommits: 3, remote: { lsn: 3 } })
    const again = await (await second.reopen()).client.openVolume(volume.volumeId)
    expect(await headStamps(again)).toEqual([11, 2, 33, 44])
    expect(again.status()).toMatchObject({ sync: 'diverged', pendingCommits: 3 })
    await again.reset()
    await again.pull()
    expect(await headStamps(again)).toEqual([101, 202, 3, 4])
  })

  test('resubmitting without one pushes', async () => {
    const world = openWorld()
    const { mine } = await two(world, sum)
    await add(mine, 1, 1)
    expect(await mine.resubmit()).toMatchObject({ type: 'pushed', transactions: 1 })
    expect(await mine.resubmit()).toMatchObject({ type: 'nothing' })
  })
})

describe('I6: an attempt of which nobody can say any more whether it landed', () => {
  /** Makes the meta store forget: what does not find its own record is told so. */
  function expire(world: World): void {
    world.before = async (method) => {
      if (method === 'Commit') throw new RemoteError('unknown', 'ATTEMPT_EXPIRED', 'the horizon has passed the base')
    }
  }

  test('is an ordinary conflict if no server ever saw it', async () => {
    const world = openWorld()
    const { mine, other } = await two(world, () => undefined)
    await write(mine, { 3: 33 })
    await theirs(other, { 1: 101 })
    let isExpired = true
    world.before = async (method) => {
      if (method !== 'Commit' || !isExpired) return
      isExpired = false
      throw new RemoteError('unknown', 'ATTEMPT_EXPIRED', 'the horizon has passed the base')
    }
    world.calls.length = 0
    expect(await mine.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 3 }, conflicts: 1, replayed: 0 })
    expect(world.calls.filter((name) => name !== 'Describe')).toEqual(['Commit', 'Pull', 'Commit'])
    expect(await headStamps(mine)).toEqual([101, 2, 33, 4])
  })

  test('also after tries that had no token to go with', async () => {
    const world = openWorld()
    const { mine, other } = await two(world, () => undefined)
    await write(mine, { 3: 33 })
    await theirs(other, { 1: 101 })
    const errors = ['TOKEN_FAILED', 'ATTEMPT_EXPIRED']
    world.before = async (method) => {
      const code = method === 'Commit' ? errors.shift() : undefined
      if (code !== undefined) throw new RemoteError(code === 'TOKEN_FAILED' ? 'unavailable' : 'unknown', code, 'no')
    }
    expect(await mine.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 3 } })
  })

  test.each(['lost-request', 'restart'] as const)('is a divergence after a %s, until it is resubmitted', async (how) => {
    const world = openWorld()
    const { ours, mine, other } = await two(world, () => undefined)
    await write(mine, { 3: 33 })
    world.fault = (method) => (method === 'Commit' ? 'lost-request' : undefined)
    expect(await outcomeOf(mine.push())).toBe('unknown OUTCOME_UNKNOWN')
    world.fault = () => undefined
    await theirs(other, { 1: 101 })
    const volume = how === 'restart' ? await (await ours.reopen()).client.openVolume(mine.volumeId) : mine
    expire(world)
    expect(await outcomeOf(volume.push())).toBe('conflict PUSH_DIVERGED')
    expect(volume.status()).toMatchObject({ sync: 'diverged', divergence: { reason: 'attempt-expired', snapshot: { lsn: 2 } } })
    expect(await outcomeOf(volume.push())).toBe('conflict PUSH_DIVERGED')
    // What is sent now is another attempt, of which the server can tell.
    world.before = async () => undefined
    world.calls.length = 0
    expect(await outcomeOf(volume.push())).toBe('conflict PUSH_DIVERGED')
    expect(await volume.resubmit()).toMatchObject({ type: 'pushed', snapshot: { lsn: 3 } })
    expect(world.calls).toEqual(['Commit'])
    expect(await headStamps(volume)).toEqual([101, 2, 33, 4])
  })

  test('or is reset, also after a restart', async () => {
    const world = openWorld()
    const { ours, mine, other } = await two(world, () => undefined)
    await write(mine, { 3: 33 })
    world.fault = (method) => (method === 'Commit' ? 'lost-request' : undefined)
    await outcomeOf(mine.push())
    world.fault = () => undefined
    await theirs(other, { 1: 101 })
    expire(world)
    await outcomeOf(mine.push())
    const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
    expect(again.status()).toMatchObject({ divergence: { reason: 'attempt-expired' }, attempt: { baseLsn: 1 } })
    await again.reset()
    expect(again.status()).toMatchObject({ sync: 'synced', attempt: undefined, base: { lsn: 2 } })
    expect(await headStamps(again)).toEqual([101, 2, 3, 4])
  })

  test('that landed is taken for landed although its record is gone', async () => {
    const world = openWorld()
    const { mine, other } = await two(world, () => undefined)
    await mine.transact((tx) => tx.write(6, page(66)))
    // It lands, but somebody says that it was refused, so that another one is made.
    let isFirst = true
    world.after = async (method) => {
      if (method !== 'Commit' || !isFirst) return
      isFirst = false
      throw new RemoteError('denied', 'DENIED', 'no')
    }
    expect(await outcomeOf(mine.push())).toBe('denied DENIED')
    await write(mine, { 2: 22 })
    await theirs(other, { 1: 101 })
    world.before = async (method) => {
      if (method === 'GetSnapshot') throw new RemoteError('missing', 'SNAPSHOT_EXPIRED', 'the horizon has passed it')
    }
    expect(await mine.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 4, pageCount: 6 }, transactions: 2 })
    expect(await headStamps(mine)).toEqual([101, 22, 3, 4, 0, 66])
  })
})
