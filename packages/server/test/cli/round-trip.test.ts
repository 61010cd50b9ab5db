import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from '@graft-ts/client'
import { embedded } from '@graft-ts/embedded'
import { allowEverybody } from '@graft-ts/protocol'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import type { VolumeId } from '@graft-ts/volume'
import { MemoryLevel } from 'memory-level'
import { afterEach, describe, expect, test } from 'vitest'
import { type GraftServer, startServer } from '../../src/index.ts'
import { temporaryFolder } from '../temporary.ts'
import { graft, graftJson, inFolder, makeDatabase, sha256 } from './harness.ts'

interface Imported {
  readonly volumeId: string
  readonly lsn: number
  readonly pageCount: number
  readonly pageSize: number
  readonly changedPages: number
  readonly isCommitted: boolean
}
interface Exported {
  readonly lsn: number
  readonly fetchedPages: number
  readonly byteLength: number
}
interface Log {
  readonly headLsn: number
  readonly commits: { readonly lsn: number; readonly changed: { count: number }; readonly segmentIds: string[] }[]
}

let server: GraftServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function serverAddress(): Promise<string> {
  const store = new MemoryStore()
  server = await startServer({ stores: { segments: store, commits: store }, port: 0, authorize: allowEverybody })
  return server.url
}

describe.each(['--server', '--store'])('import and export with %s', (kind) => {
  async function place() {
    const folder = await temporaryFolder()
    const where = kind === '--server' ? ['--server', await serverAddress()] : ['--store', join(folder, 'store')]
    return { folder, where, remote: (local: string) => [...where, '--local', join(folder, local)] }
  }

  test('what was imported comes out of an empty client bit by bit', async () => {
    const { folder, remote } = await place()
    const [source, target] = [join(folder, 'words.db'), join(folder, 'out.db')]
    makeDatabase(source).close()
    const imported = await graftJson<Imported>(['import', source, ...remote('a')])
    expect(imported).toMatchObject({ lsn: 1, pageSize: 4096, isCommitted: true, changedPages: imported.pageCount })
    const exported = await graftJson<Exported>(['export', imported.volumeId, target, ...remote('b')])
    expect(exported).toMatchObject({ lsn: 1, fetchedPages: imported.pageCount, byteLength: imported.pageCount * 4096 })
    expect(await sha256(target)).toBe(await sha256(source))
    // What was fetched is local now.
    const again = await graftJson<Exported>(['export', imported.volumeId, target, '--force', ...remote('b')])
    expect(again.fetchedPages).toBe(0)
  })

  test('a second import sends only the pages that changed, a third one nothing', async () => {
    const { folder, where, remote } = await place()
    const source = join(folder, 'words.db')
    const db = makeDatabase(source)
    const first = await graftJson<Imported>(['import', source, ...remote('a')])
    const before = await sha256(source)
    db.exec('UPDATE word SET count = 1 WHERE id IN (3, 997)')
    const toFirst = ['import', source, '--volume', first.volumeId]
    const second = await graftJson<Imported>([...toFirst, ...remote('a')])
    // Two leaves and the page with the change counter.
    expect(second).toMatchObject({ lsn: 2, changedPages: 3, pageCount: first.pageCount, isCommitted: true })
    // A client that has no page of it compares as well, and finds nothing to send.
    const third = await graftJson<Imported>([...toFirst, ...remote('b')])
    expect(third).toMatchObject({ lsn: 2, changedPages: 0, isCommitted: false })
    const log = await graftJson<Log>(['log', first.volumeId, ...where])
    expect(log.commits.map(({ lsn, changed }) => [lsn, changed.count])).toEqual([
      [1, first.pageCount],
      [2, 3],
    ])
    const past = join(folder, 'past.db')
    await graftJson(['export', first.volumeId, past, '--lsn', '1', ...remote('c')])
    expect(await sha256(past)).toBe(before)
    db.close()
  })

  test('I5: a database that shrank and grew again is what it is, now and then', async () => {
    const { folder, remote } = await place()
    const source = join(folder, 'words.db')
    const db = makeDatabase(source)
    const { volumeId, pageCount } = await graftJson<Imported>(['import', source, ...remote('a')])
    const shas = [await sha256(source)]
    db.exec('DELETE FROM word WHERE id > 10; VACUUM')
    const shrunk = await graftJson<Imported>(['import', source, '--volume', volumeId, ...remote('a')])
    expect(shrunk.pageCount).toBeLessThan(pageCount / 5)
    shas.push(await sha256(source))
    db.exec(
      "INSERT INTO word (text) SELECT printf('%0140d', id) FROM word, (SELECT 1 UNION SELECT 2); INSERT INTO word (text) VALUES (zeroblob(20000))",
    )
    db.close()
    await graftJson<Imported>(['import', source, '--volume', volumeId, ...remote('a')])
    shas.push(await sha256(source))
    for (const [i, sha] of shas.entries()) {
      const target = join(folder, `${i}.db`)
      await graftJson(['export', volumeId, target, '--lsn', `${i + 1}`, ...remote('b')])
      expect(await sha256(target)).toBe(sha)
    }
  })
})

