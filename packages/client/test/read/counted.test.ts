import { leap } from '@graft-ts/prefetch-leap'
import { Splinter } from '@graft-ts/splinter'
import { type Lsn, newClientId, newCommitId } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import type { PrefetcherFactory, VolumeSnapshot } from '../../src/index.ts'
import { Remote } from '../../src/remote.ts'
import { openWorld, PAGE_SIZE, page, stampOf, type World, write } from '../harness.ts'

const PAGES = 1000

async function scannedVolume(): Promise<{ world: World; open: (prefetcher: PrefetcherFactory) => Promise<VolumeSnapshot> }> {
  const world = openWorld()
  const volume = await (await world.open()).client.createVolume({ pageSize: PAGE_SIZE })
  await volume.transact((tx) => {
    for (let i = 1; i <= PAGES; i++) tx.write(i, page(i))
  })
  await volume.push()
  const open = async (prefetcher: PrefetcherFactory): Promise<VolumeSnapshot> =>
    (await (await world.open({ prefetcher })).client.openVolume(volume.volumeId)).snapshot()
  return { world, open }
}

/** All requests to the page store that a scan makes, from the first page to the last. */
async function requestsOfScan(
  world: World,
  snapshot: VolumeSnapshot,
  read: (pageIndex: number) => Promise<Uint8Array>,
): Promise<number> {
  world.calls.length = 0
  for (let i = 1; i <= snapshot.pageCount; i++) expect(stampOf(await read(i))).toBe(i)
  return world.calls.length
}

describe('a sequential scan with Leap', () => {
  test.each([
    { windowPagesMax: undefined, requestsMax: PAGES / 9 + 8 },
    { windowPagesMax: 64, requestsMax: PAGES / 50 + 12 },
  ])('with a window of $windowPagesMax pages takes at most $requestsMax requests', async ({ windowPagesMax, requestsMax }) => {
    const { world, open } = await scannedVolume()
    const prefetcher = leap(windowPagesMax === undefined ? {} : { windowPagesMax })
    const waiting = await open(prefetcher)
    expect(await requestsOfScan(world, waiting, (i) => waiting.read(i))).toBeLessThanOrEqual(requestsMax)
    // As a file system does it: without waiting where it can.
    const eager = await open(prefetcher)
    const read = async (i: number): Promise<Uint8Array> => eager.readCached(i) ?? (await eager.read(i))
    expect(await requestsOfScan(world, eager, read)).toBeLessThanOrEqual(requestsMax)
    // Read again, nothing is asked for.
    expect(await requestsOfScan(world, eager, (i) => eager.read(i))).toBe(0)
  })
})

test('I7: 10,000 commits behind, a pull is one request, and fetches no page', async () => {
  const world = openWorld()
  const volume = await (await world.open()).client.createVolume({ pageSize: PAGE_SIZE })
  await write(volume, { 1: 1 })
  await volume.push()
  const behind = await (await world.open()).client.openVolume(volume.volumeId)
  await behind.snapshot().read(1)
  // By the service itself, because a client would take its time for it.
  const remote = new Remote(world.transport, new AbortController().signal)
  const clientId = newClientId(world.ids)
  for (let i = 1; i <= 10_000; i++) {
    const own = Splinter.from([1 + (i % 50)])
    const attempt = { volumeId: volume.volumeId, baseLsn: i as Lsn, commitId: newCommitId(world.ids), clientId }
    await remote.commit(
      { ...attempt, pageSize: PAGE_SIZE, pageCount: 50, floor: undefined, own, refs: [], inline: { pages: own, data: page(i) } },
      {},
    )
  }
  world.calls.length = 0
  const { snapshot, changes } = await behind.pull()
  expect(world.calls).toEqual(['Pull'])
  expect([snapshot.lsn, changes.pages.size]).toEqual([10_001, 50])
  expect(stampOf(await behind.snapshot().read(50))).toBe(9999)
  expect(world.calls).toEqual(['Pull', 'ReadPages'])
}, 120_000)
