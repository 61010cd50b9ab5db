import { RemoteError } from '@graft-ts/protocol'
import { describe, expect, test } from 'vitest'
import type { Volume } from '../src/index.ts'
import {
  headStamps,
  openWorld,
  outcomeOf,
  page,
  pushedVolume,
  stampOf,
  stamps,
  type TestClient,
  type World,
  write,
} from './harness.ts'

// Nothing is answered from memory, so that what lies in the local store shows.
const UNCACHED = { memoryCacheBytesMax: 1 }

/** Two clients that stand on the same commit of a volume with pages 1 to 4. */
async function two(world: World, options = {}) {
  const ours = await world.open(options)
  const theirs = await world.open(options)
  const mine = await pushedVolume(ours.client, { 1: 1, 2: 2, 3: 3, 4: 4 })
  const other = await theirs.client.openVolume(mine.volumeId)
  return { ours, theirs, mine, other }
}

const increment = (volume: Volume, pageIndex: number) =>
  volume.transact(async (tx) => tx.write(pageIndex, page(stampOf(await tx.read(pageIndex)) + 1)))

/** A promise, and the call that lets go of whoever waits for it. */
function gate(): { readonly open: () => void; readonly passed: Promise<void> } {
  let open = (): void => undefined
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, passed }
}

/** The keys of one kind that a volume has in the local store. */
async function keysOf({ local }: TestClient, kind: string): Promise<string[]> {
  return (await local.keyList()).filter((key) => key.split('/')[2] === kind)
}

/** Refuses all commits until it is called. */
function refuseCommits(world: World): () => void {
  world.before = async (method) => {
    if (method === 'Commit') throw new RemoteError('denied', 'DENIED', 'no')
  }
  return () => {
    world.before = async () => undefined
  }
}

describe('uploads', () => {
  test('that many refused pushes have left are made again, when they are more than a commit may name', async () => {
    const world = openWorld({ meta: { refsMax: 3 } })
    const { mine, other } = await two(world)
    const allow = refuseCommits(world)
    for (let round = 0; round < 5; round++) {
      await mine.transact((tx) => {
        for (let i = 0; i < 70; i++) tx.write(1000 + round * 70 + i, page(round + 1))
      })
      expect(await outcomeOf(mine.push())).toBe('denied DENIED')
    }
    allow()
    expect(await mine.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 2 }, transactions: 5 })
    await other.pull()
    const read = await other.snapshot().readMany([1000, 1349])
    expect([...read.values()].map(stampOf)).toEqual([1, 5])
  })

  test('of transactions that ran again are forgotten', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await mine.transact((tx) => {
      for (let i = 1000; i < 1100; i++) tx.write(i, page(i))
    })
    // Writes another page when it runs again.
    await mine.transact(async (tx) => {
      if (stampOf(await tx.read(1)) === 1) tx.write(1050, page(666))
      else tx.write(2, page(22))
    })
    const allow = refuseCommits(world)
    expect(await outcomeOf(mine.push())).toBe('denied DENIED')
    allow()
    await write(other, { 1: 11 })
    await other.push()
    await mine.push()
    await other.pull()
    expect(stampOf(await other.snapshot().read(1050))).toBe(1050)
  })

  test('leave no record behind when they are committed or given up', async () => {
    const world = openWorld()
    const { ours, mine } = await two(world)
    const writeMany = () =>
      mine.transact((tx) => {
        for (let i = 1; i <= 100; i++) tx.write(i, page(i))
      })
    await writeMany()
    await mine.push()
    expect(await keysOf(ours, 'push')).toEqual([])
    await writeMany()
    const allow = refuseCommits(world)
    expect(await outcomeOf(mine.push())).toBe('denied DENIED')
    allow()
    expect(await keysOf(ours, 'push')).toHaveLength(1)
    await mine.reset()
    expect(await keysOf(ours, 'push')).toEqual([])
  })
})

