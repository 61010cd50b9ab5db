import { RemoteError } from '@graft-ts/protocol'
import { describe, expect, test } from 'vitest'
import type { Volume } from '../src/index.ts'
import {
  type CrashableStore,
  headStamps,
  openWorld,
  outcomeOf,
  page,
  pushedVolume,
  stampOf,
  stamps,
  type World,
  write,
} from './harness.ts'

// Nothing is answered from memory, so that what lies in the local store shows.
const UNCACHED = { memoryCacheBytesMax: 1 }

/** Two clients that stand on the same commit of a volume with pages 1 to 4. */
async function two(world: World) {
  const ours = await world.open(UNCACHED)
  const theirs = await world.open(UNCACHED)
  const mine = await pushedVolume(ours.client, { 1: 1, 2: 2, 3: 3, 4: 4 })
  const other = await theirs.client.openVolume(mine.volumeId)
  return { ours, theirs, mine, other }
}

/** A promise, and the call that lets go of whoever waits for it. */
function gate(): { readonly open: () => void; readonly passed: Promise<void> } {
  let open = (): void => undefined
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, passed }
}

/** A call that somebody else makes when it is asked for, and its end. */
function fromOutside(call: () => Promise<unknown>): () => Promise<void> {
  const asked = gate()
  const made = asked.passed.then(call)
  return async () => {
    asked.open()
    await made
  }
}

/** Lets others go first, n times. */
async function ticks(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await new Promise(setImmediate)
}

/** Lets the n-th batch from now on fail, once. */
function failBatch(local: CrashableStore, n: number): void {
  let left = n
  local.before = async (call) => {
    if (call === 'batch' && --left === 0) throw new Error('the disk is full')
  }
}

const increment = (volume: Volume, pageIndex: number) =>
  volume.transact(async (tx) => tx.write(pageIndex, page(stampOf(await tx.read(pageIndex)) + 1)))

describe('I12: local commits', () => {
  test('that are made while others run again get sequences of their own', async () => {
    const world = openWorld()
    const { ours, mine, other } = await two(world)
    const [isRunningAgain, mayGoOn, isWriting, mayWrite] = [gate(), gate(), gate(), gate()]
    let runs = 0
    await mine.transact(async (tx) => {
      tx.write(2, page(20 + stampOf(await tx.read(1))))
      if (++runs === 1) return
      isRunningAgain.open()
      await mayGoOn.passed
    })
    await write(other, { 1: 11 })
    await other.push()
    const pushing = mine.push()
    await isRunningAgain.passed
    // A local commit is being written when the transaction that runs again asks for its sequence.
    ours.local.before = async (call) => {
      if (call !== 'batch') return
      ours.local.before = async () => undefined
      isWriting.open()
      await mayWrite.passed
    }
    const writing = write(mine, { 2: 99, 3: 33 })
    await isWriting.passed
    // The pages of the transaction that runs again are written, and then the process dies.
    ours.local.batchesLeft = 1
    mayGoOn.open()
    await ticks(20)
    mayWrite.open()
    await writing
    expect(await outcomeOf(pushing)).toBe('unavailable LOCAL_STORE_FAILED')
    const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
    expect(again.status().pendingCommits).toBe(2)
    expect(await headStamps(again)).toEqual([1, 99, 33, 4])
  })

  test('keep their pages when the batch of a reset fails and a snapshot of them is closed', async () => {
    const world = openWorld()
    const { ours, mine } = await two(world)
    await write(mine, { 2: 22 })
    const snapshot = mine.snapshot()
    failBatch(ours.local, 1)
    expect(await outcomeOf(mine.reset())).toBe('unavailable LOCAL_STORE_FAILED')
    snapshot.close()
    await mine.idle()
    expect(mine.status().pendingCommits).toBe(1)
    expect(await headStamps(mine)).toEqual([1, 22, 3, 4])
    expect(await mine.push()).toMatchObject({ type: 'pushed' })
  })

  test('keep their pages whichever batch of a replay fails, and when a snapshot of them is closed then', async () => {
    const outcomes: string[] = []
    for (let n = 1; n <= 8; n++) {
      const world = openWorld()
      const { ours, mine, other } = await two(world)
      await increment(mine, 1)
      await increment(other, 1)
      await other.push()
      const snapshot = mine.snapshot()
      failBatch(ours.local, n)
      const outcome = await outcomeOf(mine.push())
      outcomes.push(outcome)
      snapshot.close()
      await mine.idle()
      expect({ n, first: (await headStamps(mine))[0] }).toEqual({ n, first: mine.status().base.lsn === 1 ? 2 : 3 })
      await mine.push()
      expect(await headStamps(mine)).toEqual([3, 2, 3, 4])
      // Nothing is left that only the snapshot or the failure needed.
      const parts = (await ours.local.keyList()).map((key) => key.split('/').slice(2))
      expect({ n, left: parts.filter(([kind]) => kind === 'i' || kind === 'dirty' || kind === 'c') }).toEqual({ n, left: [] })
    }
    expect(outcomes.filter((outcome) => outcome === 'unavailable LOCAL_STORE_FAILED').length).toBeGreaterThan(2)
  })
})

