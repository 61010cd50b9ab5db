// Holds pages in memory, by a client or in a Map, and prints how many bytes they take. Needs --expose-gc. See memory.ts.
import { Client } from '@graft-ts/client'
import { type EmbeddedTransport, embedded } from '@graft-ts/embedded'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import type { VolumeId } from '@graft-ts/volume'
import { createNodeFrameCodec } from '@graft-ts/volume/node'
import { seeded } from '../splinter/random.ts'
import { newLevel, PAGE_BYTES, randomPage } from './world.ts'

const MUCH_MEMORY = 2 ** 31
const COMMIT_PAGES = 500
const TURNS_MAX = 20
const NOISE_BYTES = 2 ** 16

const [side, folder = '', given] = process.argv.slice(2)
const pages = Number(given)

/** On the engine's heap and outside it, when nothing more is given back: array buffers go after the objects do, and in turns. */
async function used(): Promise<number> {
  for (let bytes = Number.POSITIVE_INFINITY, turn = 0; turn < TURNS_MAX; turn++) {
    globalThis.gc?.()
    await new Promise(setImmediate)
    const { heapUsed, external } = process.memoryUsage()
    // External memory includes array buffers.
    if (bytes - heapUsed - external < NOISE_BYTES) return heapUsed + external
    bytes = heapUsed + external
  }
  throw new Error('the memory in use does not settle')
}

async function holdInMap(): Promise<number> {
  const held = new Map<number, Uint8Array>()
  const before = await used()
  for (let i = 1; i <= pages; i++) held.set(i, new Uint8Array(PAGE_BYTES).fill(i))
  const bytes = (await used()) - before
  if (held.get(pages)?.length !== PAGE_BYTES) throw new Error('a page is missing')
  return bytes
}

function openClient(transport: EmbeddedTransport, memoryCacheBytesMax: number): Promise<Client> {
  return Client.open({ transport, store: newLevel(folder), durability: 'memory', memoryCacheBytesMax })
}

/** In a function of its own, so that nothing of this client is left when the other one is measured. */
async function writePages(transport: EmbeddedTransport): Promise<VolumeId> {
  const client = await openClient(transport, 1)
  const volume = await client.createVolume()
  const page = randomPage(seeded(1))
  for (let from = 1; from <= pages; from += COMMIT_PAGES) {
    await volume.transact((tx) => {
      for (let i = from; i < from + COMMIT_PAGES; i++) tx.write(i, page)
    })
  }
  await client.close()
  return volume.volumeId
}

/** Pages that a client finds in its local store, and so keeps in memory. */
async function holdInClient(): Promise<number> {
  const transport = embedded(new MemoryStore(), { codec: createNodeFrameCodec({ format: 'raw' }) })
  const volumeId = await writePages(transport)
  const client = await openClient(transport, MUCH_MEMORY)
  const snapshot = (await client.openVolume(volumeId)).snapshot()
  // Code and tables that are made at first use do not count.
  snapshot.readCached(1)
  const before = await used()
  for (let i = 2; i <= pages; i++) snapshot.readCached(i)
  const bytes = (await used()) - before
  if (snapshot.readCached(pages)?.length !== PAGE_BYTES) throw new Error('a page is missing')
  await client.close()
  return (bytes * pages) / (pages - 1)
}

const bytes = await (side === 'map' ? holdInMap() : holdInClient())
if (bytes < pages * PAGE_BYTES) throw new Error(`less than the pages themselves take: ${bytes} bytes`)
process.stdout.write(String(bytes))
