import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { DemoDatabase, integrityCheck, PAGE_SIZE } from '../demo/database.ts'
import { bytesText, claim, DemoError, Report } from '../demo/report.ts'
import { Scene } from '../demo/scene.ts'
import { countingFetch, trafficBetween } from '../demo/traffic.ts'

const folders: string[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
})

describe('what the demonstrations claim', () => {
  test('ends the run unless it holds', () => {
    claim(true, 'yes')
    expect(() => claim(false, 'one plus one is three')).toThrow(DemoError)
  })

  test('is shown with its numbers', () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    const report = new Report()
    const traffic = { requests: 3, bytesUp: 5000, bytesDown: 7, byMethod: { Pull: 2, Commit: 1 } }
    report.add({ step: '1', what: 'something', traffic, milliseconds: 12.6, note: 'it holds' })
    report.print()
    const shown = write.mock.calls.map(([text]) => String(text)).join('')
    for (const part of ['something', '3 (2 Pull, 1 Commit)', '4.9 KiB', '7 B', '13', 'it holds']) expect(shown).toContain(part)
    expect(bytesText(3 * 2 ** 20)).toBe('3.0 MiB')
  })
})

test('requests and bytes are counted as they cross the wire, up to the last one', async () => {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end(Buffer.alloc(request.url === '/s/Read' ? 300_000 : 10)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { fetch: counted, traffic, settled } = countingFetch()
  const before = traffic()
  await (await counted(`${url}/s/Write`, { method: 'POST', body: new Uint8Array(100) })).text()
  // Nobody reads this answer to its end here.
  const reader = (await counted(`${url}/s/Read`, { method: 'POST' })).body?.getReader()
  await reader?.read()
  await reader?.cancel()
  await settled()
  const passed = trafficBetween(before, traffic())
  expect(passed).toMatchObject({ requests: 2, bytesUp: 100, byMethod: { Write: 1, Read: 1 } })
  expect(passed.bytesDown).toBeGreaterThan(10)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

test('a database tells exactly the pages that an UPDATE changed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'graft-ts-test-'))
  folders.push(folder)
  const path = join(folder, 'x.db')
  const made = new DatabaseSync(path)
  made.exec(`
    PRAGMA page_size = ${PAGE_SIZE};
    CREATE TABLE synset (id TEXT PRIMARY KEY, gloss TEXT NOT NULL, looked_up INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
      INSERT INTO synset (id, gloss) SELECT printf('%08d', i), printf('%0200d', i) FROM n;
  `)
  made.close()
  const database = await DemoDatabase.open(path)
  expect(database.refresh()).toEqual([])
  const before = Array.from({ length: database.pageCount }, (_, i) => new Uint8Array(database.page(i + 1)))
  database.lookUp(1)
  const changed = database.refresh()
  // The page of the row, and the page with the change counter.
  expect(changed).toHaveLength(2)
  expect(changed[0]?.pageIndex).toBe(1)
  for (const { pageIndex, bytes } of changed) expect(bytes).not.toEqual(before[pageIndex - 1])
  for (const [i, bytes] of before.entries()) {
    const isChanged = changed.some(({ pageIndex }) => pageIndex === i + 1)
    if (!isChanged) expect(database.page(i + 1)).toEqual(bytes)
  }
  database.close()
  expect(integrityCheck(path)).toBe('ok')
})

test('a scene leaves nothing behind, server and clients included', async () => {
  const scene = await Scene.open()
  const server = await scene.startServer()
  await scene.openClient('a')
  expect(await readdir(scene.directory)).toEqual(expect.arrayContaining(['store', 'local-a']))
  await scene.close()
  expect(await server.ended).toBe(0)
  await expect(readdir(scene.directory)).rejects.toThrow('ENOENT')
  await expect(fetch(`${server.url}/healthz`)).rejects.toThrow('fetch failed')
})