describe('I4: a snapshot that is opened while', () => {
  test('pending commits are being dropped shows them', async () => {
    const world = openWorld()
    const { ours, mine } = await two(world)
    await write(mine, { 2: 22 })
    let opened: ReturnType<Volume['snapshot']> | undefined
    ours.local.before = async (call) => {
      if (call === 'batch') opened ??= mine.snapshot()
    }
    await mine.reset()
    ours.local.before = async () => undefined
    if (opened === undefined) throw new Error('no batch was written')
    expect(await stamps(opened)).toEqual([1, 22, 3, 4])
    expect(await headStamps(mine)).toEqual([1, 2, 3, 4])
    const keys = await ours.local.keyCount()
    opened.close()
    await mine.idle()
    expect(await ours.local.keyCount()).toBeLessThan(keys)
  })

  test('pending commits are being replaced shows the old ones', async () => {
    const world = openWorld()
    const { ours, mine, other } = await two(world)
    await increment(mine, 1)
    await increment(other, 1)
    await other.push()
    const opened: ReturnType<Volume['snapshot']>[] = []
    ours.local.before = async (call) => {
      if (call === 'batch') opened.push(mine.snapshot())
    }
    await mine.push()
    ours.local.before = async () => undefined
    const seen = new Set<number>()
    for (const snapshot of opened) {
      seen.add(snapshot.pendingCommits)
      expect((await stamps(snapshot))[0]).toBe(snapshot.lsn === 1 ? 2 : 3)
      snapshot.close()
    }
    expect(seen).toContain(1)
  })
})

test('I3: an upload that is under way when a push fails never gets into a later attempt', async () => {
  const world = openWorld()
  const ours = await world.open({ ...UNCACHED, attemptsMax: 1 })
  const mine = await pushedVolume(ours.client, { 1: 1, 2: 2 })
  const other = await (await world.open()).client.openVolume(mine.volumeId)
  await mine.transact((tx) => {
    for (let i = 1000; i < 3000; i++) tx.write(i, page(i))
  })
  // Writes another page when it runs again.
  await mine.transact(async (tx) => {
    if (stampOf(await tx.read(1)) === 1) tx.write(2999, page(666))
    else tx.write(2, page(22))
  })
  await write(other, { 1: 11 })
  await other.push()
  const late = gate()
  let [uploads, commits] = [0, 0]
  world.before = async (method) => {
    if (method === 'WritePages') {
      uploads++
      // The first of two uploads is lost, and the second one takes its time.
      if (uploads === 2) await late.passed
    } else if (method === 'Commit' && ++commits === 1) {
      // It arrives right before a lost race sends everything again.
      late.open()
      await ticks(50)
      await write(other, { 5: 55 })
      await other.push()
    }
  }
  let isFirst = true
  world.fault = (method) => {
    if (method !== 'WritePages' || !isFirst) return undefined
    isFirst = false
    return 'lost-request'
  }
  const failing = outcomeOf(mine.push())
  await ticks(50)
  await mine.pull()
  const pushing = mine.push()
  await ticks(500)
  late.open()
  expect(await failing).toBe('unknown OUTCOME_UNKNOWN')
  await pushing
  await other.pull()
  const snapshot = other.snapshot()
  const pages = await snapshot.readMany([2, 1000, 2998, 2999])
  expect(Array.from(pages.values(), stampOf)).toEqual([22, 1000, 2998, 2999])
})

