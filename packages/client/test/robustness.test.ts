import { RemoteError } from '@graft-ts/protocol'
import { parsePageSize } from '@graft-ts/volume'
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { Client } from '../src/index.ts'
import {
  headStamps,
  immediateTimers,
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
async function two(world: World, options = {}) {
  const ours = await world.open(options)
  const theirs = await world.open()
  const mine = await pushedVolume(ours.client, { 1: 1, 2: 2, 3: 3, 4: 4 })
  const other = await theirs.client.openVolume(mine.volumeId)
  return { ours, theirs, mine, other }
}

/** Lets others go first. */
async function ticks(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await new Promise(setImmediate)
}

describe('I12: a replay that fails for a passing reason makes no divergence', () => {
  test('where a server refuses a read, because the token has expired, say', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await mine.transact(async (tx) => tx.write(2, page(20 + stampOf(await tx.read(1)))))
    await write(other, { 1: 7 })
    await other.push()
    world.before = async (method) => {
      if (method === 'ReadPages') throw new RemoteError('denied', 'DENIED', 'the token has expired')
    }
    expect(await outcomeOf(mine.push())).toBe('denied DENIED')
    expect(mine.status()).toMatchObject({ pendingCommits: 1, divergence: undefined })
    world.before = async () => undefined
    expect(await mine.push()).toMatchObject({ type: 'pushed', replayed: 1 })
    expect(await headStamps(mine)).toEqual([7, 27, 3, 4])
  })

  test('but a function that can never run again does', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    const elsewhere = mine.snapshot()
    await mine.transact(async (tx) => {
      await tx.read(1)
      tx.write(2, await elsewhere.read(3))
    })
    elsewhere.close()
    await write(other, { 1: 7 })
    await other.push()
    expect(await outcomeOf(mine.push())).toBe('conflict PUSH_DIVERGED')
    expect(mine.status()).toMatchObject({ sync: 'diverged', divergence: { reason: 'replay-failed' } })
  })
})

describe('closing', () => {
  test.each(['Commit', 'Pull', 'ReadPages', 'Describe', 'GetSnapshot', 'WritePages'])(
    'ends a call of %s that has no answer, and says why',
    async (hanging) => {
      const world = openWorld()
      const { ours, mine } = await two(world)
      const fresh = await world.open()
      const copy = await fresh.client.openVolume(mine.volumeId)
      await copy.transact((tx) => {
        const pages = hanging === 'Commit' ? 1 : 100
        for (let i = 1; i <= pages; i++) tx.write(i, page(i))
      })
      let isHanging = false
      world.hang = (method) => {
        isHanging ||= method === hanging
        return method === hanging
      }
      const calls = {
        Commit: () => copy.push(),
        WritePages: () => copy.push(),
        Describe: () => copy.push(),
        Pull: () => copy.pull(),
        ReadPages: () => copy.snapshotAt(1 as never).then((snapshot) => snapshot.read(3)),
        GetSnapshot: () => copy.snapshotAt(2 as never),
      }
      if (hanging === 'GetSnapshot') {
        await write(mine, { 1: 5 })
        await mine.push()
      }
      const call = outcomeOf(calls[hanging as keyof typeof calls]())
      await ticks(50)
      expect(isHanging).toBe(true)
      await fresh.client.close()
      expect(await call).toBe('closed CLIENT_CLOSED')
      await ours.client.close()
    },
  )

  test('ends the opening of a volume', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    const { client } = await world.open()
    world.hang = (method) => method === 'GetSnapshot'
    const opening = outcomeOf(client.openVolume(mine.volumeId))
    await ticks(10)
    await client.close()
    expect(await opening).toBe('closed CLIENT_CLOSED')
  })

  test('is done when any call of it has ended', async () => {
    const { client, local } = await openWorld().open()
    const closing = client.close()
    await client.close()
    expect(local.isDead).toBe(true)
    await closing
  })

  test('takes the store away for good: what was under way does not write into the next client’s', async () => {
    const world = openWorld()
    const store = new MemoryLevel<string, Uint8Array>({ keyEncoding: 'utf8', valueEncoding: 'view' })
    const options = { transport: world.transport, store, idSource: world.ids, timers: immediateTimers }
    const first = await Client.open(options)
    const volume = await pushedVolume(first, { 1: 1 })
    let goOn = (): void => undefined
    const mayGoOn = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const late = outcomeOf(
      volume.transact(async (tx) => {
        tx.write(1, page(666))
        await mayGoOn
      }),
    )
    await first.close()
    const second = await Client.open(options)
    const again = await second.openVolume(volume.volumeId)
    await write(again, { 1: 2 })
    goOn()
    expect(await late).toBe('closed CLIENT_CLOSED')
    await second.close()
    const third = await (await Client.open(options)).openVolume(volume.volumeId)
    expect(third.status().pendingCommits).toBe(1)
    expect(await headStamps(third)).toEqual([2])
  })
})

