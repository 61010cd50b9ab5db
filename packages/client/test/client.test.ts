import { parseLsn, type VolumeId } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { Client } from '../src/index.ts'
import {
  CrashableStore,
  headStamps,
  openWorld,
  outcomeOf,
  PAGE_SIZE,
  page,
  pushedVolume,
  stampOf,
  stamps,
  write,
} from './harness.ts'

describe('a volume', () => {
  test('is written by one client and read by another', async () => {
    const world = openWorld()
    const { client: writer } = await world.open()
    const { client: reader } = await world.open()
    const volume = await pushedVolume(writer, { 1: 11, 2: 12, 5: 15 })
    expect(volume.status()).toMatchObject({ sync: 'synced', pendingCommits: 0, base: { lsn: 1, pageCount: 5 } })
    const copy = await reader.openVolume(volume.volumeId)
    expect(await headStamps(copy, 7)).toEqual([11, 12, 0, 0, 15, 0, 0])
  })

  test('of many pages goes up in several requests and comes down in few', async () => {
    const world = openWorld()
    const { client: writer } = await world.open()
    const { client: reader } = await world.open()
    const volume = await writer.createVolume({ pageSize: PAGE_SIZE })
    await volume.transact((tx) => {
      for (let i = 1; i <= 3000; i++) tx.write(i, page(i))
    })
    world.calls.length = 0
    await volume.push()
    expect(world.calls.filter((name) => name === 'WritePages')).toHaveLength(3)
    expect(world.calls.filter((name) => name === 'Commit')).toHaveLength(1)
    const snapshot = (await reader.openVolume(volume.volumeId)).snapshot()
    world.calls.length = 0
    expect(await snapshot.hydrate()).toEqual({ pagesFetched: 3000, pagesMissing: 0 })
    expect(world.calls.filter((name) => name === 'ReadPages')).toHaveLength(3)
    world.calls.length = 0
    expect(await snapshot.hydrate()).toEqual({ pagesFetched: 0, pagesMissing: 0 })
    const pages = await snapshot.readMany([3000, 1, 2, 2])
    expect([...pages].map(([index, bytes]) => [index, stampOf(bytes)])).toEqual([
      [1, 1],
      [2, 2],
      [3000, 3000],
    ])
    expect(world.calls).toEqual([])
  })

  test('a small transaction is one request in all', async () => {
    const world = openWorld()
    const { client } = await world.open()
    const volume = await pushedVolume(client, { 1: 1 })
    await write(volume, { 2: 2, 3: 3 })
    world.calls.length = 0
    await volume.push()
    expect(world.calls).toEqual(['Commit'])
  })

  test('several transactions become one commit, with the latest version of each page', async () => {
    const world = openWorld()
    const { client } = await world.open()
    const volume = await pushedVolume(client, { 1: 1, 2: 2 })
    await write(volume, { 1: 10, 3: 30 })
    await write(volume, { 1: 11 })
    await volume.transact((tx) => tx.setPageCount(2))
    await write(volume, { 4: 40 })
    expect(await volume.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 2, pageCount: 4 }, transactions: 4 })
    const { client: other } = await world.open()
    expect(await headStamps(await other.openVolume(volume.volumeId))).toEqual([11, 2, 0, 40])
  })

  test('survives the client: pending commits, cached pages and all', async () => {
    const world = openWorld()
    const first = await world.open()
    const volume = await pushedVolume(first.client, { 1: 1, 2: 2 })
    await write(volume, { 2: 20, 3: 30 })
    await first.client.close()
    world.calls.length = 0
    const second = await first.reopen()
    expect(second.client.clientId).toBe(first.client.clientId)
    expect(await second.client.volumes()).toEqual([volume.volumeId])
    const again = await second.client.openVolume(volume.volumeId)
    expect(again.status()).toMatchObject({ sync: 'ahead', pendingCommits: 1, base: { lsn: 1 } })
    expect(await headStamps(again)).toEqual([1, 20, 30])
    expect(world.calls).toEqual([])
    expect(await again.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 2 } })
  })
})