describe('I6: an attempt', () => {
  test('that follows a refused one is undecided again when its answer is lost', async () => {
    const world = openWorld()
    const { mine } = await two(world, { attemptsMax: 1 })
    await write(mine, { 1: 11 })
    const allow = refuseCommits(world)
    expect(await outcomeOf(mine.push())).toBe('denied DENIED')
    allow()
    world.fault = (method) => (method === 'Commit' ? 'lost-request' : undefined)
    // The same one again, and then another one.
    expect(await outcomeOf(mine.push())).toBe('unknown OUTCOME_UNKNOWN')
    const first = mine.status().attempt
    expect(first?.isRefused).toBe(false)
    world.fault = () => undefined
    const forbid = refuseCommits(world)
    expect(await outcomeOf(mine.push())).toBe('denied DENIED')
    forbid()
    await write(mine, { 2: 22 })
    world.fault = (method) => (method === 'Commit' ? 'lost-request' : undefined)
    expect(await outcomeOf(mine.push())).toBe('unknown OUTCOME_UNKNOWN')
    const second = mine.status().attempt
    expect(second).toMatchObject({ isRefused: false })
    expect(second?.commitId).not.toBe(first?.commitId)
  })
})

describe('I7: a commit that asked for the length', () => {
  test('after one that grew the volume does not overlap with commits that did not', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await write(mine, { 6: 66 })
    await mine.transact((tx) => tx.write(tx.pageCount + 1, page(77)))
    await write(other, { 1: 11 })
    await other.push()
    expect(await mine.push()).toMatchObject({ conflicts: 1, replayed: 0 })
    expect(await headStamps(mine)).toEqual([11, 2, 3, 4, 0, 66, 77])
  })
})

describe('I4: after a replay', () => {
  test('no page is served from memory that others changed', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await mine.snapshot().hydrate()
    expect(await headStamps(mine)).toEqual([1, 2, 3, 4])
    await increment(mine, 1)
    await write(other, { 1: 11, 4: 44 })
    await other.push()
    expect(await mine.push()).toMatchObject({ replayed: 1 })
    expect(await headStamps(mine)).toEqual([12, 2, 3, 44])
  })
})

describe('I4: pages of a local commit that was pushed', () => {
  test('stay for views of that commit, which need no server to read them', async () => {
    const world = openWorld()
    const { ours, mine } = await two(world, UNCACHED)
    await write(mine, { 2: 22 })
    await mine.push()
    const pushed = mine.snapshot()
    await write(mine, { 2: 23 })
    await mine.push()
    world.calls.length = 0
    expect(stampOf(await pushed.read(2))).toBe(22)
    expect(world.calls).toEqual([])
    const before = await ours.local.keyCount()
    pushed.close()
    await mine.idle()
    expect(await ours.local.keyCount()).toBeLessThan(before)
  })

  test('stay for views that have it pending, when it is overwritten', async () => {
    const world = openWorld()
    const { mine, other } = await two(world, UNCACHED)
    await write(mine, { 2: 22 })
    const pending = mine.snapshot()
    await mine.push()
    await other.pull()
    await write(other, { 2: 23 })
    await other.push()
    await mine.pull()
    expect(await stamps(pending)).toEqual([1, 22, 3, 4])
    expect(await headStamps(mine)).toEqual([1, 23, 3, 4])
  })
})

