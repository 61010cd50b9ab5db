// The client library against a server, with a local store in memory. Runs wherever there is `fetch`.
import { Client } from '@graft-ts/client'
import { embedded } from '@graft-ts/embedded'
import { leap } from '@graft-ts/prefetch-leap'
import { httpTransport } from '@graft-ts/protocol'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { parsePageSize } from '@graft-ts/volume'
import { MemoryLevel } from 'memory-level'
import { equal, refusalOf } from '../checks.mjs'
import { tokenOf } from '../settings.mjs'
import { noise } from './wire.mjs'

const PAGE_SIZE = parsePageSize(4096)
// More than a commit takes inline.
const LARGE_PAGES = 60
// Nothing listens there.
const NOBODY = 'http://127.0.0.1:1'

/** Registers the tests. `server` is `{ baseUrl, caller }`. */
export function testClient(server, { describe, test }) {
  describe('client', () => {
    describe('with a server', () => sharingTests(() => openOver(httpOf(server)), test))
    describe('without one', () => lonelyTests(server, test))
  })
}

function sharingTests(open, test) {
  test('commits locally, pushes inline and through the page store, and another client pulls and reads', async () => {
    const [writer, reader] = [await open(), await open()]
    const volume = await writer.createVolume({ pageSize: PAGE_SIZE })
    await put(volume, [[1, page(1)]])
    equal((await volume.push()).snapshot.lsn, 1)
    const copy = await reader.openVolume(volume.volumeId)
    const before = copy.snapshot()
    await put(volume, many())
    equal((await volume.push()).snapshot.lsn, 2)
    const { changes } = await copy.pull()
    equal([changes.pages.size, copy.status().sync], [LARGE_PAGES, 'synced'])
    const after = copy.snapshot()
    for (const [index, bytes] of many()) equal(await after.read(index), bytes, `page ${index}`)
    equal([await before.read(1), (await before.read(2))[0]], [page(1), 0], 'I4: pages of the older snapshot')
    for (const closing of [before, after, writer, reader]) await closing.close()
  })

  test('pushes of different pages are brought together, and what stands on old reads runs again', async () => {
    const [first, second] = [await open(), await open()]
    const volume = await first.createVolume({ pageSize: PAGE_SIZE })
    await put(volume, [[1, page(1)]])
    await volume.push()
    const other = await second.openVolume(volume.volumeId)
    await put(volume, [[2, page(2)]])
    await put(other, [[3, page(3)]])
    await volume.push()
    const merged = await other.push()
    equal([merged.snapshot.lsn, merged.conflicts, merged.replayed], [3, 1, 0])
    await volume.pull()
    await increment(volume)
    await increment(other)
    await volume.push()
    const replayed = await other.push()
    equal([replayed.snapshot.lsn, replayed.replayed], [5, 1])
    await volume.pull()
    const snapshot = volume.snapshot()
    equal([(await snapshot.read(1))[0], (await snapshot.read(3))[0]], [3, 3])
    for (const closing of [snapshot, first, second]) await closing.close()
  })
}

function lonelyTests(server, test) {
  test('I12: with no server, work goes on locally and says what it needs', async () => {
    const client = await openOver(httpOf({ ...server, baseUrl: NOBODY }))
    const volume = await client.createVolume({ pageSize: PAGE_SIZE })
    await put(volume, [[1, page(1)]])
    equal((await refusalOf(volume.push())).split(' ')[0], 'unavailable')
    const snapshot = volume.snapshot()
    equal([snapshot.pendingCommits, (await snapshot.read(1))[0]], [1, 1])
    snapshot.close()
    await client.close()
  })

  test('with both stores embedded it needs no server', async () => {
    const transport = embedded(new MemoryStore())
    const [writer, reader] = [await openOver(transport), await openOver(transport)]
    const volume = await writer.createVolume({ pageSize: PAGE_SIZE })
    await put(volume, many())
    await volume.push()
    const snapshot = (await reader.openVolume(volume.volumeId)).snapshot()
    for (const [index, bytes] of many()) equal(await snapshot.read(index), bytes, `page ${index}`)
    for (const closing of [snapshot, writer, reader, transport]) await closing.close()
  })
}

function openOver(transport) {
  const store = new MemoryLevel({ keyEncoding: 'utf8', valueEncoding: 'view' })
  return Client.open({ transport, store, prefetcher: leap(), attemptsMax: 1 })
}

const httpOf = ({ baseUrl, caller }) => httpTransport({ baseUrl, token: tokenOf(caller) })

const page = (fill) => new Uint8Array(PAGE_SIZE).fill(fill)

function many() {
  const indexes = Array.from({ length: LARGE_PAGES }, (_, i) => i + 1)
  return new Map(indexes.map((index) => [index, index % 2 === 0 ? page(index) : noise(PAGE_SIZE, index)]))
}

function put(volume, pages) {
  return volume.transact(async (tx) => {
    for (const [index, bytes] of pages) tx.write(index, bytes)
  })
}

function increment(volume) {
  return volume.transact(async (tx) => {
    const bytes = await tx.read(1)
    bytes[0] += 1
    tx.write(1, bytes)
  })
}
