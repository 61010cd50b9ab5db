import { appendFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Client } from '@graft-ts/client'
import { embedded } from '@graft-ts/embedded'
import { allowEverybody } from '@graft-ts/protocol'
import { StoreError, type StoreErrorCode } from '@graft-ts/storage-adapters'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { newSegmentId, newVolumeId, systemIdSource, type VolumeId } from '@graft-ts/volume'
import { ClassicLevel } from 'classic-level'
import { afterEach, describe, expect, test } from 'vitest'
import { type GraftServer, startServer } from '../../src/index.ts'
import { temporaryFolder } from '../temporary.ts'
import { flipBit, graft, graftError, graftJson, inFolder, makeDatabase, sha256 } from './harness.ts'

const unknownVolume = newVolumeId(systemIdSource)

async function imported() {
  const folder = await temporaryFolder()
  const source = join(folder, 'words.db')
  makeDatabase(source).close()
  const { volumeId } = await graftJson<{ volumeId: VolumeId }>(['import', source, ...inFolder(folder)])
  return { folder, source, volumeId, store: ['--store', join(folder, 'store')] }
}

describe('wrong usage is exit code 2, and names what is wrong', () => {
  test.each([
    [[], 'USAGE'],
    [['nonsense'], 'USAGE'],
    [['log'], 'USAGE'],
    [['log', unknownVolume], 'USAGE'],
    [['log', unknownVolume, '--server', 'http://a', '--store', 'b'], 'USAGE'],
    [['log', unknownVolume, '--server', 'localhost'], 'USAGE'],
    [['log', unknownVolume, '--nonsense'], 'USAGE'],
    [['log', unknownVolume, '--store', 'x', '--limit', '0'], 'USAGE'],
    [['log', unknownVolume, '--store', 'x', '--limit', '10001'], 'USAGE'],
    [['log', unknownVolume, '--store', 'x', '--from', '0'], 'USAGE'],
    [['log', 'nonsense', '--store', 'x'], 'ID_INVALID'],
    [['pull', newSegmentId(systemIdSource), '--store', 'x'], 'ID_INVALID'],
    [['export', unknownVolume, 'f', '--store', 'x', '--lsn', '-1'], 'USAGE'],
    [['export', unknownVolume, 'f', '--store', 'x', '--lsn', 'head'], 'USAGE'],
    [['import', 'f', '--store', 'x', '--page-size', '4096'], 'USAGE'],
    [['import', 'f', '--store', 'x', '--raw', '--page-size', '1000'], 'PAGE_SIZE'],
    [['import', 'f', '--store', 'x', '--volume', 'nonsense'], 'ID_INVALID'],
    [['inspect', 'segment', unknownVolume, '--store', 'x'], 'ID_INVALID'],
    [['serve'], 'USAGE'],
    [['serve', '--store', 'x', '--port', '65536'], 'USAGE'],
    [['serve', '--store', 'x', '--role', 'nonsense'], 'USAGE'],
    [['serve', '--store', 'x', '--allow-everybody', '--cache-bytes', '1G'], 'USAGE'],
    [['serve', '--store', 'x', '--allow-everybody', '--cache-dir', 'y', '--cache-bytes', '1GB'], 'USAGE'],
    [['serve', '--store', 'x', '--allow-everybody', '--memory-bytes', '-1'], 'USAGE'],
    [['serve', '--store', 'x', '--allow-everybody', '--reads-max', '0'], 'USAGE'],
    [['serve', '--store', 'x', '--allow-everybody', '--uploads-max', '65537'], 'USAGE'],
    [['serve', '--store', 'x', '--allow-everybody', '--hedge', '0'], 'USAGE'],
    [['serve', '--store', 'x', '--allow-everybody', '--hedge', '1.1'], 'USAGE'],
    [['serve', '--store', 'x', '--allow-everybody', '--hedge', 'often'], 'USAGE'],
    [['serve', '--store', 'x', '--allow-everybody', '--role', 'meta', '--cache-dir', 'y'], 'USAGE'],
    [['serve', '--store', 'x', '--allow-everybody', '--role', 'meta', '--hedge', '0.1'], 'USAGE'],
    [['log', unknownVolume, '--store', 'x', '--token-file', 'y'], 'USAGE'],
    [['log', unknownVolume, '--store', 'x', '--allow-plain-token'], 'USAGE'],
  ])('%j: %s', async (args, code) => {
    expect(await graftError(args)).toEqual([2, code])
  })

  test('as text: one line and the way to the help, on standard error only', async () => {
    const { exitCode, stdout, stderr } = await graft(['log'])
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toBe("error USAGE: missing required argument 'volume'; see graft-ts log --help\n")
  })
})