describe('I12: a divergence', () => {
  test('that is found while a local commit is being written is not forgotten', async () => {
    const world = openWorld()
    const { ours, mine, other } = await two(world)
    const [isRunning, mayFail, isWriting, mayWrite] = [gate(), gate(), gate(), gate()]
    let runs = 0
    await mine.transact(async (tx) => {
      tx.write(2, await tx.read(1))
      if (++runs === 1) return
      isRunning.open()
      await mayFail.passed
      throw new Error('not again')
    })
    await write(other, { 1: 11 })
    await other.push()
    const pushing = outcomeOf(mine.push())
    await isRunning.passed
    ours.local.before = async (call) => {
      if (call !== 'batch') return
      isWriting.open()
      await mayWrite.passed
    }
    const writing = write(mine, { 3: 33 })
    await isWriting.passed
    mayFail.open()
    // Long enough for it to be found.
    for (let i = 0; i < 20; i++) await new Promise(setImmediate)
    mayWrite.open()
    await writing
    expect(await pushing).toBe('conflict PUSH_DIVERGED')
    expect(mine.status()).toMatchObject({ sync: 'diverged', pendingCommits: 2 })
  })

  test('leaves nothing behind when its reset dies half-way', async () => {
    const world = openWorld()
    const { ours, mine } = await two(world)
    const before = await keysOf(ours, 'l')
    await write(mine, { 1: 100, 2: 200 })
    ours.local.batchesLeft = 1
    await mine.reset()
    const again = await ours.reopen()
    const volume = await again.client.openVolume(mine.volumeId)
    expect(volume.status().pendingCommits).toBe(0)
    expect(await keysOf(again, 'l')).toEqual(before)
    expect(await keysOf(again, 'dirty')).toEqual([])
  })
})

describe('I8: zeros', () => {
  test.each([UNCACHED, {}])('hold from the commit at which they were read on, and not before: %o', async (options) => {
    const world = openWorld()
    const { mine, theirs } = await two(world, options)
    await mine.transact((tx) => {
      tx.setPageCount(2)
      tx.setPageCount(4)
    })
    await mine.push()
    const copy = await (await world.open(options)).client.openVolume(mine.volumeId)
    expect(await headStamps(copy)).toEqual([1, 2, 0, 0])
    expect(await stamps(await copy.snapshotAt(1 as never))).toEqual([1, 2, 3, 4])
    expect(await headStamps(copy)).toEqual([1, 2, 0, 0])
    await theirs.client.close()
  })
})

describe('a fetch', () => {
  test('that another reader only wanted along, and that failed, is made by who needs it', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    const { client } = await world.open({
      attemptsMax: 1,
      prefetcher: () => ({ onMiss: (pageIndex) => [pageIndex + 1], onHit: () => undefined }),
    })
    const snapshot = (await client.openVolume(mine.volumeId)).snapshot()
    const [isAsking, mayFail] = [gate(), gate()]
    world.before = async (method) => {
      if (method !== 'ReadPages') return
      world.before = async () => undefined
      isAsking.open()
      await mayFail.passed
      throw new RemoteError('unavailable', 'NO_ANSWER', 'the connection was lost')
    }
    world.calls.length = 0
    const first = outcomeOf(snapshot.read(2))
    await isAsking.passed
    const second = snapshot.read(3)
    for (let i = 0; i < 10; i++) await new Promise(setImmediate)
    mayFail.open()
    expect(await first).toBe('unavailable NO_ANSWER')
    expect(stampOf(await second)).toBe(3)
    expect(world.calls).toEqual(['ReadPages', 'ReadPages'])
  })
})

