import { Client } from '@graft-ts/client'
import { openDiskFrameCache } from '@graft-ts/pagestore/node'
import { allowEverybody, httpTransport } from '@graft-ts/protocol'
import { metered, type ObjectStore } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import type { VolumeId } from '@graft-ts/volume'
import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { type GraftServer, type ServerOptions, startServer } from '../src/index.ts'
import { temporaryFolder } from './temporary.ts'

const PAGES = 200
const FRAMES = Math.ceil(PAGES / 64)

function start(store: ObjectStore, pagestore: ServerOptions['pagestore']): Promise<GraftServer> {
  return startServer({
    stores: { segments: store, commits: store },
    port: 0,
    authorize: allowEverybody,
    ...(pagestore !== undefined && { pagestore }),
  })
}

/** Runs with a client that knows nothing yet. */
async function withClient<T>({ url }: GraftServer, run: (client: Client) => Promise<T>): Promise<T> {
  const local = new MemoryLevel<string, Uint8Array>({ keyEncoding: 'utf8', valueEncoding: 'view' })
  const client = await Client.open({ transport: httpTransport({ baseUrl: url }), store: local, attemptsMax: 1 })
  try {
    return await run(client)
  } finally {
    await client.close()
  }
}

async function writeVolume(client: Client): Promise<VolumeId> {
  const volume = await client.createVolume()
  await volume.transact((tx) => {
    for (let i = 1; i <= PAGES; i++) tx.write(i, new Uint8Array(tx.pageSize).fill(i))
  })
  await volume.push()
  return volume.volumeId
}

/** The first byte of each page. */
async function readVolume(client: Client, volumeId: VolumeId): Promise<number[]> {
  const snapshot = (await client.openVolume(volumeId)).snapshot()
  const bytes: number[] = []
  for (let i = 1; i <= PAGES; i++) bytes.push((await snapshot.read(i))[0] as number)
  snapshot.close()
  return bytes
}

test('a frame cache outlives the process: what it holds is not read from the object store again', async () => {
  const [store, directory] = [metered(new MemoryStore()), await temporaryFolder()]
  const open = () => openDiskFrameCache({ directory, bytesMax: 64 * 2 ** 20 })
  let frameCache = await open()
  const first = await start(store, { frameCache })
  const volumeId = await withClient(first, writeVolume)
  await withClient(first, (client) => readVolume(client, volumeId))
  await first.close()
  await frameCache.close()

  frameCache = await open()
  const second = await start(store, { frameCache })
  const bytes = await withClient(second, (client) => readVolume(client, volumeId))
  expect(bytes).toEqual(Array.from({ length: PAGES }, (_, i) => i + 1))
  expect(second.metrics().pages).toMatchObject({ gets: 0, frameCacheRejected: 0, frameCacheHits: FRAMES })
  await second.close()
  await frameCache.close()
})

test('the page store is told how to hedge', async () => {
  const store = new MemoryStore()
  await expect(start(store, { hedge: { budget: -1 } })).rejects.toMatchObject({ code: 'PAGESTORE_OPTIONS' })
})
