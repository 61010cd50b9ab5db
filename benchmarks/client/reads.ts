// Reads of pages that are here: from the local store and from memory.
import type { VolumeSnapshot } from '@graft-ts/client'
import { timeSideBySide } from '../harness/side-by-side.ts'
import type { BenchmarkContext, Measurement } from '../harness/subject.ts'
import type { KeptPages } from './kept-volumes.ts'
import { pageKeys } from './local-keys.ts'
import { ENCODINGS, type Level, PAGE_BYTES, shuffledPages, World } from './world.ts'

const PAGES = 8000
const ROUNDS = 40
// Each round goes on where the last one stopped, so that a page is long gone from memory when its turn comes again.
const STORE_READS = 2000
const WAITING_READS = 400
const MEMORY_READS = 200_000
const LITTLE_MEMORY = 2 ** 20
const MUCH_MEMORY = 2 ** 27
const STORE_TARGET = 0.5
const MEMORY_TARGET = 0.2

/** Reads of pages that came into the local store in one way. */
export async function readRows({ scratch, progress }: BenchmarkContext, kept: KeptPages): Promise<Measurement[]> {
  progress(`reads, ${kept.name}`)
  return [...(await storeRows(new World(scratch), kept)), await memoryRow(new World(scratch), kept)]
}

async function storeRows(world: World, { name, records, prepare }: KeptPages): Promise<Measurement[]> {
  const { client, level, snapshot } = await prepare(world, PAGES, LITTLE_MEMORY)
  const keys = await pageKeys(level, snapshot.volumeId, records, PAGES)
  checkSides(snapshot, level, keys)
  const pages = shuffledPages(PAGES)
  const slice = (round: number, count: number): Uint32Array => {
    const from = (round * count) % PAGES
    return pages.subarray(from, from + count)
  }
  const sync = await timeSideBySide({
    rounds: ROUNDS,
    ours: async (round) => expectBytes(readCachedAll(snapshot, slice(round, STORE_READS)), STORE_READS),
    baseline: async (round) => void getSyncAll(level, keys, slice(round, STORE_READS)),
  })
  const waiting = await timeSideBySide({
    rounds: ROUNDS,
    ours: async (round) => {
      for (const page of slice(round, WAITING_READS)) await snapshot.read(page)
    },
    baseline: async (round) => {
      for (const page of slice(round, WAITING_READS)) await level.get(keys[page] as string, ENCODINGS)
    },
  })
  await client.close()
  return [
    {
      ...{ case: `readCached from the store, ${name}`, unit: 'µs', better: 'less', target: STORE_TARGET },
      ...{ ours: (1000 * sync.ours) / STORE_READS, baseline: (1000 * sync.baseline) / STORE_READS },
      baselineName: 'getSync of the same records',
    },
    {
      ...{ case: `read from the store, ${name}`, unit: 'µs', better: 'less', target: STORE_TARGET },
      ...{ ours: (1000 * waiting.ours) / WAITING_READS, baseline: (1000 * waiting.baseline) / WAITING_READS },
      baselineName: 'get of the same records',
    },
  ]
}

async function memoryRow(world: World, { name, prepare }: KeptPages): Promise<Measurement> {
  const { client, snapshot } = await prepare(world, PAGES, MUCH_MEMORY)
  const bare = new Map<number, Uint8Array>()
  for (let page = 1; page <= PAGES; page++) bare.set(page, await snapshot.read(page))
  const round = shuffledPages(PAGES)
  const pages = Uint32Array.from({ length: MEMORY_READS }, (_, i) => round[i % PAGES] as number)
  const times = await timeSideBySide({
    rounds: ROUNDS,
    ours: async () => expectBytes(readCachedAll(snapshot, pages), MEMORY_READS),
    baseline: async () => expectBytes(lookUpAll(bare, pages), MEMORY_READS),
  })
  await client.close()
  return {
    ...{ case: `readCached from memory, ${name}`, unit: 'ns', better: 'less', target: MEMORY_TARGET },
    ...{ ours: (1e6 * times.ours) / MEMORY_READS, baseline: (1e6 * times.baseline) / MEMORY_READS },
    baselineName: 'Map look-up of the same pages',
  }
}

function readCachedAll(snapshot: VolumeSnapshot, pages: Uint32Array): number {
  let bytes = 0
  for (let i = 0; i < pages.length; i++) {
    const page = snapshot.readCached(pages[i] as number)
    if (page === undefined) throw new Error(`a page is not here: ${pages[i]}`)
    bytes += page.length
  }
  return bytes
}

function getSyncAll(level: Level, keys: readonly string[], pages: Uint32Array): number {
  let bytes = 0
  for (let i = 0; i < pages.length; i++) bytes += level.getSync(keys[pages[i] as number] as string, ENCODINGS)?.length ?? 0
  return bytes
}

function lookUpAll(pages: ReadonlyMap<number, Uint8Array>, wanted: Uint32Array): number {
  let bytes = 0
  for (let i = 0; i < wanted.length; i++) bytes += pages.get(wanted[i] as number)?.length ?? 0
  return bytes
}

/** A side that gives something else would be no rival. */
function checkSides(snapshot: VolumeSnapshot, level: Level, keys: readonly string[]): void {
  for (let page = 1; page <= PAGES; page++) {
    const ours = snapshot.readCached(page)
    const record = level.getSync(keys[page] as string, ENCODINGS)
    const isSame = ours !== undefined && record !== undefined && Buffer.compare(ours, record.subarray(-PAGE_BYTES)) === 0
    if (!isSame) throw new Error(`the sides read different pages, page=${page}`)
  }
}

function expectBytes(bytes: number, pages: number): void {
  if (bytes !== pages * PAGE_BYTES) throw new Error(`read ${bytes} bytes of ${pages} pages`)
}