describe('files that cannot be imported', () => {
  test('each with its code, and no volume is made', async () => {
    const folder = await temporaryFolder()
    const path = (name: string) => join(folder, name)
    await writeFile(path('text'), 'not a database, however long this line may be made '.repeat(10))
    await writeFile(path('raw'), new Uint8Array(5000))
    await writeFile(path('empty'), '')
    const walDatabase = makeDatabase(path('wal.db'))
    walDatabase.exec('PRAGMA journal_mode = WAL; UPDATE word SET count = 1')
    makeDatabase(path('cut.db')).close()
    await truncate(path('cut.db'), 8192)
    const attempt = (name: string, ...options: string[]) => graftError(['import', path(name), ...options, ...inFolder(folder)])
    expect(await attempt('nowhere')).toEqual([3, 'FILE_MISSING'])
    expect(await attempt('.')).toEqual([2, 'FILE_KIND'])
    expect(await attempt('text')).toEqual([2, 'FILE_NOT_SQLITE'])
    expect(await attempt('empty')).toEqual([2, 'FILE_NOT_SQLITE'])
    expect(await attempt('empty', '--raw')).toEqual([2, 'FILE_EMPTY'])
    expect(await attempt('raw', '--raw')).toEqual([2, 'FILE_SIZE'])
    expect(await attempt('cut.db')).toEqual([2, 'FILE_TRUNCATED'])
    expect(await attempt('wal.db')).toEqual([2, 'FILE_WAL'])
    walDatabase.close()
    expect(await readdir(folder)).not.toContain('store')
    expect(await readdir(folder)).not.toContain('local')
  })

  test('a file of another page size than the volume has', async () => {
    const { folder, source, volumeId } = await imported()
    const options = ['--volume', volumeId, '--raw', '--page-size', '512']
    expect(await graftError(['import', source, ...options, ...inFolder(folder)])).toEqual([2, 'PAGE_SIZE_DIFFERS'])
  })
})

describe('what does not exist is exit code 3', () => {
  test('a volume, whatever is asked of it', async () => {
    const { folder, source, store } = await imported()
    const client = inFolder(folder, 'other')
    const refused = [3, 'VOLUME_UNKNOWN']
    expect(await graftError(['log', unknownVolume, ...store])).toEqual(refused)
    expect(await graftError(['pull', unknownVolume, ...client])).toEqual(refused)
    expect(await graftError(['status', unknownVolume, ...client])).toEqual(refused)
    expect(await graftError(['reset', unknownVolume, ...client])).toEqual(refused)
    expect(await graftError(['export', unknownVolume, join(folder, 'out'), ...client])).toEqual(refused)
    expect(await graftError(['import', source, '--volume', unknownVolume, ...client])).toEqual(refused)
    expect(await graftError(['inspect', 'volume', unknownVolume, ...store])).toEqual(refused)
    expect(await graftError(['inspect', 'commit', unknownVolume, '1', ...store])).toEqual(refused)
    expect(await readdir(folder)).not.toContain('out')
  })

  test('a commit of the future, and a segment', async () => {
    const { folder, volumeId, store } = await imported()
    const target = join(folder, 'out')
    expect(await graftError(['export', volumeId, target, '--lsn', '2', ...inFolder(folder)])).toEqual([3, 'LSN_FUTURE'])
    expect(await graftError(['inspect', 'commit', volumeId, '2', ...store])).toEqual([3, 'LSN_FUTURE'])
    const segmentId = newSegmentId(systemIdSource)
    expect(await graftError(['inspect', 'segment', segmentId, ...store])).toEqual([3, 'SEGMENT_UNKNOWN'])
    expect(await graftError(['inspect', 'segment', segmentId, '--volume', volumeId, ...store])).toEqual([3, 'SEGMENT_UNKNOWN'])
  })

  test('a store, or the folder of the file to write', async () => {
    const { folder, volumeId } = await imported()
    expect(await graftError(['log', volumeId, '--store', join(folder, 'nowhere')])).toEqual([3, 'STORE_MISSING'])
    const target = join(folder, 'nowhere', 'out')
    expect(await graftError(['export', volumeId, target, ...inFolder(folder)])).toEqual([3, 'FILE_MISSING'])
  })
})