describe('a volume that somebody else created with another page size', () => {
  test('is taken over where nothing is pending, and open snapshots keep theirs', async () => {
    const world = openWorld()
    const theirs = await pushedVolume((await world.open()).client, { 1: 1 })
    const { client } = await world.open()
    const mine = await client.createVolume({ volumeId: theirs.volumeId, pageSize: parsePageSize(1024) })
    const empty = mine.snapshot()
    let runs = 0
    await mine.transact(async (tx) => {
      tx.write(9, new Uint8Array(tx.pageSize))
      if (++runs === 1) expect(await mine.pull()).toMatchObject({ isApplied: true })
    })
    expect(runs).toBe(2)
    expect(mine.pageSize).toBe(PAGE_SIZE)
    expect(empty.pageSize).toBe(1024)
    expect(await empty.read(1)).toHaveLength(1024)
    expect(await headStamps(mine)).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0])
    expect(await mine.push()).toMatchObject({ snapshot: { lsn: 2, pageCount: 9 } })
  })
})

describe('I6: attempts', () => {
  test('that are refused again and again are the same attempt while nothing else is pending', async () => {
    const world = openWorld()
    const { ours, mine } = await two(world)
    await write(mine, { 1: 11 })
    world.before = async (method) => {
      if (method === 'Commit') throw new RemoteError('denied', 'DENIED', 'no')
    }
    const seen = new Set<unknown>()
    for (let i = 0; i < 5; i++) {
      expect(await outcomeOf(mine.push())).toBe('denied DENIED')
      seen.add(mine.status().attempt?.commitId)
    }
    expect(seen.size).toBe(1)
    await write(mine, { 2: 22 })
    expect(await outcomeOf(mine.push())).toBe('denied DENIED')
    seen.add(mine.status().attempt?.commitId)
    expect(seen.size).toBe(2)
    world.before = async () => undefined
    await ours.client.close()
    const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
    expect(await again.push()).toMatchObject({ type: 'pushed', transactions: 2 })
  })

  test('hold no more pages than a commit may have', async () => {
    const world = openWorld({ meta: { pagesMax: 10 } })
    const { mine, other } = await two(world)
    for (let i = 0; i < 5; i++) {
      await mine.transact((tx) => {
        for (let n = 1; n <= 4; n++) tx.write(10 * i + n, page(10 * i + n))
      })
    }
    expect(await mine.push()).toMatchObject({ type: 'pushed', transactions: 5, snapshot: { lsn: 4 } })
    await other.pull()
    expect(stampOf(await other.snapshot().read(44))).toBe(44)
  })
})

describe('what is known of the remote log', () => {
  test('never gets older because an answer was late, and is what a reset goes on from', async () => {
    const world = openWorld()
    const { mine, other } = await two(world)
    await write(mine, { 1: 100 })
    await write(other, { 1: 11 })
    await other.push()
    let goOn = (): void => undefined
    const mayGoOn = new Promise<void>((resolve) => {
      goOn = resolve
    })
    let isFirst = true
    world.after = async (method) => {
      if (method !== 'Pull' || !isFirst) return
      isFirst = false
      await mayGoOn
    }
    const late = mine.pull()
    await ticks(20)
    await write(other, { 2: 22 })
    await other.push()
    await mine.pull()
    goOn()
    await late
    expect(mine.status().remote?.lsn).toBe(3)
    await mine.reset()
    expect(await headStamps(mine)).toEqual([11, 22, 3, 4])
  })

  test('since a divergence counts for a reset', async () => {
    const world = openWorld()
    const { ours, mine, other } = await two(world)
    await write(mine, { 1: 100 })
    await write(other, { 1: 11 })
    await other.push()
    await ours.client.close()
    const again = await (await ours.reopen()).client.openVolume(mine.volumeId)
    expect(await outcomeOf(again.push())).toBe('conflict PUSH_DIVERGED')
    await write(other, { 2: 22 })
    await other.push()
    await again.pull()
    await again.reset()
    expect(again.status()).toMatchObject({ sync: 'synced', base: { lsn: 3 } })
    expect(await headStamps(again)).toEqual([11, 22, 3, 4])
  })
})

