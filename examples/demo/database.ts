// The real SQLite database that the demonstrations replicate, and how it changes.
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { copyFile, open, readFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'

/** The page size that the database is built with. */
export const PAGE_SIZE = 4096
const CHUNK_BYTES = 2 ** 20

/** A page of the file that changed. */
export interface ChangedPage {
  readonly pageIndex: number
  /** A view into the image. */
  readonly bytes: Uint8Array
}

/** A database file, with an image of its bytes in memory that tells which pages an UPDATE changed. */
export class DemoDatabase {
  readonly path: string
  readonly #database: DatabaseSync
  readonly #ids: readonly string[]
  readonly #image: Uint8Array<ArrayBuffer>
  readonly #chunk = new Uint8Array(CHUNK_BYTES)
  // Reproducible numbers: the demonstration does the same thing each time.
  #random = 20_260_101

  private constructor(path: string, database: DatabaseSync, image: Uint8Array<ArrayBuffer>) {
    this.path = path
    this.#database = database
    this.#image = image
    this.#ids = database
      .prepare('SELECT id FROM synset ORDER BY id')
      .all()
      .map((row) => row['id'] as string)
  }

  static async open(path: string): Promise<DemoDatabase> {
    const database = new DatabaseSync(path)
    database.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF')
    return new DemoDatabase(path, database, new Uint8Array(await readFile(path)))
  }

  get byteLength(): number {
    return this.#image.length
  }

  get pageCount(): number {
    return this.#image.length / PAGE_SIZE
  }

  /** A page of the file as it was when the image was last refreshed. */
  page(pageIndex: number): Uint8Array {
    return this.#image.subarray((pageIndex - 1) * PAGE_SIZE, pageIndex * PAGE_SIZE)
  }

  /** A number from 1 to `max`. */
  random(max: number): number {
    // Numerical Recipes' linear congruential generator; its upper bits are good enough to scatter pages and rows.
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((this.#random / 2 ** 32) * max) + 1
  }

  /** Counts look-ups of some synsets, through SQLite, in one transaction. */
  lookUp(rows: number): void {
    const update = this.#database.prepare('UPDATE synset SET looked_up = looked_up + 1 WHERE id = ?')
    this.#database.exec('BEGIN')
    for (let i = 0; i < rows; i++) update.run(this.#ids[this.random(this.#ids.length) - 1] as string)
    this.#database.exec('COMMIT')
  }

  /** Reads the file again, and tells which pages are others than before. */
  refresh(): ChangedPage[] {
    const changed: ChangedPage[] = []
    const file = openSync(this.path, 'r')
    try {
      for (let offset = 0; offset < this.#image.length; offset += CHUNK_BYTES) {
        const old = this.#image.subarray(offset, offset + CHUNK_BYTES)
        readSync(file, this.#chunk, 0, old.length, offset)
        this.#compare(old, this.#chunk.subarray(0, old.length), offset / PAGE_SIZE + 1, changed)
      }
    } finally {
      closeSync(file)
    }
    return changed
  }

  #compare(old: Uint8Array, now: Uint8Array, firstPage: number, changed: ChangedPage[]): void {
    if (areEqual(old, now)) return
    for (let offset = 0; offset < old.length; offset += PAGE_SIZE) {
      const page = old.subarray(offset, offset + PAGE_SIZE)
      const newPage = now.subarray(offset, offset + PAGE_SIZE)
      if (areEqual(page, newPage)) continue
      page.set(newPage)
      changed.push({ pageIndex: firstPage + offset / PAGE_SIZE, bytes: page })
    }
  }

  /** A copy of the file's bytes, to compare with later. */
  copyTo(path: string): Promise<void> {
    return copyFile(this.path, path)
  }

  close(): void {
    this.#database.close()
  }
}

/** One page of a file. */
export async function readFilePage(path: string, pageIndex: number): Promise<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const { buffer } = await file.read(new Uint8Array(PAGE_SIZE), 0, PAGE_SIZE, (pageIndex - 1) * PAGE_SIZE)
    return buffer
  } finally {
    await file.close()
  }
}

/** SHA-256 of a file, in hexadecimal. */
export async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

/** What `PRAGMA integrity_check` says of a file. */
export function integrityCheck(path: string): string {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    return String(database.prepare('PRAGMA integrity_check').get()?.['integrity_check'])
  } finally {
    database.close()
  }
}

/** Whether two pages hold the same bytes. */
export function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