describe('pull', () => {
  test('learns what changed over any distance in one request, and fetches no page', async () => {
    const world = openWorld()
    const { client: writer } = await world.open()
    const { client: reader } = await world.open()
    const volume = await pushedVolume(writer, { 1: 1, 2: 2, 3: 3, 4: 4 })
    const copy = await reader.openVolume(volume.volumeId)
    expect(await headStamps(copy)).toEqual([1, 2, 3, 4])
    for (let i = 0; i < 50; i++) {
      await write(volume, { [1 + (i % 2)]: 100 + i })
      await volume.push()
    }
    world.calls.length = 0
    const { snapshot, changes, isApplied } = await copy.pull()
    expect(world.calls).toEqual(['Pull'])
    expect({ lsn: snapshot.lsn, pages: [...changes.pages], floor: changes.floor, isApplied }).toEqual({
      lsn: 51,
      pages: [1, 2],
      floor: undefined,
      isApplied: true,
    })
    expect(await headStamps(copy)).toEqual([148, 149, 3, 4])
    // Only what changed was fetched again.
    expect(world.calls).toEqual(['Pull', 'ReadPages', 'ReadPages'])
  })

  test('while commits are pending only takes note', async () => {
    const world = openWorld()
    const { client: writer } = await world.open()
    const { client: reader } = await world.open()
    const volume = await pushedVolume(writer, { 1: 1, 2: 2 })
    const copy = await reader.openVolume(volume.volumeId)
    await write(copy, { 2: 22 })
    await write(volume, { 1: 100 })
    await volume.push()
    expect(await copy.pull()).toMatchObject({ isApplied: false, snapshot: { lsn: 2 } })
    expect(copy.status()).toMatchObject({ sync: 'ahead-and-behind', base: { lsn: 1 }, remote: { lsn: 2 } })
    expect(await headStamps(copy)).toEqual([1, 22])
  })

  test('of a volume that nobody has, or below what is demanded', async () => {
    const { client } = await openWorld().open()
    const other = await openWorld().open()
    const volume = await pushedVolume(other.client, { 1: 1 })
    expect(await outcomeOf(client.openVolume(volume.volumeId))).toBe('missing VOLUME_UNKNOWN')
    expect(await outcomeOf(volume.pull({ atLeast: parseLsn(2) }))).toBe('missing LSN_FUTURE')
    expect(volume.status().lastError).toMatchObject({ operation: 'pull', kind: 'missing', code: 'LSN_FUTURE' })
  })
})

describe('I4: an open snapshot', () => {
  test('keeps its pages through pulls, local commits, pushes and truncation', async () => {
    const world = openWorld()
    const { client: writer } = await world.open()
    const { client: reader } = await world.open()
    const volume = await pushedVolume(writer, { 1: 1, 2: 2, 3: 3 })
    const copy = await reader.openVolume(volume.volumeId)
    const before = copy.snapshot()
    // One page is here already, the others have to be fetched after everything has changed.
    expect(stampOf(await before.read(1))).toBe(1)
    await volume.transact((tx) => {
      tx.write(1, page(100))
      tx.setPageCount(2)
      tx.write(4, page(104))
    })
    await volume.push()
    await copy.pull()
    const between = copy.snapshot()
    await write(copy, { 2: 222 })
    const pending = copy.snapshot()
    await copy.push()
    await write(copy, { 2: 223, 5: 5 })
    await copy.push()
    expect(await stamps(before, 5)).toEqual([1, 2, 3, 0, 0])
    expect(await stamps(between, 5)).toEqual([100, 2, 0, 104, 0])
    expect(await stamps(pending, 5)).toEqual([100, 222, 0, 104, 0])
    expect(await headStamps(copy)).toEqual([100, 223, 0, 104, 5])
    expect(await stamps(await copy.snapshotAt(parseLsn(3)), 5)).toEqual([100, 222, 0, 104, 0])
  })

  test('takes what was kept for it alone with it when it is closed', async () => {
    const world = openWorld()
    const { client, local } = await world.open()
    const volume = await pushedVolume(client, { 1: 1, 2: 2 })
    await headStamps(volume)
    const keysBefore = await local.keyCount()
    const old = volume.snapshot()
    await write(volume, { 1: 10 })
    const pending = volume.snapshot()
    await write(volume, { 1: 11 })
    await volume.push()
    expect(await stamps(old)).toEqual([1, 2])
    expect(await stamps(pending)).toEqual([10, 2])
    expect(await local.keyCount()).toBeGreaterThan(keysBefore)
    old.close()
    pending.close()
    await volume.idle()
    expect(await local.keyCount()).toBe(keysBefore)
    expect(await outcomeOf(old.read(1))).toBe('closed SNAPSHOT_CLOSED')
  })

  test('of a past commit needs nothing but its LSN', async () => {
    const world = openWorld()
    const { client } = await world.open()
    const volume = await pushedVolume(client, { 1: 1 })
    await write(volume, { 1: 2 })
    await volume.push()
    expect(await stamps(await volume.snapshotAt(parseLsn(1)))).toEqual([1])
    expect(await outcomeOf(volume.snapshotAt(parseLsn(3)))).toBe('missing LSN_FUTURE')
    expect(await outcomeOf(volume.snapshotAt(parseLsn(0)))).toBe('invalid LSN_RANGE')
  })
})