describe('calls', () => {
  test('that ask for limits are repeated like all others', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    const { client } = await world.open()
    const copy = await client.openVolume(mine.volumeId)
    let losses = 1
    world.fault = (method) => (method === 'Describe' && losses-- > 0 ? 'lost-reply' : undefined)
    await copy.snapshot().readMany([1, 2, 3])
    expect(losses).toBeLessThan(1)
    const writer = await (await world.open()).client.openVolume(mine.volumeId)
    await writer.transact((tx) => {
      for (let i = 1; i <= 100; i++) tx.write(i, page(i))
    })
    let calls = 0
    world.fault = (method) => (method === 'Describe' && ++calls % 2 === 1 ? 'lost-reply' : undefined)
    expect(await writer.push()).toMatchObject({ type: 'pushed' })
    expect(calls).toBe(4)
  })

  test('with options that are not supported throw', async () => {
    const { client } = await openWorld().open()
    const volume = await pushedVolume(client, { 1: 1 })
    const run = (options: object) => outcomeOf(volume.transact((tx) => tx.write(1, page(2)), options))
    expect(await run({ durability: 'eventually' })).toBe('unsupported CLIENT_OPTIONS')
    expect(await run({ isolation: 'none' })).toBe('unsupported CLIENT_OPTIONS')
    expect(volume.status().pendingCommits).toBe(0)
  })

  test('that open the same volume end on their own: one that is stopped does not stop the others', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    const { client } = await world.open()
    let goOn = (): void => undefined
    const mayGoOn = new Promise<void>((resolve) => {
      goOn = resolve
    })
    world.before = async (method) => {
      if (method === 'Pull') await mayGoOn
    }
    const stop = new AbortController()
    const stopped = outcomeOf(client.openVolume(mine.volumeId, { signal: stop.signal }))
    const other = outcomeOf(client.openVolume(mine.volumeId))
    stop.abort()
    expect(await stopped).toBe('aborted ABORTED')
    goOn()
    expect(await other).toBe('ok')
  })

  test('that are stopped by their caller say so, whatever they were doing', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    await write(mine, { 1: 2 })
    world.hang = (method) => method === 'Commit' || method === 'Pull'
    for (const call of [(signal: AbortSignal) => mine.push({ signal }), (signal: AbortSignal) => mine.pull({ signal })]) {
      const stop = new AbortController()
      const outcome = outcomeOf(call(stop.signal))
      await ticks(10)
      stop.abort()
      expect(await outcome).toBe('aborted ABORTED')
    }
  })
})

describe('hydrating', () => {
  test('fetches again what could not be kept', async () => {
    const world = openWorld()
    const { mine } = await two(world)
    const reader = await world.open()
    const copy = await reader.client.openVolume(mine.volumeId)
    const snapshot = copy.snapshot()
    reader.local.before = async (call) => {
      if (call === 'batch') throw new Error('the disk is full')
    }
    expect(stampOf(await snapshot.read(3))).toBe(3)
    await copy.idle()
    expect(copy.status().lastError).toMatchObject({ operation: 'read', code: 'LOCAL_STORE_FAILED' })
    reader.local.before = async () => undefined
    await snapshot.hydrate()
    await reader.client.close()
    const again = await (await reader.reopen()).client.openVolume(mine.volumeId)
    world.calls.length = 0
    expect(await headStamps(again)).toEqual([1, 2, 3, 4])
    expect(world.calls).toEqual([])
  })
})

describe('snapshots', () => {
  test('that are closed while they read say so', async () => {
    const world = openWorld()
    const { ours, mine } = await two(world, { memoryCacheBytesMax: 1 })
    await write(mine, { 2: 22 })
    const snapshots = [mine.snapshot(), mine.snapshot()]
    await mine.reset()
    let goOn = (): void => undefined
    const mayGoOn = new Promise<void>((resolve) => {
      goOn = resolve
    })
    ours.local.before = async (call) => {
      if (call === 'getMany') await mayGoOn
    }
    const reads = [outcomeOf(snapshots[0]?.readMany([2]) as never), outcomeOf(snapshots[1]?.read(2) as never)]
    for (const snapshot of snapshots) snapshot.close()
    await mine.idle()
    goOn()
    expect(await Promise.all(reads)).toEqual(['closed SNAPSHOT_CLOSED', 'closed SNAPSHOT_CLOSED'])
  })

  test('whose prefetcher cannot be made leave nothing behind', async () => {
    const world = openWorld()
    let isBroken = false
    const { client, local } = await world.open({
      prefetcher: () => {
        if (isBroken) throw new Error('no prefetcher')
        return { onMiss: () => [], onHit: () => undefined }
      },
    })
    const volume = await pushedVolume(client, { 1: 1 })
    const before = await local.keyCount()
    isBroken = true
    expect(() => volume.snapshot()).toThrow('no prefetcher')
    isBroken = false
    await write(volume, { 1: 2 })
    await volume.push()
    expect(await local.keyCount()).toBe(before)
  })
})
