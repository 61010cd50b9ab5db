import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { coldOpenRows } from '../client/cold-open.ts'
import { KEPT_PAGES } from '../client/kept-volumes.ts'
import { pageKeys } from '../client/local-keys.ts'
import { ENCODINGS, PAGE_BYTES, shuffledPages, World } from '../client/world.ts'

const PAGES = 40

async function newWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'graft-ts-bench-client-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return new World(folder)
}

// A side that read something else, or less, would win.
test.each(KEPT_PAGES)('both sides read the same: $name', async ({ prepare, records }) => {
  const { client, level, snapshot } = await prepare(await newWorld(), PAGES, 1)
  const keys = await pageKeys(level, snapshot.volumeId, records, PAGES)
  for (let page = 1; page <= PAGES; page++) {
    const record = level.getSync(keys[page] as string, ENCODINGS)
    expect(snapshot.readCached(page), `page ${page}`).toEqual(new Uint8Array((record as Uint8Array).slice(-PAGE_BYTES)))
  }
  await client.close()
})

test('pages that are not there fail the benchmark', async () => {
  const { client, level, snapshot } = await KEPT_PAGES[0]!.prepare(await newWorld(), PAGES, 1)
  await expect(pageKeys(level, snapshot.volumeId, 'open entries', PAGES + 1)).rejects.toThrow('40 records of 41 pages')
  await expect(pageKeys(level, snapshot.volumeId, 'ended entries', PAGES)).rejects.toThrow('0 records of 40 pages')
  await client.close()
})

test('every page has its turn', () => {
  expect([...shuffledPages(1000)].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1))
})

test('a cold open takes two trips and the bytes of one page, not those of the volume', async () => {
  const [trips, kibibytes] = await coldOpenRows({ scratch: '', progress: () => undefined })
  expect(trips).toMatchObject({ unit: 'trips', ours: 2 })
  expect(trips?.baseline).toBeGreaterThan(2)
  expect(kibibytes?.ours).toBeLessThan(8)
  expect(kibibytes?.baseline).toBeGreaterThan(40_000_000 / 1024)
}, 60_000)