describe('places that cannot be written to', () => {
  test('a store below a file, and one where nobody may write', async () => {
    const { folder, source } = await imported()
    const local = ['--local', join(folder, 'other')]
    expect(await graftError(['import', source, '--store', join(source, 'store'), ...local])).toEqual([3, 'STORE_MISSING'])
    expect(await graftError(['serve', '--store', join(source, 'store'), '--port', '0', '--allow-everybody'])).toEqual([
      3,
      'STORE_MISSING',
    ])
    // Not even the superuser may make folders there.
    const [exitCode, code] = await graftError(['import', source, '--store', '/sys/graft-ts', ...local])
    expect(exitCode).toBe(6)
    expect(['STORE_NOT_WRITABLE', 'STORE_READ_ONLY']).toContain(code)
  })

  test("the client's own store below a file", async () => {
    const { folder, source, store } = await imported()
    const refused = await graftError(['import', source, ...store, '--local', join(source, 'local')])
    expect(refused).toEqual([6, 'LOCAL_DIRECTORY'])
    expect(await readdir(folder)).toContain('store')
  })

  test('a file that exists is kept, unless --force replaces it', async () => {
    const { folder, source, volumeId } = await imported()
    const target = join(folder, 'mine')
    await writeFile(target, 'mine')
    const args = ['export', volumeId, target, ...inFolder(folder)]
    expect(await graftError(args)).toEqual([4, 'FILE_EXISTS'])
    expect(await readFile(target, 'utf8')).toBe('mine')
    await graftJson([...args, '--force'])
    expect(await sha256(target)).toBe(await sha256(source))
  })
})

