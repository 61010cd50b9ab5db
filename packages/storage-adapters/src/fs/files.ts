import * as fs from 'node:fs'

/** The file-system calls that the store makes. Tests put one in between to fail calls or to stop at any of them. */
export interface Files {
  open(path: string, flags: string): Promise<number>
  close(fd: number): Promise<void>
  /** Bytes read, fewer than `length` at the end of the file only if the kernel says so: callers loop. */
  read(fd: number, target: Uint8Array, length: number, position: number): Promise<number>
  /** Bytes written, maybe fewer than given: callers loop. */
  writev(fd: number, parts: readonly Uint8Array[], position: number): Promise<number>
  fdatasync(fd: number): Promise<void>
  fsync(fd: number): Promise<void>
  link(existing: string, path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  mkdir(path: string): Promise<void>
  rmdir(path: string): Promise<void>
  readdir(path: string): Promise<fs.Dirent[]>
  stat(path: string): Promise<fs.Stats>
}

// The callback functions, since each FileHandle of node:fs/promises costs more than the system call it makes.
function call(run: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // Not compared with null: under Deno, some calls that succeed say `undefined`.
    run((error) => (error ? reject(error) : resolve()))
  })
}

function ask<T>(run: (done: (error: Error | null, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    run((error, value) => (error ? reject(error) : resolve(value)))
  })
}

/** The calls of node:fs. */
export const nodeFiles: Files = {
  open: (path, flags) => ask((done) => fs.open(path, flags, done)),
  close: (fd) => call((done) => fs.close(fd, done)),
  read: (fd, target, length, position) => ask((done) => fs.read(fd, target, 0, length, position, done)),
  writev: (fd, parts, position) => ask((done) => fs.writev(fd, parts, position, done)),
  fdatasync: (fd) => call((done) => fs.fdatasync(fd, done)),
  fsync: (fd) => call((done) => fs.fsync(fd, done)),
  link: (existing, path) => call((done) => fs.link(existing, path, done)),
  rename: (from, to) => call((done) => fs.rename(from, to, done)),
  unlink: (path) => call((done) => fs.unlink(path, done)),
  mkdir: (path) => call((done) => fs.mkdir(path, done)),
  rmdir: (path) => call((done) => fs.rmdir(path, done)),
  readdir: (path) => ask((done) => fs.readdir(path, { withFileTypes: true }, done)),
  stat: (path) => ask((done) => fs.stat(path, done)),
}

/** The code of a failed system call, `ENOENT`; empty for anything else. */
export function errnoOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return code ?? ''
}

/** Runs a call and tells whether it found its path; other failures are thrown. */
export async function isFound(call: Promise<unknown>): Promise<boolean> {
  try {
    await call
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Runs a clean-up whose failure changes nothing for the caller: what stays behind is taken at the next open. */
export async function quietly(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch {
    // Left for the next open.
  }
}

/** Closes files that nobody has anything to learn from any more, without making their users wait. */
export class LateCloses {
  readonly #files: Files
  readonly #underWay = new Set<Promise<void>>()

  constructor(files: Files) {
    this.#files = files
  }

  /** Closes a file that was only read, or whose bytes are durable: a failure then says nothing about them. */
  close(fd: number): void {
    const closed = quietly(this.#files.close(fd))
    this.#underWay.add(closed)
    void closed.then(() => this.#underWay.delete(closed))
  }

  /** Waits until all of them are closed. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay)
  }
}

/** Makes a folder unless it exists. */
export async function makeFolder(files: Files, path: string): Promise<void> {
  try {
    await files.mkdir(path)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

/** Removes a folder with all that is in it. What others remove or move away meanwhile is no failure. */
export async function removeTree(files: Files, path: string): Promise<void> {
  let entries: readonly fs.Dirent[] = []
  await isFound(files.readdir(path).then((found) => (entries = found)))
  for (const entry of entries) {
    const inner = `${path}/${entry.name}`
    if (entry.isDirectory()) await removeTree(files, inner)
    else await isFound(files.unlink(inner))
  }
  await quietly(files.rmdir(path))
}
