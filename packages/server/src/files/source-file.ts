import { type FileHandle, open } from 'node:fs/promises'
import type { PageSize } from '@graft-ts/volume'
import { FileError, fileError } from './errors.ts'
import { isHotJournal, parseSqliteHeader, SQLITE_HEADER_BYTES, sqlitePageCount, wholePages } from './sqlite-header.ts'

const READ_BYTES = 2 ** 20
const JOURNAL_MAGIC_BYTES = 8

/** One page of a file. */
export interface SourcePage {
  /** 1-based. */
  readonly pageIndex: number
  /** A view that is overwritten when the next page is asked for. */
  readonly bytes: Uint8Array
}

/** How to read a file that is to be imported. */
export interface SourceOptions {
  /** `undefined`: a SQLite database, whose header tells. */
  readonly rawPageSize: PageSize | undefined
}

/** A file whose pages can be read any number of times, and that knows when it was changed meanwhile. */
export class SourceFile {
  readonly path: string
  readonly pageSize: PageSize
  readonly pageCount: number
  readonly #file: FileHandle
  readonly #version: string

  private constructor(file: FileHandle, found: { path: string; pageSize: PageSize; pageCount: number; version: string }) {
    this.#file = file
    this.path = found.path
    this.pageSize = found.pageSize
    this.pageCount = found.pageCount
    this.#version = found.version
  }

  /**
   * Opens a file and checks that it is whole.
   *
   * @throws {@link FileError} `FILE_MISSING`, `FILE_DENIED`, `FILE_KIND`, `FILE_EMPTY`, `FILE_NOT_SQLITE`, `FILE_SIZE`,
   * `FILE_TRUNCATED`, `FILE_WAL`, `FILE_JOURNAL`.
   */
  static async open(path: string, options: SourceOptions): Promise<SourceFile> {
    const file = await guarded(path, () => open(path, 'r'))
    try {
      const version = await guarded(path, () => versionOf(file, path))
      return new SourceFile(file, { path, version, ...(await guarded(path, () => measure(file, path, options))) })
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** The pages in ascending order. */
  async *pages(): AsyncGenerator<SourcePage, void, undefined> {
    const { pageSize, pageCount } = this
    const buffer = new Uint8Array(Math.max(READ_BYTES, pageSize))
    const pagesAtOnce = buffer.length / pageSize
    for (let done = 0; done < pageCount; done += pagesAtOnce) {
      const bytes = buffer.subarray(0, Math.min(pagesAtOnce, pageCount - done) * pageSize)
      const read = await guarded(this.path, () => readFully(this.#file, bytes, done * pageSize))
      if (read < bytes.length) throw this.#changed()
      for (let i = 0; i * pageSize < read; i++) {
        yield { pageIndex: done + i + 1, bytes: bytes.subarray(i * pageSize, (i + 1) * pageSize) }
      }
    }
  }

  /** Throws {@link FileError} `FILE_CHANGED` if somebody wrote to the file since it was opened. */
  async checkUnchanged(): Promise<void> {
    if ((await guarded(this.path, () => versionOf(this.#file, this.path))) !== this.#version) throw this.#changed()
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  #changed(): FileError {
    return new FileError('FILE_CHANGED', `the file was written to while it was read, path=${this.path}`)
  }
}

async function versionOf(file: FileHandle, path: string): Promise<string> {
  const stat = await file.stat({ bigint: true })
  if (!stat.isFile()) throw new FileError('FILE_KIND', `not a regular file, path=${path}`)
  return `${stat.size} ${stat.mtimeNs}`
}

async function measure(
  file: FileHandle,
  path: string,
  options: SourceOptions,
): Promise<{ pageSize: PageSize; pageCount: number }> {
  const { size } = await file.stat()
  if (options.rawPageSize !== undefined) {
    return { pageSize: options.rawPageSize, pageCount: wholePages(size, options.rawPageSize, path) }
  }
  const start = new Uint8Array(SQLITE_HEADER_BYTES)
  const header = parseSqliteHeader(start.subarray(0, await readFully(file, start, 0)), path)
  await checkCompanions(path)
  return { pageSize: header.pageSize, pageCount: sqlitePageCount(header, size, path) }
}

/** The file alone is the database only if SQLite has nothing beside it that it still needs. */
async function checkCompanions(path: string): Promise<void> {
  const wal = await startOfCompanion(`${path}-wal`)
  if (wal.length > 0) throw new FileError('FILE_WAL', `changes are still in the write-ahead log, path=${path}-wal`)
  const journal = await startOfCompanion(`${path}-journal`)
  if (isHotJournal(journal)) throw new FileError('FILE_JOURNAL', `a transaction is not over, path=${path}-journal`)
}

async function startOfCompanion(path: string): Promise<Uint8Array> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Uint8Array(0)
    throw fileError(error, path)
  }
  try {
    const bytes = new Uint8Array(JOURNAL_MAGIC_BYTES)
    return bytes.subarray(0, await readFully(file, bytes, 0))
  } finally {
    await file.close()
  }
}

async function readFully(file: FileHandle, target: Uint8Array, position: number): Promise<number> {
  let done = 0
  while (done < target.length) {
    const { bytesRead } = await file.read(target, done, target.length - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

async function guarded<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw fileError(error, path)
  }
}