describe('I5: truncation', () => {
  test('is not undone by growing again, in one transaction or in several, here or there', async () => {
    const world = openWorld()
    const { client } = await world.open()
    const volume = await pushedVolume(client, { 1: 1, 2: 2, 3: 3, 4: 4 })
    const copy = await (await world.open()).client.openVolume(volume.volumeId)
    expect(await headStamps(copy)).toEqual([1, 2, 3, 4])
    await volume.transact(async (tx) => {
      tx.setPageCount(1)
      tx.setPageCount(4)
      expect(stampOf(await tx.read(3))).toBe(0)
      tx.write(3, page(33))
    })
    expect(await headStamps(volume)).toEqual([1, 0, 33, 0])
    await volume.transact((tx) => tx.setPageCount(2))
    await volume.transact((tx) => tx.setPageCount(4))
    expect(await headStamps(volume)).toEqual([1, 0, 0, 0])
    await volume.push()
    expect(await headStamps(volume)).toEqual([1, 0, 0, 0])
    const { changes } = await copy.pull()
    expect({ pages: [...changes.pages], floor: changes.floor }).toEqual({ pages: [], floor: 1 })
    expect(await headStamps(copy)).toEqual([1, 0, 0, 0])
  })
})

describe('I8: absence is explicit', () => {
  test('zeros are kept like any page; a failed read is an error and leaves nothing', async () => {
    const world = openWorld()
    const { client: writer } = await world.open()
    const volume = await pushedVolume(writer, { 1: 1, 3: 3 })
    const { client } = await world.open({ attemptsMax: 2 })
    const copy = await client.openVolume(volume.volumeId)
    const snapshot = copy.snapshot()
    world.fault = (method) => (method === 'ReadPages' ? 'lost-request' : undefined)
    expect(await outcomeOf(snapshot.read(2))).toBe('unknown OUTCOME_UNKNOWN')
    expect(await outcomeOf(snapshot.read(3))).toBe('unknown OUTCOME_UNKNOWN')
    world.fault = () => undefined
    world.calls.length = 0
    expect(await stamps(snapshot)).toEqual([1, 0, 3])
    expect(await stamps(snapshot)).toEqual([1, 0, 3])
    expect(world.calls).toEqual(['ReadPages', 'ReadPages', 'ReadPages'])
  })

  test('what a caller does to bytes that it was given changes nothing here', async () => {
    const { client } = await openWorld().open()
    const volume = await pushedVolume(client, { 1: 1 })
    const snapshot = volume.snapshot()
    ;(await snapshot.read(1)).fill(9)
    ;(await snapshot.readMany([1])).get(1)?.fill(9)
    const mine = page(2)
    await volume.transact((tx) => {
      tx.write(2, mine)
      mine.fill(9)
    })
    expect(await headStamps(volume)).toEqual([1, 2])
  })
})

