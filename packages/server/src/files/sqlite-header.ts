import { type PageSize, parsePageSize } from '@graft-ts/volume'
import { FileError } from './errors.ts'

/** Bytes of the header of a SQLite database. */
export const SQLITE_HEADER_BYTES = 100

/** What the header of a SQLite database says about the file. */
export interface SqliteHeader {
  readonly pageSize: PageSize
  /** Pages of the database; `undefined` if the header does not know, because an old SQLite wrote last. */
  readonly pageCount: number | undefined
}

const MAGIC = new TextEncoder().encode('SQLite format 3\0')
// The first bytes of a rollback journal that still matters. Zeros: the transaction is over.
const JOURNAL_MAGIC = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]

/*
 * offset size field (big-endian; https://www.sqlite.org/fileformat2.html, "The Database Header")
 *      0   16 "SQLite format 3" and a zero
 *     16    2 page size; 1 means 65,536
 *     21    3 the numbers 64, 32 and 32
 *     24    4 change counter
 *     28    4 pages of the database, valid if the change counter equals the number at 92
 *     92    4 change counter when the number of pages was written
 */
/**
 * Reads the header of a SQLite database.
 *
 * @param bytes The beginning of the file, {@link SQLITE_HEADER_BYTES} or fewer if the file is shorter.
 * @throws {@link FileError} `FILE_NOT_SQLITE`.
 */
export function parseSqliteHeader(bytes: Uint8Array, path: string): SqliteHeader {
  if (bytes.length < SQLITE_HEADER_BYTES || !MAGIC.every((byte, i) => bytes[i] === byte)) throw notSqlite(path)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint8(21) !== 64 || view.getUint8(22) !== 32 || view.getUint8(23) !== 32) throw notSqlite(path)
  const stored = view.getUint16(16, false)
  const knowsPageCount = view.getUint32(24, false) === view.getUint32(92, false)
  const pageCount = view.getUint32(28, false)
  return {
    pageSize: pageSizeOf(stored === 1 ? 65_536 : stored, path),
    pageCount: knowsPageCount && pageCount > 0 ? pageCount : undefined,
  }
}

/**
 * Counts the pages of a SQLite file of a given length.
 *
 * @throws {@link FileError} `FILE_SIZE`, or `FILE_TRUNCATED` if the header promises more pages than there are.
 */
export function sqlitePageCount(header: SqliteHeader, byteLength: number, path: string): number {
  const pageCount = wholePages(byteLength, header.pageSize, path)
  if (header.pageCount !== undefined && header.pageCount > pageCount) {
    throw new FileError('FILE_TRUNCATED', `the file is cut off, path=${path} pages=${pageCount} expected=${header.pageCount}`)
  }
  return pageCount
}

/** Counts the pages of a file of a given length. Throws {@link FileError} `FILE_EMPTY`, `FILE_SIZE`. */
export function wholePages(byteLength: number, pageSize: PageSize, path: string): number {
  if (byteLength === 0) throw new FileError('FILE_EMPTY', `the file is empty, path=${path}`)
  if (byteLength % pageSize !== 0) {
    throw new FileError('FILE_SIZE', `not a whole number of pages, path=${path} bytes=${byteLength} pageSize=${pageSize}`)
  }
  return byteLength / pageSize
}

/** Tells whether a rollback journal belongs to a transaction that is not over. */
export function isHotJournal(bytes: Uint8Array): boolean {
  return JOURNAL_MAGIC.every((byte, i) => bytes[i] === byte)
}

function pageSizeOf(value: number, path: string): PageSize {
  try {
    return parsePageSize(value)
  } catch (cause) {
    throw new FileError('FILE_NOT_SQLITE', `the header names no valid page size, path=${path} pageSize=${value}`, { cause })
  }
}

function notSqlite(path: string): FileError {
  return new FileError('FILE_NOT_SQLITE', `not a SQLite database, path=${path}`)
}