test('what others commit during an import is not mixed with it: it is replaced, and stays readable', async () => {
  const folder = await temporaryFolder()
  const source = join(folder, 'words.db')
  const db = makeDatabase(source)
  const store = new MemoryStore()
  const create = store.create.bind(store)
  let beforeSecond: (() => Promise<void>) | undefined
  store.create = async (key, body, options) => {
    const run = beforeSecond
    if (key.endsWith('/commits/0000000000000002') && run !== undefined) {
      beforeSecond = undefined
      await run()
    }
    return create(key, body, options)
  }
  server = await startServer({ stores: { segments: store, commits: store }, port: 0, authorize: allowEverybody })
  const remote = (local: string) => ['--server', server?.url as string, '--local', join(folder, local)]
  const { volumeId } = await graftJson<Imported>(['import', source, ...remote('a')])
  db.exec('UPDATE word SET count = 1 WHERE id = 500')
  beforeSecond = () => writePage(store, volumeId as VolumeId, 7)
  const second = await graftJson(['import', source, '--volume', volumeId, ...remote('a')])
  // The page of the other commit differs from the file as well.
  expect(second).toMatchObject({ lsn: 3, conflicts: 1, isCommitted: true })
  await graftJson(['export', volumeId, join(folder, 'out.db'), ...remote('b')])
  expect(await sha256(join(folder, 'out.db'))).toBe(await sha256(source))
  const log = await graftJson<Log>(['log', volumeId, '--server', server.url])
  expect(log.commits.map(({ changed }) => changed.count).slice(1)).toEqual([1, 3])
  db.close()
})

async function writePage(store: MemoryStore, volumeId: VolumeId, pageIndex: number): Promise<void> {
  const level = new MemoryLevel<string, Uint8Array>({ keyEncoding: 'utf8', valueEncoding: 'view' })
  const client = await Client.open({ transport: embedded(store), store: level })
  const volume = await client.openVolume(volumeId)
  await volume.transact((tx) => tx.write(pageIndex, new Uint8Array(4096).fill(1)))
  await volume.push()
  await client.close()
}

test('any other file, with a page size of its own, zero pages included', async () => {
  const folder = await temporaryFolder()
  const [source, target] = [join(folder, 'raw'), join(folder, 'out')]
  const bytes = new Uint8Array(512 * 100)
  bytes.fill(7, 512 * 3, 512 * 4)
  await writeFile(source, bytes)
  const imported = await graftJson<Imported>(['import', source, '--raw', '--page-size', '512', ...inFolder(folder)])
  expect(imported).toMatchObject({ pageSize: 512, pageCount: 100, changedPages: 1 })
  await graftJson(['export', imported.volumeId, target, ...inFolder(folder, 'b')])
  expect(await sha256(target)).toBe(await sha256(source))
})

test('pull, status and log say where a client stands', async () => {
  const folder = await temporaryFolder()
  const source = join(folder, 'words.db')
  const db = makeDatabase(source)
  const store = ['--store', join(folder, 'store')]
  const { volumeId, pageCount } = await graftJson<Imported>(['import', source, ...inFolder(folder, 'a')])
  expect(await graftJson(['pull', volumeId, ...inFolder(folder, 'b')])).toMatchObject({ fromLsn: 0, lsn: 1, pageCount })
  for (let i = 1; i <= 3; i++) {
    db.exec(`UPDATE word SET count = ${i} WHERE id = ${i * 200}`)
    await graftJson(['import', source, '--volume', volumeId, ...inFolder(folder, 'a')])
  }
  db.close()
  const pulled = await graftJson(['pull', volumeId, ...inFolder(folder, 'b')])
  expect(pulled).toMatchObject({ fromLsn: 1, lsn: 4, isApplied: true, changed: { count: 4, isCut: false } })
  expect(await graftJson(['status', volumeId, ...inFolder(folder, 'b')])).toMatchObject({
    sync: 'synced',
    base: { lsn: 4, pageCount },
    pendingCommits: 0,
  })
  const lsns = async (...options: string[]) =>
    (await graftJson<Log>(['log', volumeId, ...store, ...options])).commits.map(({ lsn }) => lsn)
  expect(await lsns()).toEqual([1, 2, 3, 4])
  expect(await lsns('--limit', '2')).toEqual([3, 4])
  expect(await lsns('--from', '2', '--limit', '2')).toEqual([2, 3])
  expect(await lsns('--from', '9')).toEqual([])
  const { stdout } = await graft(['log', volumeId, ...store, '--limit', '2'])
  expect(stdout.split('\n').map((line) => line.trim().split(/\s+/)[0])).toEqual(['lsn', '3', '4', ''])
})