describe('reads', () => {
  test('of the same page at the same time are one request', async () => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, { 1: 1, 2: 2 })
    const snapshot = (await (await world.open()).client.openVolume(volume.volumeId)).snapshot()
    world.calls.length = 0
    const pages = await Promise.all([snapshot.read(1), snapshot.read(1), snapshot.readMany([1])])
    expect(world.calls).toEqual(['ReadPages'])
    expect(pages).toHaveLength(3)
  })

  test('fetch what the prefetcher asks for in the same request, and nothing else', async () => {
    const world = openWorld()
    const volume = await pushedVolume(
      (await world.open()).client,
      Object.fromEntries(Array.from({ length: 20 }, (_, i) => [i + 1, i + 1])),
    )
    const asked: string[] = []
    const { client } = await world.open({
      prefetcher: ({ lastPage, isLocal }) => ({
        onMiss: (p) => (asked.push(`miss ${p}/${lastPage}`), [p + 1, p + 2].filter((q) => !isLocal(q))),
        onHit: (p) => void asked.push(`hit ${p}`),
      }),
    })
    const snapshot = (await client.openVolume(volume.volumeId)).snapshot()
    world.calls.length = 0
    expect(stampOf(await snapshot.read(5))).toBe(5)
    // What was fetched along may still be on its way; it is waited for, and not asked for again.
    expect([stampOf(await snapshot.read(6)), stampOf(await snapshot.read(7))]).toEqual([6, 7])
    expect(world.calls).toEqual(['ReadPages'])
    expect(asked).toEqual(['miss 5/20', 'hit 6', 'hit 7'])
    expect(stampOf(await snapshot.read(8))).toBe(8)
    expect(world.calls).toEqual(['ReadPages', 'ReadPages'])
  })

  test('a page that arrives while it is being looked up is not asked for again', async () => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, { 1: 1, 2: 2 })
    const { client, local } = await world.open()
    const snapshot = (await client.openVolume(volume.volumeId)).snapshot()
    world.calls.length = 0
    let other: Promise<unknown> | undefined
    // The look-up of page 2 has its answer late: another read has fetched the page by then.
    local.before = async (call) => {
      if (call !== 'getMany' || other !== undefined) return
      other = snapshot.readMany([1, 2])
      await other
    }
    expect(stampOf(await snapshot.read(2))).toBe(2)
    expect(world.calls.filter((name) => name === 'ReadPages')).toHaveLength(1)
  })

  test('wrong pages and wrong bytes are refused', async () => {
    const { client } = await openWorld().open()
    const volume = await pushedVolume(client, { 1: 1 })
    const snapshot = volume.snapshot()
    expect(await outcomeOf(snapshot.read(0))).toBe('invalid PAGE_INDEX')
    expect(await outcomeOf(snapshot.read(1.5))).toBe('invalid PAGE_INDEX')
    expect(await outcomeOf(snapshot.read(2 ** 32))).toBe('invalid PAGE_INDEX')
    expect(await outcomeOf(volume.transact((tx) => tx.write(1, new Uint8Array(511))))).toBe('invalid PAGE_LENGTH')
    expect(await outcomeOf(volume.transact((tx) => tx.write(0, page(1))))).toBe('invalid PAGE_INDEX')
    expect(await outcomeOf(volume.transact((tx) => tx.setPageCount(-1)))).toBe('invalid PAGE_COUNT')
    expect(await outcomeOf(client.openVolume('nonsense' as VolumeId))).toBe('invalid ID_INVALID')
    expect(volume.status()).toMatchObject({ sync: 'synced', pendingCommits: 0 })
  })
})