describe('I7: a push', () => {
  /** Others win the race for the next commits of a volume, so many times. */
  function outrun(world: World, other: Volume, times: number, change: () => Promise<unknown>): void {
    let isTheirs = false
    let left = times
    world.before = async (method) => {
      if (method !== 'Commit' || isTheirs || left === 0) return
      left--
      isTheirs = true
      await other.pull()
      await change()
      await other.push()
      isTheirs = false
    }
  }

  test('that always loses gives up, keeps everything, and gets through later', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await write(mine, { 1: 11 })
    outrun(world, other, 16, () => increment(other, 4))
    expect(await outcomeOf(mine.push())).toBe('conflict PUSH_CONTENDED')
    expect(mine.status()).toMatchObject({ pendingCommits: 1, divergence: undefined })
    expect(await mine.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 18 } })
    expect(await headStamps(mine)).toEqual([11, 2, 3, 20])
  })

  test('runs transactions again as often as others change what they saw', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await increment(mine, 1)
    await increment(mine, 1)
    outrun(world, other, 3, () => increment(other, 1))
    expect(await mine.push()).toMatchObject({ conflicts: 3, replayed: 6 })
    expect((await headStamps(mine))[0]).toBe(6)
  })

  test('whose uploads are from the future, by a clock that was wrong, uploads again', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    await mine.transact((tx) => {
      for (let i = 1; i <= 100; i++) tx.write(i, page(i))
    })
    world.after = async (method) => {
      // What was signed ten minutes ahead comes before a meta store that has the right time.
      if (method !== 'WritePages') return
      world.ids.tick(-600_000)
      world.after = async () => undefined
    }
    world.ids.tick(600_000)
    world.calls.length = 0
    expect(await mine.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 2 } })
    const sent = world.calls.filter((name) => name === 'WritePages' || name === 'Commit')
    expect(sent).toEqual(['WritePages', 'Commit', 'WritePages', 'Commit'])
  })

  test('whose uploads always come too late gives up, and gets through later', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    await mine.transact((tx) => {
      for (let i = 1; i <= 100; i++) tx.write(i, page(i))
    })
    world.before = async (method) => {
      if (method === 'Commit') world.ids.tick(3_600_001)
    }
    world.calls.length = 0
    expect(await outcomeOf(mine.push())).toBe('missing REFS_EXPIRED')
    expect(world.calls.filter((name) => name === 'Commit')).toHaveLength(3)
    world.before = async () => undefined
    expect(await mine.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 2 } })
  })
})

describe('the mark of left-overs', () => {
  test('stays while a snapshot keeps something', async () => {
    const world = openWorld()
    const { ours, mine } = await two(world)
    const first = mine.snapshot()
    await write(mine, { 2: 22 })
    await mine.push()
    const second = mine.snapshot()
    await write(mine, { 2: 222 })
    await mine.push()
    first.close()
    await mine.idle()
    expect(await keysOf(ours, 'dirty')).toHaveLength(1)
    second.close()
    await mine.idle()
    expect(await keysOf(ours, 'dirty')).toEqual([])
  })

  test('stays while transactions run again, whatever is cleared away meanwhile', async () => {
    const world = openWorld()
    const { ours, mine, other } = await two(world)
    const old = mine.snapshot()
    await write(mine, { 2: 22 })
    await mine.push()
    await other.pull()
    const [isRunning, mayGoOn] = [gate(), gate()]
    let runs = 0
    await increment(mine, 1)
    await mine.transact(async (tx) => {
      tx.write(3, await tx.read(1))
      if (++runs === 1) return
      isRunning.open()
      await mayGoOn.passed
    })
    await increment(other, 1)
    await other.push()
    const pushing = mine.push()
    await isRunning.passed
    old.close()
    for (let i = 0; i < 50; i++) await new Promise(setImmediate)
    expect(await keysOf(ours, 'dirty')).toHaveLength(1)
    mayGoOn.open()
    await pushing
    await mine.idle()
    expect(await keysOf(ours, 'dirty')).toEqual([])
  })
})

test('what a snapshot kept is swept away after a crash, whichever batch before it failed', async () => {
  for (let n = 1; n <= 4; n++) {
    const world = openWorld()
    const { ours, mine } = await two(world)
    mine.snapshot()
    await write(mine, { 2: 22 })
    let left = n
    ours.local.before = async (call) => {
      if (call === 'batch' && --left === 0) throw new Error('the disk is full')
    }
    await outcomeOf(mine.push())
    ours.local.before = async () => undefined
    await mine.push()
    expect(await keysOf(ours, 'i')).toHaveLength(1)
    const again = await ours.reopen()
    await again.client.openVolume(mine.volumeId)
    expect({ n, kept: await keysOf(again, 'i') }).toEqual({ n, kept: [] })
  }
})
