// Holds pages in memory, by a client or in a Map, and prints how many bytes they take. Needs --expose-gc. See memory.ts.
import { Client } from '@graft-ts/client'
import { embedded } from '@graft-ts/embedded'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { createNodeFrameCodec } from '@graft-ts/volume/node'
import { seeded } from '../splinter/random.ts'
import { newLevel, PAGE_BYTES, randomPage } from './world.ts'

const MUCH_MEMORY = 2 ** 31
const COMMIT_PAGES = 500

const [side, folder = '', given] = process.argv.slice(2)
const pages = Number(given)

function used(): number {
  // Twice: the memory of array buffers is given back after the objects are.
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  // External memory includes array buffers.
  return heapUsed + external
}

async function holdInMap(): Promise<number> {
  const held = new Map<number, Uint8Array>()
  const before = used()
  for (let i = 1; i <= pages; i++) held.set(i, new Uint8Array(PAGE_BYTES).fill(i))
  const bytes = used() - before
  if (held.get(pages)?.length !== PAGE_BYTES) throw new Error('a page is missing')
  return bytes
}

/** Pages that a client finds in its local store, and so keeps in memory. */
async function holdInClient(): Promise<number> {
  const transport = embedded(new MemoryStore(), { codec: createNodeFrameCodec({ format: 'raw' }) })
  const open = (): Promise<Client> =>
    Client.open({ transport, store: newLevel(folder), durability: 'memory', memoryCacheBytesMax: MUCH_MEMORY })
  let client = await open()
  const { volumeId } = await client.createVolume()
  const random = seeded(1)
  const page = randomPage(random)
  const written = await client.openVolume(volumeId)
  for (let from = 1; from <= pages; from += COMMIT_PAGES) {
    await written.transact((tx) => {
      for (let i = from; i < from + COMMIT_PAGES; i++) tx.write(i, page)
    })
  }
  await client.close()
  client = await open()
  const snapshot = (await client.openVolume(volumeId)).snapshot()
  // Code and tables that are made at first use do not count.
  snapshot.readCached(1)
  const before = used()
  for (let i = 2; i <= pages; i++) snapshot.readCached(i)
  const bytes = used() - before
  await client.close()
  return (bytes * pages) / (pages - 1)
}

process.stdout.write(String(await (side === 'map' ? holdInMap() : holdInClient())))
