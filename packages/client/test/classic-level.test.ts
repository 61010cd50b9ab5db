import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leap } from '@graft-ts/prefetch-leap'
import { ClassicLevel } from 'classic-level'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client } from '../src/index.ts'
import { headStamps, openWorld, outcomeOf, PAGE_SIZE, page, pushedVolume, stampOf, write } from './harness.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-ts-client-'))
})
afterEach(() => rm(folder, { recursive: true }))

const openLevel = () => new ClassicLevel<string, Uint8Array>(folder, { keyEncoding: 'utf8', valueEncoding: 'view' })

describe('on LevelDB', () => {
  test('what is pending and what was read survives closing', async () => {
    const world = openWorld()
    const volume = await pushedVolume((await world.open()).client, { 1: 1, 2: 2, 3: 3 })
    const first = await Client.open({ transport: world.transport, store: openLevel() })
    const copy = await first.openVolume(volume.volumeId)
    expect(await headStamps(copy)).toEqual([1, 2, 3])
    await write(copy, { 2: 22 })
    await copy.transact((tx) => {
      tx.setPageCount(2)
      tx.write(4, page(44))
    })
    await first.close()
    const second = await Client.open({ transport: world.transport, store: openLevel() })
    world.calls.length = 0
    const again = await second.openVolume(volume.volumeId)
    expect(await headStamps(again)).toEqual([1, 22, 0, 44])
    expect(world.calls).toEqual([])
    await again.push()
    await write(volume, { 1: 11 })
    await volume.push()
    await again.pull()
    expect(await headStamps(again)).toEqual([11, 22, 0, 44])
    await second.close()
  })

  test('one process or client at a time: the other is told', async () => {
    const world = openWorld()
    const first = await Client.open({ transport: world.transport, store: openLevel() })
    expect(await outcomeOf(Client.open({ transport: world.transport, store: openLevel() }))).toBe('conflict LOCAL_STORE_LOCKED')
    await first.close()
    await (await Client.open({ transport: world.transport, store: openLevel() })).close()
  })

  test('a scan with Leap fetches a ninth of the pages one by one, and the rest along', async () => {
    const world = openWorld()
    const { client: writer } = await world.open()
    const volume = await writer.createVolume({ pageSize: PAGE_SIZE })
    const pages = 450
    await volume.transact((tx) => {
      for (let i = 1; i <= pages; i++) tx.write(i, page(i))
    })
    await volume.push()
    const client = await Client.open({ transport: world.transport, store: openLevel(), prefetcher: leap() })
    const snapshot = (await client.openVolume(volume.volumeId)).snapshot()
    world.calls.length = 0
    for (let i = 1; i <= pages; i++) expect(stampOf(await snapshot.read(i))).toBe(i)
    expect(world.calls.length).toBeLessThanOrEqual(pages / 9 + 8)
    await client.close()
  })
})
