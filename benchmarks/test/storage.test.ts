import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bareFs } from '../storage/bare-fs.ts'
import { bareMap } from '../storage/bare-map.ts'
import { measureRivals } from '../storage/contest.ts'
import { type Side, storeSide } from '../storage/side.ts'

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'graft-ts-bench-storage-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'a'))
  return folder
}

const SIDES: Record<string, () => Promise<Side>> = {
  'a store': async () => storeSide(new MemoryStore()),
  'a Map': async () => bareMap(),
  'fs calls': async () => bareFs(await newFolder()),
}

// A side that did less than the others would win.
describe.each(Object.entries(SIDES))('%s', (_, open) => {
  test('does what it is timed for', async () => {
    const side = await open()
    await side.put(['a/1', 'a/2'], new Uint8Array(100))
    expect(await side.get(['a/1', 'a/2'])).toBe(200)
    await side.swap(['a/2'], new Uint8Array(50))
    expect(await side.get(['a/1', 'a/2'])).toBe(150)
    expect(await side.getRange(['a/1', 'a/2'], 40, 20)).toBe(30)
    await side.create(['a/3'], new Uint8Array(7))
    await expect(side.create(['a/3'], new Uint8Array(7))).rejects.toThrow(/EEXIST|exists|present/)
    expect(await side.list('a/')).toBe(3)
    expect(await side.get(['a/3'])).toBe(7)
  })
})

test('the bare fs calls leave no temporary file', async () => {
  const folder = await newFolder()
  const side = bareFs(folder)
  await side.put(['a/1'], new Uint8Array(9))
  await side.create(['a/2'], new Uint8Array(9))
  expect((await readdir(folder, { recursive: true })).sort()).toEqual(['a', 'a/1', 'a/2'])
})

test('a side that does not read what was written fails the benchmark', async () => {
  const rivals = { name: 'x', baselineName: 'y', target: 1, rounds: 1, countOf: () => 1, createdBytesMax: 0, ours: bareMap() }
  const lazy: Side = { ...bareMap(), get: async () => 0 }
  await expect(measureRivals({ ...rivals, baseline: lazy }, () => undefined)).rejects.toThrow('read 0 bytes of 256')
})