test('what transactions wrote that run again, again and again, does not pile up', async () => {
  const world = openWorld()
  const { ours, mine, other } = await two(world)
  let runs = 0
  await increment(mine, 1)
  await mine.transact(async (tx) => {
    await tx.read(1)
    if (++runs > 1 && runs < 6) throw new RemoteError('unavailable', 'NO_ANSWER', 'the connection was lost')
    tx.write(2, page(22))
  })
  await increment(other, 1)
  await other.push()
  const before = await ours.local.keyCount()
  const counts: number[] = []
  for (let i = 0; i < 4; i++) {
    expect(await outcomeOf(mine.push())).toBe('unavailable NO_ANSWER')
    await mine.idle()
    counts.push(await ours.local.keyCount())
  }
  expect(counts[3]).toBe(counts[0])
  await mine.push()
  expect(await headStamps(mine)).toEqual([3, 22, 3, 4])
  expect(await ours.local.keyCount()).toBeLessThanOrEqual(before)
})

describe('I4: the base moves', () => {
  /** A reader that stands on LSN 1 and has pages 1 and 2 in its local store, but not in memory; LSN 2 changes pages 1 and 3. */
  async function behind(options = {}) {
    const world = openWorld()
    const { mine } = await two(world)
    const first = await world.open()
    await headStamps(await first.client.openVolume(mine.volumeId), 2)
    await first.client.close()
    const reader = await first.reopen(options)
    const copy = await reader.client.openVolume(mine.volumeId)
    await write(mine, { 1: 11, 3: 33 })
    await mine.push()
    /** Pulls when the next look-up in the local store has its answer, and before that answer arrives. */
    const pullDuringLookup = (): void => {
      reader.local.after = async () => {
        reader.local.after = async () => undefined
        await copy.pull()
      }
    }
    return { copy, local: reader.local, pullDuringLookup }
  }

  test('while an older snapshot reads: what it found is not taken for the new state', async () => {
    const { copy, pullDuringLookup } = await behind()
    const old = copy.snapshot()
    pullDuringLookup()
    expect(stampOf(await old.read(1))).toBe(1)
    expect(copy.status().base.lsn).toBe(2)
    expect(await headStamps(copy)).toEqual([11, 2, 33, 4])
    expect(await stamps(old)).toEqual([1, 2, 3, 4])
  })

  test('up to a newer snapshot that reads: what it found was of the old state', async () => {
    const { copy, pullDuringLookup } = await behind(UNCACHED)
    const newer = await copy.snapshotAt(2 as never)
    expect(copy.status().base.lsn).toBe(1)
    pullDuringLookup()
    expect(stampOf(await newer.read(1))).toBe(11)
    expect(copy.status().base.lsn).toBe(2)
  })

  test('between the arrival of a page and its being kept: it is kept for the state that it was read at', async () => {
    const { copy, local } = await behind(UNCACHED)
    const fresh = copy.snapshot()
    const [isMoving, mayMove] = [gate(), gate()]
    local.before = async (call) => {
      if (call !== 'batch') return
      local.before = async () => undefined
      isMoving.open()
      await mayMove.passed
    }
    const pulling = copy.pull()
    await isMoving.passed
    expect(stampOf(await fresh.read(3))).toBe(3)
    mayMove.open()
    await pulling
    await copy.idle()
    expect((await headStamps(copy)).slice(0, 3)).toEqual([11, 2, 33])
  })
})

describe('a transaction that runs while what it saw is', () => {
  test('dropped by a reset runs again', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    await write(mine, { 2: 22 })
    let runs = 0
    const reset = fromOutside(() => mine.reset())
    await mine.transact(async (tx) => {
      const seen = stampOf(await tx.read(2))
      if (++runs === 1) await reset()
      tx.write(3, page(seen + 100))
    })
    expect(await headStamps(mine)).toEqual([1, 2, 102, 4])
  })

  test('replaced by a replay runs again', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    // Writes page 2, but its overlap is about page 1.
    await mine.transact(async (tx) => tx.write(2, page(20 + stampOf(await tx.read(1)))))
    await write(other, { 1: 7 })
    await other.push()
    let runs = 0
    const push = fromOutside(() => mine.push())
    await mine.transact(async (tx) => {
      const seen = stampOf(await tx.read(2))
      if (++runs === 1) await push()
      tx.write(3, page(seen + 100))
    })
    expect(await headStamps(mine)).toEqual([7, 27, 127, 4])
  })

  test('changed by a pull runs again, also where pages were only cut off', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await other.transact((tx) => {
      tx.write(1, page(7))
      tx.setPageCount(3)
      tx.setPageCount(4)
    })
    await other.push()
    const runs = [0, 0]
    await Promise.all(
      [1, 4].map((pageIndex, i) =>
        mine.transact(async (tx) => {
          const seen = stampOf(await tx.read(pageIndex))
          runs[i] = (runs[i] as number) + 1
          if (runs[i] === 1) await mine.pull()
          tx.write(10 + i, page(seen + 100))
        }),
      ),
    )
    expect((await headStamps(mine)).slice(9)).toEqual([107, 100])
  })
})