test('inspect shows volume, commit and segment, and agrees with itself', async () => {
  const folder = await temporaryFolder()
  const source = join(folder, 'words.db')
  makeDatabase(source).close()
  const store = ['--store', join(folder, 'store')]
  const { volumeId, pageCount } = await graftJson<Imported>(['import', source, ...inFolder(folder)])
  const volume = await graftJson(['inspect', 'volume', volumeId, ...store])
  expect(volume).toMatchObject({ headLsn: 1, pageCount, written: { count: pageCount }, stored: { commits: 1 } })
  const commit = await graftJson<{ segmentIds: string[] }>(['inspect', 'commit', volumeId, '1', ...store])
  expect(commit).toMatchObject({ lsn: 1, changed: { count: pageCount }, record: { refs: [{ pages: { count: pageCount } }] } })
  expect(await readdir(join(folder, 'store', 'segments'))).toHaveLength(1)
  const [segmentId] = commit.segmentIds as [string]
  const segment = await graftJson(['inspect', 'segment', segmentId, ...store])
  expect(segment).toMatchObject({ segmentId, frames: 1, runs: [{ volumeId, pages: { count: pageCount }, frames: 1 }] })
  const { stdout } = await graft(['inspect', 'segment', segmentId, ...store])
  expect(stdout).toContain('1, all checked')
})

test('inline frames of a small commit are checked', async () => {
  const folder = await temporaryFolder()
  const source = join(folder, 'raw')
  await writeFile(source, new Uint8Array(4096).fill(1))
  const { volumeId } = await graftJson<Imported>(['import', source, '--raw', ...inFolder(folder)])
  const commit = await graftJson(['inspect', 'commit', volumeId, '1', '--store', join(folder, 'store')])
  expect(commit).toMatchObject({ segmentIds: [], record: { inlineFrames: 1, refs: [{ pages: { ranges: [[1, 1]] } }] } })
})

describe('what is shown', () => {
  test('without --json: text on standard output, nothing on standard error', async () => {
    const folder = await temporaryFolder()
    const source = join(folder, 'words.db')
    makeDatabase(source).close()
    const { exitCode, stdout, stderr } = await graft(['import', source, ...inFolder(folder)])
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^volume {3}\w{22}\nlsn {6}1\npages {4}\d+ of 4096 bytes\nchanged {2}\d+ \(\d+\.\d KiB\)\n$/)
  })

  test('progress on a terminal only, and never with --json', async () => {
    const folder = await temporaryFolder()
    const source = join(folder, 'words.db')
    makeDatabase(source).close()
    let shown = ''
    const onTerminal = (text: string) => void (shown += text)
    await graft(['import', source, ...inFolder(folder, 'a')], { onTerminal })
    expect(shown).toContain('comparing')
    shown = ''
    await graft(['import', source, '--json', ...inFolder(folder, 'b')], { onTerminal })
    expect(shown).toBe('')
  })

  test('help, with examples and exit codes, and the version', async () => {
    for (const command of ['serve', 'import', 'export', 'log', 'pull', 'status', 'reset', 'key', 'token']) {
      const { exitCode, stdout, stderr } = await graft([command, '--help'])
      expect([exitCode, stderr]).toEqual([0, ''])
      expect(stdout).toContain(`$ graft-ts ${command} `)
    }
    for (const noun of ['volume', 'commit', 'segment']) {
      expect((await graft(['inspect', noun, '--help'])).stdout).toContain(`$ graft-ts inspect ${noun} `)
    }
    expect((await graft(['--help'])).stdout).toContain('130  interrupted')
    expect((await graft(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})