describe('stored bytes that are damaged (I11) are exit code 5, and nothing is lost', () => {
  test('a segment', async () => {
    const { folder, source, volumeId, store } = await imported()
    const [segmentId] = (await readdir(join(folder, 'store', 'segments'))) as [string]
    const path = join(folder, 'store', 'segments', segmentId)
    const target = join(folder, 'out')
    await flipBit(path)
    const id = segmentId.slice(0, 22)
    expect(await graftError(['inspect', 'segment', id, ...store])).toEqual([5, 'FRAME_CHECKSUM'])
    expect(await graftError(['export', volumeId, target, ...inFolder(folder, 'b')])).toEqual([5, 'FRAME_CHECKSUM'])
    expect(await readdir(folder)).not.toContain('out')
    // The history is whole, and so is the copy of the client that wrote it.
    expect(await graftJson(['log', volumeId, ...store])).toMatchObject({ headLsn: 1 })
    await graftJson(['export', volumeId, join(folder, 'own'), ...inFolder(folder)])
    expect(await sha256(join(folder, 'own'))).toBe(await sha256(source))
    await flipBit(path)
    await graftJson(['export', volumeId, target, ...inFolder(folder, 'b')])
    expect(await sha256(target)).toBe(await sha256(source))
  })

  test('a commit: flipped, cut off, or that of another place', async () => {
    const { folder, source, volumeId, store } = await imported()
    const commits = join(folder, 'store', 'volumes', volumeId, 'commits')
    const [name] = (await readdir(commits)) as [string]
    const path = join(commits, name)
    const second = join(commits, name.replace(/1(?=\.|$)/, '2'))
    const whole = await readFile(path)
    const target = join(folder, 'out')
    const damages = [
      () => flipBit(path),
      () => truncate(path, whole.length - 1),
      // The first commit of the volume, where the second should be.
      async () => {
        await writeFile(second, whole)
      },
    ]
    for (const damage of damages) {
      await writeFile(path, whole)
      await damage()
      for (const args of [
        ['log', volumeId, ...store],
        ['inspect', 'volume', volumeId, ...store],
        ['export', volumeId, target, ...inFolder(folder, 'b')],
      ]) {
        const [exitCode, code] = await graftError(args)
        expect([args[0], exitCode]).toEqual([args[0], 5])
        expect(code).toMatch(/^(RECORD|COMMIT|STORE)_/)
      }
      expect(await readdir(folder)).not.toContain('out')
    }
    await rm(second)
    await graftJson(['export', volumeId, target, ...inFolder(folder, 'b')])
    expect(await sha256(target)).toBe(await sha256(source))
  })

  test("the client's own store", async () => {
    const { folder, volumeId } = await imported()
    await writeFile(join(folder, 'local', 'CURRENT'), 'nonsense\n')
    const [exitCode, code] = await graftError(['status', volumeId, ...inFolder(folder)])
    expect(code).toMatch(/^LOCAL_STORE_/)
    expect([1, 5]).toContain(exitCode)
  })
})