test('a page that is here already is not kept twice, so that nothing of it is left over', async () => {
  const world = openWorld()
  const { ours, mine, other } = await two(world)
  await write(other, { 2: 22 })
  await other.push()
  // Page 1 is here as this client wrote it, but only up to the base; the newer snapshot has to fetch it.
  const newer = await mine.snapshotAt(2 as never)
  world.after = async (method) => {
    if (method === 'ReadPages') await mine.pull()
  }
  expect(stampOf(await newer.read(1))).toBe(1)
  await mine.idle()
  expect(mine.status().base.lsn).toBe(2)
  await write(mine, { 1: 5 })
  await mine.push()
  newer.close()
  await mine.idle()
  const pages = (await ours.local.keyList()).filter((key) => key.split('/')[2] === 'l' && key.endsWith('/00000001'))
  expect(pages).toHaveLength(1)
  expect((await headStamps(mine)).slice(0, 2)).toEqual([5, 22])
})

test('a transaction of durability remote gives the value of the run that counted', async () => {
  const world = openWorld()
  const { mine, other } = await two(world)
  const next = (volume: Volume) =>
    volume.transact(
      async (tx) => {
        const value = stampOf(await tx.read(1)) + 1
        tx.write(1, page(value))
        return value
      },
      { durability: 'remote' },
    )
  expect((await next(other)).value).toBe(2)
  expect((await next(mine)).value).toBe(3)
})

test('I6: an attempt is durable before it is sent', async () => {
  const world = openWorld()
  const { ours, mine } = await two(world)
  await mine.transact((tx) => tx.write(1, page(2)), { durability: 'memory' })
  expect(ours.local.isLastSynced).toBe(false)
  let batchesBefore = ours.local.batches
  world.before = async (method) => {
    if (method !== 'Commit') return
    expect(ours.local.batches).toBe(batchesBefore + 1)
    expect(ours.local.isLastSynced).toBe(true)
    batchesBefore = -1
  }
  await mine.push()
  expect(batchesBefore).toBe(-1)
})

test('I12: a transaction that commits while others run again is neither lost nor left behind', async () => {
  const world = openWorld()
  const { mine, other } = await two(world)
  let runs = 0
  await mine.transact(async (tx) => {
    tx.write(2, page(20 + stampOf(await tx.read(1))))
    if (++runs === 2) await write(mine, { 3: 33 })
  })
  await write(other, { 1: 7 })
  await other.push()
  expect(await mine.push()).toMatchObject({ type: 'pushed', replayed: 2, transactions: 2 })
  expect(await headStamps(mine)).toEqual([7, 27, 33, 4])
})

describe('what was uploaded for an attempt', () => {
  test('serves the next one, less what was written and cut off since', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await mine.transact((tx) => {
      for (let i = 1; i <= 200; i++) tx.write(i, page(i))
    })
    world.before = async (method) => {
      if (method === 'Commit') throw new RemoteError('denied', 'DENIED', 'no')
    }
    expect(await outcomeOf(mine.push())).toBe('denied DENIED')
    world.before = async () => undefined
    await write(mine, { 5: 555 })
    await mine.transact((tx) => {
      tx.setPageCount(150)
      tx.setPageCount(200)
      tx.write(160, page(166))
    })
    await mine.push()
    await other.pull()
    const expected = Array.from({ length: 200 }, (_, i) => (i < 150 ? i + 1 : 0))
    expected[4] = 555
    expected[159] = 166
    expect(await headStamps(other)).toEqual(expected)
  })
})

test('a pull that was asked from an older base says nothing of what this client changed itself', async () => {
  const world = openWorld()
  const { mine, other } = await two(world)
  const held = gate()
  world.before = async (method) => {
    if (method !== 'Pull') return
    world.before = async () => undefined
    await held.passed
  }
  const pulling = mine.pull()
  await write(mine, { 2: 22 })
  await mine.push()
  await increment(mine, 2)
  await other.pull()
  await write(other, { 3: 33 })
  await other.push()
  held.open()
  expect(await pulling).toMatchObject({ isApplied: false, snapshot: { lsn: 3 } })
  expect(await mine.push()).toMatchObject({ replayed: 0, snapshot: { lsn: 4 } })
  expect(await headStamps(mine)).toEqual([1, 23, 33, 4])
})
