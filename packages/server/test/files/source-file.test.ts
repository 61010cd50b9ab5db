import { appendFile, mkdir, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { SourceFile } from '../../src/files/source-file.ts'
import { temporaryFolder } from '../temporary.ts'

const sqlite = { rawPageSize: undefined }

async function databaseFile(setUp = ''): Promise<{ path: string; db: DatabaseSync }> {
  const path = join(await temporaryFolder(), 'x.db')
  const db = new DatabaseSync(path)
  db.exec(`${setUp}; CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(5000))`)
  return { path, db }
}

describe('pages of a file', () => {
  test('come in order, again and again, across the borders of what is read at once', async () => {
    const path = join(await temporaryFolder(), 'raw')
    const pageCount = 2 * (2 ** 20 / 512) + 3
    const bytes = Uint8Array.from({ length: pageCount * 512 }, (_, i) => Math.floor(i / 512) % 251)
    await writeFile(path, bytes)
    const file = await SourceFile.open(path, { rawPageSize: 512 as never })
    expect([file.pageSize, file.pageCount]).toEqual([512, pageCount])
    for (let round = 0; round < 2; round++) {
      let expected = 1
      for await (const page of file.pages()) {
        expect(page.pageIndex).toBe(expected)
        expect(page.bytes.length).toBe(512)
        expect(page.bytes.every((byte) => byte === (expected - 1) % 251)).toBe(true)
        expected++
      }
      expect(expected).toBe(pageCount + 1)
    }
    await file.checkUnchanged()
    await file.close()
  })

  test('of a database have the size that its header tells', async () => {
    const { path, db } = await databaseFile('PRAGMA page_size = 8192')
    db.close()
    const file = await SourceFile.open(path, sqlite)
    expect([file.pageSize, file.pageCount]).toEqual([8192, 2])
    await file.close()
  })
})

describe('files that are refused', () => {
  test('missing, a folder, empty, no database, not a whole number of pages', async () => {
    const folder = await temporaryFolder()
    const path = (name: string) => join(folder, name)
    await mkdir(path('folder'))
    await writeFile(path('empty'), '')
    await writeFile(path('text'), 'SELECT 1')
    await writeFile(path('raw'), new Uint8Array(4097))
    await expect(SourceFile.open(path('nowhere'), sqlite)).rejects.toMatchObject({ kind: 'missing', code: 'FILE_MISSING' })
    await expect(SourceFile.open(path('raw/below'), sqlite)).rejects.toMatchObject({ code: 'FILE_MISSING' })
    await expect(SourceFile.open(path('folder'), sqlite)).rejects.toMatchObject({ kind: 'invalid', code: 'FILE_KIND' })
    await expect(SourceFile.open('/dev/null', sqlite)).rejects.toMatchObject({ code: 'FILE_KIND' })
    await expect(SourceFile.open(path('empty'), sqlite)).rejects.toMatchObject({ code: 'FILE_NOT_SQLITE' })
    await expect(SourceFile.open(path('text'), sqlite)).rejects.toMatchObject({ code: 'FILE_NOT_SQLITE' })
    const raw = { rawPageSize: 4096 as never }
    await expect(SourceFile.open(path('raw'), raw)).rejects.toMatchObject({ kind: 'invalid', code: 'FILE_SIZE' })
    await expect(SourceFile.open(path('empty'), raw)).rejects.toMatchObject({ code: 'FILE_EMPTY' })
  })

  test('a database that is cut off', async () => {
    const { path, db } = await databaseFile()
    db.close()
    await truncate(path, 4096)
    await expect(SourceFile.open(path, sqlite)).rejects.toMatchObject({ code: 'FILE_TRUNCATED' })
  })

  test('a database whose write-ahead log still holds changes, until it is written back', async () => {
    const { path, db } = await databaseFile('PRAGMA journal_mode = WAL')
    await expect(SourceFile.open(path, sqlite)).rejects.toMatchObject({ kind: 'invalid', code: 'FILE_WAL' })
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    await (await SourceFile.open(path, sqlite)).close()
    db.close()
    await (await SourceFile.open(path, sqlite)).close()
  })

  test('a database in the middle of a transaction, until it is over', async () => {
    const { path, db } = await databaseFile('PRAGMA journal_mode = PERSIST; PRAGMA cache_spill = 1; PRAGMA cache_size = 1')
    db.exec('BEGIN IMMEDIATE; INSERT INTO t VALUES (zeroblob(1000000))')
    await expect(SourceFile.open(path, sqlite)).rejects.toMatchObject({ code: 'FILE_JOURNAL' })
    db.exec('COMMIT')
    db.close()
    await (await SourceFile.open(path, sqlite)).close()
  })
})

describe('a file that is written to while it is read', () => {
  test('is noticed when it grows, shrinks, or only its time changes', async () => {
    const path = join(await temporaryFolder(), 'raw')
    const changes = [() => appendFile(path, 'x'), () => truncate(path, 512), () => utimes(path, new Date(0), new Date(1_000_000))]
    for (const change of changes) {
      await writeFile(path, new Uint8Array(1024))
      const file = await SourceFile.open(path, { rawPageSize: 512 as never })
      await change()
      await expect(file.checkUnchanged()).rejects.toMatchObject({ kind: 'conflict', code: 'FILE_CHANGED' })
      await file.close()
    }
  })

  test('is noticed at once when bytes are missing', async () => {
    const path = join(await temporaryFolder(), 'raw')
    await writeFile(path, new Uint8Array(1024))
    const file = await SourceFile.open(path, { rawPageSize: 512 as never })
    await truncate(path, 512)
    await expect(file.pages().next()).rejects.toMatchObject({ code: 'FILE_CHANGED' })
    await file.close()
  })
})
