import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import {
  isHotJournal,
  parseSqliteHeader,
  SQLITE_HEADER_BYTES,
  sqlitePageCount,
  wholePages,
} from '../../src/files/sqlite-header.ts'
import { temporaryFolder } from '../temporary.ts'

async function database(pageSize: number): Promise<Uint8Array> {
  const path = join(await temporaryFolder(), 'x.db')
  const db = new DatabaseSync(path)
  db.exec(`PRAGMA page_size = ${pageSize}; CREATE TABLE t (x); INSERT INTO t VALUES (1)`)
  db.close()
  return new Uint8Array(await readFile(path))
}

describe('the header of a real database', () => {
  test('tells page size and page count, for every page size', async () => {
    for (const pageSize of [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536]) {
      const bytes = await database(pageSize)
      const header = parseSqliteHeader(bytes.subarray(0, SQLITE_HEADER_BYTES), 'x.db')
      expect(header).toEqual({ pageSize, pageCount: 2 })
      expect(sqlitePageCount(header, bytes.length, 'x.db')).toBe(2)
    }
  })

  test('does not tell the page count when an old SQLite wrote last', async () => {
    const bytes = await database(4096)
    bytes[95] = (bytes[95] as number) ^ 1
    const header = parseSqliteHeader(bytes, 'x.db')
    expect(header.pageCount).toBeUndefined()
    expect(sqlitePageCount(header, 4096, 'x.db')).toBe(1)
  })
})

describe('what is not a database', () => {
  test('a file that is too short, or begins otherwise', async () => {
    const bytes = await database(4096)
    const refused = expect.objectContaining({ kind: 'invalid', code: 'FILE_NOT_SQLITE' })
    expect(() => parseSqliteHeader(bytes.subarray(0, 99), 'x.db')).toThrow(refused)
    expect(() => parseSqliteHeader(new Uint8Array(0), 'x.db')).toThrow(refused)
    expect(() => parseSqliteHeader(new Uint8Array(4096), 'x.db')).toThrow(refused)
    // Page sizes that are no power of two, and payload fractions that the format fixes.
    for (const [offset, value] of [
      [0, 0x73],
      [15, 1],
      [16, 3],
      [21, 65],
      [22, 33],
      [23, 0],
    ] as const) {
      const damaged = bytes.slice(0, SQLITE_HEADER_BYTES)
      damaged[offset] = value
      expect(() => parseSqliteHeader(damaged, 'x.db')).toThrow(refused)
    }
  })

  test('a file that is cut off, at a page or within one', async () => {
    const header = parseSqliteHeader(await database(4096), 'x.db')
    expect(() => sqlitePageCount(header, 4096, 'x.db')).toThrow(expect.objectContaining({ code: 'FILE_TRUNCATED' }))
    expect(() => sqlitePageCount(header, 8191, 'x.db')).toThrow(expect.objectContaining({ code: 'FILE_SIZE' }))
    expect(() => sqlitePageCount(header, 0, 'x.db')).toThrow(expect.objectContaining({ code: 'FILE_EMPTY' }))
  })

  test('whole pages are counted', () => {
    expect(wholePages(4096 * 3, 4096 as never, 'x')).toBe(3)
    expect(() => wholePages(4097, 4096 as never, 'x')).toThrow(expect.objectContaining({ code: 'FILE_SIZE' }))
  })
})

test('a journal is hot while it begins with its magic', () => {
  const magic = Uint8Array.of(0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7)
  expect(isHotJournal(magic)).toBe(true)
  expect(isHotJournal(new Uint8Array(8))).toBe(false)
  expect(isHotJournal(magic.subarray(0, 7))).toBe(false)
  expect(isHotJournal(new Uint8Array(0))).toBe(false)
})
