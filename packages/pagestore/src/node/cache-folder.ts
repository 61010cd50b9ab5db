import * as fs from 'node:fs'
import { join } from 'node:path'

/** The file-system calls that the cache makes. Tests put one in between to fail calls, or to stop at any of them. */
export interface CacheFolder {
  /** Makes the folder with those above it, unless it exists. */
  make(): Promise<void>
  /** Which of these names are plain files in it. */
  list(names: ReadonlySet<string>): Promise<FileFacts[]>
  /** Opens a file for reading. */
  open(name: string): Promise<OpenFile>
  /** Makes a file and opens it for both; fails with `EEXIST` if there is one. */
  create(name: string): Promise<OpenFile>
  /**
   * Removes a file, unless another one has taken its name. It is emptied first: another process may have it open, and its
   * bytes would stay on the disk until that one closes it.
   */
  remove(file: { readonly name: string; readonly id: string }): Promise<void>
}

/** What a listing says about a file. */
export interface FileFacts {
  readonly name: string
  /** Tells it from others that have had its name, for as long as somebody has it open. */
  readonly id: string
  readonly bytes: number
}

/** An open file. */
export interface OpenFile {
  readonly id: string
  /** How long it was when it was opened. */
  readonly bytes: number
  /** How long it is now. */
  length(): Promise<number>
  /** Fills the target from a position on; returns how many bytes there were. */
  read(target: Uint8Array, position: number): Promise<number>
  /** Writes all parts one after another from a position on. */
  write(parts: readonly Uint8Array[], position: number): Promise<void>
  close(): Promise<void>
}

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY } = fs.constants
// A link that somebody has put into the folder must not lead us to files elsewhere. Not every system has this flag.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0

/** A folder on a disk. What is made in it is for this user alone: it holds what volumes hold. */
export function diskFolder(directory: string): CacheFolder {
  const open = async (name: string, flags: number): Promise<DiskFile> => {
    const fd = await ask<number>((done) => fs.open(join(directory, name), flags | O_NOFOLLOW, 0o600, done))
    try {
      const { ino, size } = await ask<fs.BigIntStats>((done) => fs.fstat(fd, { bigint: true }, done))
      return new DiskFile(fd, ino.toString(), Number(size))
    } catch (error) {
      await closed(fd)
      throw error
    }
  }
  return {
    make: () => ask((done) => fs.mkdir(directory, { recursive: true, mode: 0o700 }, (error) => done(error, undefined))),
    list: async (names) => {
      const listed = await ask<string[]>((done) => fs.readdir(directory, done))
      const facts = await Promise.all(listed.filter((name) => names.has(name)).map((name) => factsOf(directory, name)))
      return facts.filter((file) => file !== undefined)
    },
    open: (name) => open(name, O_RDONLY),
    create: (name) => open(name, O_RDWR | O_CREAT | O_EXCL),
    remove: async ({ name, id }) => {
      try {
        const file = await open(name, O_WRONLY)
        try {
          if (file.id !== id) return
          await file.empty()
          await ask<void>((done) => fs.unlink(join(directory, name), (error) => done(error, undefined)))
        } finally {
          await file.close()
        }
      } catch (error) {
        if (!isAbsent(error)) throw error
      }
    },
  }
}

async function factsOf(directory: string, name: string): Promise<FileFacts | undefined> {
  try {
    const stats = await ask<fs.BigIntStats>((done) => fs.lstat(join(directory, name), { bigint: true }, done))
    return stats.isFile() ? { name, id: stats.ino.toString(), bytes: Number(stats.size) } : undefined
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Whether another process has been faster in removing a file. */
function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

// The callback functions, since each FileHandle of node:fs/promises costs more than the system call it makes.
function ask<T>(run: (done: (error: Error | null, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    run((error, value) => (error ? reject(error) : resolve(value)))
  })
}

function closed(fd: number): Promise<void> {
  return ask((done) => fs.close(fd, (error) => done(error ?? null, undefined)))
}

class DiskFile implements OpenFile {
  readonly id: string
  readonly bytes: number
  readonly #fd: number

  constructor(fd: number, id: string, bytes: number) {
    this.#fd = fd
    this.id = id
    this.bytes = bytes
  }

  async length(): Promise<number> {
    return (await ask<fs.Stats>((done) => fs.fstat(this.#fd, done))).size
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let done = 0
    while (done < target.length) {
      const count = await ask<number>((then) => fs.read(this.#fd, target, done, target.length - done, position + done, then))
      if (count === 0) break
      done += count
    }
    return done
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    let [rest, at] = [parts, position]
    while (rest.length > 0) {
      const written = await ask<number>((done) => fs.writev(this.#fd, rest, at, done))
      at += written
      rest = after(rest, written)
    }
  }

  empty(): Promise<void> {
    return ask((done) => fs.ftruncate(this.#fd, 0, (error) => done(error, undefined)))
  }

  close(): Promise<void> {
    return closed(this.#fd)
  }
}

/** What is left of some parts after their first bytes. */
function after(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  let skipped = 0
  const rest: Uint8Array[] = []
  for (const part of parts) {
    const cut = Math.min(part.length, count - skipped)
    skipped += cut
    if (cut < part.length) rest.push(part.subarray(cut))
  }
  return rest
}