describe('transactions', () => {
  test('read their own writes, and leave nothing when they fail', async () => {
    const { client } = await openWorld().open()
    const volume = await pushedVolume(client, { 1: 1 })
    const failing = volume.transact(async (tx) => {
      tx.write(1, page(9))
      expect(stampOf(await tx.read(1))).toBe(9)
      expect(tx.pageCount).toBe(1)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await headStamps(volume)).toEqual([1])
    expect(volume.status().pendingCommits).toBe(0)
  })

  test('that only read commit nothing', async () => {
    const { client } = await openWorld().open()
    const volume = await pushedVolume(client, { 1: 1 })
    expect(await volume.transact(async (tx) => stampOf(await tx.read(1)))).toMatchObject({ value: 1, sequence: undefined })
    expect(await volume.push()).toMatchObject({ type: 'nothing' })
  })

  test('that overlap with a faster one run again', async () => {
    const { client } = await openWorld().open()
    const volume = await pushedVolume(client, { 1: 0 })
    const increment = () =>
      volume.transact(async (tx) => {
        const bytes = await tx.read(1)
        tx.write(1, page(stampOf(bytes) + 1))
      })
    await Promise.all(Array.from({ length: 8 }, increment))
    expect(await headStamps(volume)).toEqual([8])
  })

  test('an ended transaction can do nothing any more', async () => {
    const { client } = await openWorld().open()
    const volume = await pushedVolume(client, { 1: 1 })
    const leaked = (await volume.transact((tx) => tx)).value
    expect(() => leaked.write(1, page(2))).toThrow(expect.objectContaining({ code: 'TRANSACTION_ENDED' }))
  })

  test('beyond the limit are refused', async () => {
    const { client } = await openWorld().open({ transactionBytesMax: 2 * 512 })
    const volume = await client.createVolume({ pageSize: PAGE_SIZE })
    await write(volume, { 1: 1, 2: 2 })
    expect(await outcomeOf(write(volume, { 1: 1, 2: 2, 3: 3 }))).toBe('exhausted TRANSACTION_TOO_LARGE')
  })

  test('with durability remote are in the log when they end', async () => {
    const { client } = await openWorld().open({ durability: 'remote' })
    const volume = await client.createVolume({ pageSize: PAGE_SIZE })
    await write(volume, { 1: 1 })
    expect(volume.status()).toMatchObject({ sync: 'synced', base: { lsn: 1 } })
  })
})

describe('the local store', () => {
  test('has one owner', async () => {
    const world = openWorld()
    const { client, local } = await world.open()
    expect(await outcomeOf(Client.open({ transport: world.transport, store: local }))).toBe('conflict LOCAL_STORE_LOCKED')
    await client.close()
  })

  test('that fails makes the call fail, and loses nothing', async () => {
    const world = openWorld()
    const first = await world.open()
    const volume = await pushedVolume(first.client, { 1: 1 })
    await write(volume, { 1: 2 })
    first.local.batchesLeft = 0
    expect(await outcomeOf(write(volume, { 1: 3 }))).toBe('unavailable LOCAL_STORE_FAILED')
    const again = await (await first.reopen()).client.openVolume(volume.volumeId)
    expect(await headStamps(again)).toEqual([2])
  })

  test('of a newer format is refused', async () => {
    const world = openWorld()
    const local = new CrashableStore()
    await local.open()
    // StoreInfo with format_version 2.
    await local.batch([{ type: 'put', key: 'info', value: Uint8Array.of(8, 2) }], {
      keyEncoding: 'utf8',
      valueEncoding: 'view',
      sync: false,
    })
    expect(await outcomeOf(Client.open({ transport: world.transport, store: local }))).toBe('unsupported LOCAL_STORE_VERSION')
  })

  test('options that are not supported throw', async () => {
    const world = openWorld()
    const open = (options: object) =>
      outcomeOf(Client.open({ transport: world.transport, store: new CrashableStore(), ...options }))
    expect(await open({ durability: 'eventually' })).toBe('unsupported CLIENT_OPTIONS')
    expect(await open({ isolation: 'none' })).toBe('unsupported CLIENT_OPTIONS')
    expect(await open({ memoryCacheBytesMax: 0 })).toBe('unsupported CLIENT_OPTIONS')
  })

  test('a closed client refuses everything', async () => {
    const { client } = await openWorld().open()
    const volume = await pushedVolume(client, { 1: 1 })
    const snapshot = volume.snapshot()
    await client.close()
    expect(await outcomeOf(volume.pull())).toBe('closed CLIENT_CLOSED')
    expect(await outcomeOf(snapshot.read(1))).toBe('closed CLIENT_CLOSED')
    expect(await outcomeOf(write(volume, { 1: 1 }))).toBe('closed CLIENT_CLOSED')
    expect(await outcomeOf(client.createVolume())).toBe('closed CLIENT_CLOSED')
  })
})
