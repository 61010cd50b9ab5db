import { describe, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { expectExactUsage, headStamps, openWorld, outcomeOf, PAGE_SIZE, pushedVolume, write } from '../harness.ts'

describe('forgetting a volume', () => {
  test('drops everything of it and nothing of others; the remote log stays', async () => {
    const world = openWorld()
    const ours = await world.open()
    const volume = await pushedVolume(ours.client, { 1: 1, 2: 2 })
    const other = await pushedVolume(ours.client, { 1: 11 })
    const before = await ours.local.keyCount()
    await ours.client.forget(volume.volumeId)
    expect(await ours.client.volumes()).toEqual([other.volumeId])
    expect((await ours.local.keyList()).filter((key) => key.includes(volume.volumeId))).toEqual([])
    expect(await ours.local.keyCount()).toBeLessThan(before)
    expect(await headStamps(other)).toEqual([11])
    const again = await ours.client.openVolume(volume.volumeId)
    expect(again).not.toBe(volume)
    expect(await headStamps(again)).toEqual([1, 2])
    await ours.client.forget(volume.volumeId)
    await ours.client.close()
    await expectExactUsage(ours.local, ours.client)
  })

  test('is refused while local commits are pending, unless they are to go too', async () => {
    const world = openWorld()
    const { client, local } = await world.open()
    const volume = await pushedVolume(client, { 1: 1 })
    await write(volume, { 1: 2 })
    expect(await outcomeOf(client.forget(volume.volumeId))).toBe('conflict VOLUME_PENDING')
    expect(await outcomeOf(client.forget(volume.volumeId, { discardPending: false }))).toBe('conflict VOLUME_PENDING')
    expect(await headStamps(volume)).toEqual([2])
    await client.forget(volume.volumeId, { discardPending: true })
    expect((await local.keyList()).filter((key) => key !== 'info')).toEqual([])
    expect(await headStamps(await client.openVolume(volume.volumeId))).toEqual([1])
  })

  test('also where nobody has opened it, and does nothing where it is not known', async () => {
    const world = openWorld()
    const first = await world.open()
    const volume = await pushedVolume(first.client, { 1: 1 })
    await write(volume, { 1: 2 })
    await first.client.close()
    const second = await first.reopen()
    expect(await outcomeOf(second.client.forget(volume.volumeId))).toBe('conflict VOLUME_PENDING')
    await second.client.forget(volume.volumeId, { discardPending: true })
    world.calls.length = 0
    await second.client.forget(volume.volumeId)
    expect(world.calls).toEqual([])
    expect(await second.client.volumes()).toEqual([])
    expect(second.client.status().localBytes).toEqual({ cached: 0, kept: 0 })
  })

  test('ends what uses it, whatever that is doing', async () => {
    const world = openWorld()
    const { client } = await world.open({ memoryCacheBytesMax: 1 })
    const volume = await pushedVolume(client, { 1: 1, 2: 2 })
    await pushedVolume((await world.open()).client, { 1: 1 })
    const snapshot = volume.snapshot()
    let leave = (): void => undefined
    const inside = volume.transact(async (tx) => {
      await new Promise<void>((resolve) => (leave = resolve))
      tx.write(1, new Uint8Array(PAGE_SIZE).fill(7))
    })
    world.hang = (method) => method === 'Pull'
    const pulling = volume.pull()
    await client.forget(volume.volumeId)
    leave()
    const ended = 'closed VOLUME_FORGOTTEN'
    expect(await outcomeOf(inside)).toBe(ended)
    expect(await outcomeOf(pulling)).toBe(ended)
    expect(await outcomeOf(snapshot.read(1))).toBe(ended)
    expect(await outcomeOf(volume.push())).toBe(ended)
    expect(await outcomeOf(volume.transact(() => undefined))).toBe(ended)
    expect(() => volume.snapshot()).toThrow(expect.objectContaining({ code: 'VOLUME_FORGOTTEN' }))
    snapshot.close()
    await client.close()
  })

  test('at the same time, and opening it meanwhile, do not get into each other’s way', async () => {
    const world = openWorld()
    const { client, local } = await world.open()
    const volume = await pushedVolume(client, { 1: 1, 2: 2 })
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    local.before = turn
    const [first, second] = [client.forget(volume.volumeId), client.forget(volume.volumeId)]
    await first
    const opening = client.openVolume(volume.volumeId)
    await second
    const again = await opening
    await write(again, { 1: 9 })
    expect(await headStamps(again)).toEqual([9, 2])
    await client.close()
    await expectExactUsage(local, client)
  })

  test('a crash at any step of it leaves the volume whole, or gone at the next start', async () => {
    for (let batchesLeft = 0; ; batchesLeft++) {
      const world = openWorld()
      const ours = await world.open()
      const volume = await ours.client.createVolume({ pageSize: PAGE_SIZE })
      await volume.transact((tx) => {
        for (let i = 1; i <= 2500; i++) tx.write(i, new Uint8Array(PAGE_SIZE).fill(1))
      })
      ours.local.batchesLeft = batchesLeft
      const outcome = await outcomeOf(ours.client.forget(volume.volumeId, { discardPending: true }))
      const second = await ours.reopen()
      const known = await second.client.volumes()
      if (batchesLeft === 0) {
        expect(known).toEqual([volume.volumeId])
        expect((await second.client.openVolume(volume.volumeId)).status().pendingCommits).toBe(1)
      } else {
        expect(known).toEqual([])
        expect((await second.local.keyList()).filter((key) => key !== 'info')).toEqual([])
        expect(second.client.status().localBytes).toEqual({ cached: 0, kept: 0 })
        await second.client.createVolume({ volumeId: volume.volumeId, pageSize: PAGE_SIZE })
      }
      if (outcome === 'ok') {
        expect(batchesLeft).toBeGreaterThanOrEqual(4)
        return
      }
    }
  })

  test('is the way out where its records are damaged', async () => {
    const world = openWorld()
    const ours = await world.open()
    const volume = await pushedVolume(ours.client, { 1: 1, 2: 2 })
    await ours.client.close()
    const again = await ours.reopen()
    const key = `v/${volume.volumeId}/info`
    await again.local.batch([{ type: 'put', key, value: Uint8Array.of(1) }], {
      keyEncoding: 'utf8',
      valueEncoding: 'view',
      sync: false,
    })
    expect(await outcomeOf(again.client.openVolume(volume.volumeId))).toBe('corrupt LOCAL_STORE_CORRUPT')
    expect(await outcomeOf(again.client.forget(volume.volumeId))).toBe('corrupt LOCAL_STORE_CORRUPT')
    await again.client.forget(volume.volumeId, { discardPending: true })
    expect(await headStamps(await again.client.openVolume(volume.volumeId))).toEqual([1, 2])
  })

  test('that the store stops half-way is gone on with before the volume is used again', async () => {
    const world = openWorld()
    const { client, local } = await world.open()
    const volume = await pushedVolume(client, { 1: 1, 2: 2 })
    let batches = 0
    local.before = async (call) => {
      if (call === 'batch' && ++batches === 2) throw new Error('the disk does not answer')
    }
    expect(await outcomeOf(client.forget(volume.volumeId))).toBe('unavailable LOCAL_STORE_FAILED')
    expect(await client.volumes()).toEqual([])
    const again = await client.createVolume({ volumeId: volume.volumeId, pageSize: PAGE_SIZE })
    expect((await local.keyList()).filter((key) => /\/[loc]\/|^f\//.test(key))).toEqual([])
    await write(again, { 1: 9 })
    await client.close()
    await expectExactUsage(local, client)
  })

  test('after the client is closed is refused', async () => {
    const world = openWorld()
    const { client } = await world.open()
    const volume = await pushedVolume(client, { 1: 1 })
    await client.close()
    expect(await outcomeOf(client.forget(volume.volumeId))).toBe('closed CLIENT_CLOSED')
    expect(client).toBeInstanceOf(Client)
  })
})