describe('a server', () => {
  const servers: Server[] = []
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  async function strangeServer(status: number, body: string): Promise<string> {
    const server = createServer((request, response) => {
      request.resume()
      response.writeHead(status, { 'content-type': 'text/html' }).end(body)
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  test('of another kind is exit code 8', async () => {
    const { folder, source, volumeId } = await imported()
    for (const [status, body] of [
      [200, '<h1>Welcome</h1>'],
      [404, 'not found'],
      [502, 'bad gateway'],
    ] as const) {
      const where = ['--server', await strangeServer(status, body)]
      expect(await graftError(['log', volumeId, ...where])).toEqual([8, 'SERVER_NOT_GRAFT'])
      const local = ['--local', join(folder, `local-${status}`)]
      expect(await graftError(['import', source, ...where, ...local])).toEqual([8, 'SERVER_NOT_GRAFT'])
    }
  })

  test('that is down is exit code 1, and no volume is made', async () => {
    const { folder, source, volumeId } = await imported()
    const address = await strangeServer(200, '')
    await new Promise((resolve) => (servers.pop() as Server).close(resolve))
    const where = ['--server', address]
    expect(await graftError(['log', volumeId, ...where])).toEqual([1, 'NO_ANSWER'])
    const local = ['--local', join(folder, 'local-down')]
    expect(await graftError(['import', source, ...where, ...local])).toEqual([1, 'NO_ANSWER'])
    expect(await pendingCommits(folder, 'local-down')).toEqual([])
    expect(await graftError(['pull', volumeId, ...where, ...local])).toEqual([1, 'NO_ANSWER'])
    const text = await graft(['log', volumeId, ...where])
    expect(text.stderr).toMatch(/^error NO_ANSWER: .*\nhint: is the server running, and is the address right\?\n$/)
  })

  test('on a port in use is exit code 1', async () => {
    const port = new URL(await strangeServer(200, '')).port
    const folder = await temporaryFolder()
    expect(await graftError(['serve', '--store', join(folder, 'store'), '--port', port, '--allow-everybody'])).toEqual([
      1,
      'PORT_IN_USE',
    ])
  })

  test('where others could reach it needs to be asked for', async () => {
    const folder = await temporaryFolder()
    const args = ['serve', '--store', join(folder, 'store'), '--port', '0', '--host', '0.0.0.0', '--allow-everybody']
    expect(await graftError(args)).toEqual([2, 'HOST_NOT_LOOPBACK'])
  })

  test('of one store alone needs keys', async () => {
    const folder = await temporaryFolder()
    const args = ['serve', '--store', join(folder, 'store'), '--port', '0', '--role', 'meta', '--allow-everybody']
    expect(await graftError(args)).toEqual([2, 'REF_KEYS_NEEDED'])
    expect(await graftError([...args, '--ref-keys', join(folder, 'nowhere')])).toEqual([3, 'FILE_MISSING'])
    await writeFile(join(folder, 'keys'), 'k1 short')
    expect(await graftError([...args, '--ref-keys', join(folder, 'keys')])).toEqual([2, 'REF_KEYS_FILE'])
  })
})

describe('a store behind a server that fails', () => {
  let server: GraftServer | undefined
  afterEach(() => server?.close())

  /** A server whose store refuses to create objects whose keys match, until it is told to work. */
  async function failing(pattern: RegExp, code: StoreErrorCode) {
    const folder = await temporaryFolder()
    const source = join(folder, 'words.db')
    makeDatabase(source).close()
    const store = new MemoryStore()
    const create = store.create.bind(store)
    let isHealed = false
    store.create = async (key, body, options) => {
      if (!isHealed && pattern.test(key)) throw new StoreError(code, 'injected')
      return create(key, body, options)
    }
    server = await startServer({ stores: { segments: store, commits: store }, port: 0, authorize: allowEverybody })
    const remote = ['--server', server.url, '--local', join(folder, 'local')]
    return { folder, source, remote, heal: () => void (isHealed = true) }
  }

  test('while it commits: the note says how to go on, and nothing has to be sent twice', async () => {
    const { source, remote, heal } = await failing(/commits/, 'STORE_UNAVAILABLE')
    const { exitCode, stdout, stderr } = await graft(['import', source, ...remote])
    expect([exitCode, stdout]).toEqual([1, ''])
    const [, volumeId] = /note: .*--volume (\w{22})\n/.exec(stderr) as unknown as [string, string]
    expect(await graftJson(['status', volumeId, ...remote])).toMatchObject({ sync: 'ahead', pendingCommits: 1 })
    heal()
    const again = await graftJson(['import', source, '--volume', volumeId, ...remote])
    expect(again).toMatchObject({ volumeId, lsn: 1, changedPages: 0, isCommitted: true })
    expect(server?.metrics().pages).toMatchObject({ segmentsWritten: 1 })
  })

  test('because it is full: exit code 7', async () => {
    const { source, remote } = await failing(/commits/, 'STORE_FULL')
    expect(await graftError(['import', source, ...remote])).toEqual([7, 'STORE_FULL'])
  })

  test('altogether: what is local can still be asked for', async () => {
    const { source, remote } = await failing(/nothing/, 'STORE_FULL')
    const { volumeId } = await graftJson<{ volumeId: string }>(['import', source, ...remote])
    await server?.close()
    expect(await graftJson(['status', volumeId, ...remote])).toMatchObject({ sync: 'synced', base: { lsn: 1 } })
  })
})

describe('conflicts are exit code 4', () => {
  test('a local store that another process has', async () => {
    const { folder, volumeId } = await imported()
    const level = new ClassicLevel(join(folder, 'local'))
    await level.open()
    expect(await graftError(['status', volumeId, ...inFolder(folder)])).toEqual([4, 'LOCAL_STORE_LOCKED'])
    await level.close()
    expect(await graftJson(['status', volumeId, ...inFolder(folder)])).toMatchObject({ sync: 'synced' })
  })

  test('local commits that contradict those of others: kept until reset', async () => {
    const { folder, source, volumeId } = await imported()
    // A program that committed locally and ended before it could push.
    await commitLocally(folder, volumeId, false)
    await commitLocally(folder, volumeId, true, 'other')
    const toVolume = ['import', source, '--volume', volumeId, ...inFolder(folder)]
    expect(await graftError(toVolume)).toEqual([4, 'PUSH_DIVERGED'])
    const status = await graftJson(['status', volumeId, ...inFolder(folder)])
    expect(status).toMatchObject({ base: { lsn: 1 }, pendingCommits: 2 })
    expect(await graftJson(['reset', volumeId, ...inFolder(folder)])).toMatchObject({ lsn: 2 })
    expect(await graftJson(toVolume)).toMatchObject({ lsn: 3, changedPages: 1 })
  })

  function commitLocally(folder: string, volumeId: VolumeId, isPushed: boolean, local = 'local'): Promise<void> {
    return withClient(folder, local, async (client) => {
      const volume = await client.openVolume(volumeId)
      await volume.transact(async (tx) => {
        const page = await tx.read(7)
        page[100] = (page[100] as number) ^ 0xff
        tx.write(7, page)
      })
      if (isPushed) await volume.push()
    })
  }

  test('a file that is written to while it is imported: nothing is committed', async () => {
    const folder = await temporaryFolder()
    const source = join(folder, 'words.db')
    makeDatabase(source).close()
    const onTerminal = (text: string) => {
      if (text.includes('comparing')) appendFileSync(source, new Uint8Array(4096))
    }
    const { exitCode, stderr } = await graft(['import', source, ...inFolder(folder)], { onTerminal })
    expect([exitCode, stderr.includes('error FILE_CHANGED: ')]).toEqual([4, true])
    expect(await pendingCommits(folder)).toEqual([0])
  })
})

/** Works with a client on the store and on one of the local stores of a folder. */
async function withClient<T>(folder: string, local: string, run: (client: Client) => Promise<T>): Promise<T> {
  const store = await FsStore.open(join(folder, 'store'))
  const transport = embedded(store)
  const level = new ClassicLevel<string, Uint8Array>(join(folder, local), { keyEncoding: 'utf8', valueEncoding: 'view' })
  const client = await Client.open({ transport, store: level })
  const result = await run(client)
  await client.close()
  await transport.close()
  await store.close()
  return result
}

/** For each volume that a local store knows, how many local commits it keeps. */
function pendingCommits(folder: string, local = 'local'): Promise<number[]> {
  return withClient(folder, local, async (client) => {
    const volumes = await Promise.all((await client.volumes()).map((volumeId) => client.openVolume(volumeId)))
    return volumes.map((volume) => volume.status().pendingCommits)
  })
}

describe('Ctrl-C is exit code 130', () => {
  test('an import that was interrupted has committed nothing', async () => {
    const folder = await temporaryFolder()
    const source = join(folder, 'words.db')
    makeDatabase(source).close()
    const interrupt = new AbortController()
    const onTerminal = (text: string) => {
      if (text.includes('comparing')) interrupt.abort()
    }
    const { exitCode, stderr } = await graft(['import', source, ...inFolder(folder)], { signal: interrupt.signal, onTerminal })
    expect(exitCode).toBe(130)
    expect(stderr).toContain('error INTERRUPTED: interrupted\n')
    expect(await readdir(join(folder, 'store'))).not.toContain('volumes')
    expect(await pendingCommits(folder)).toEqual([0])
  })

  test('an export that was interrupted leaves no file', async () => {
    const { folder, volumeId } = await imported()
    const interrupt = new AbortController()
    const onTerminal = (text: string) => {
      if (text.includes('fetching')) interrupt.abort()
    }
    await mkdir(join(folder, 'target'))
    const args = ['export', volumeId, join(folder, 'target', 'out'), ...inFolder(folder, 'b')]
    expect((await graft(args, { signal: interrupt.signal, onTerminal })).exitCode).toBe(130)
    expect(await readdir(join(folder, 'target'))).toEqual([])
  })
})
