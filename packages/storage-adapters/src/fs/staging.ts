import { join } from 'node:path'
import { bodyLength, type ObjectBody } from '../bodies.ts'
import type { FsEnvironment } from './environment.ts'
import { STAGING_FOLDER } from './file-names.ts'
import { errnoOf, type Files, isFound, type LateCloses, makeFolder, quietly, removeTree } from './files.ts'
import { goneError } from './fs-errors.ts'
import { encodeHeader, STAMP_BYTES, writeObject } from './object-file.ts'
import { formatOwner, isGone, type Owner, parseOwner } from './owner.ts'

const INSTANCE_BYTES = 10
/** What a deletion moves the object to, inside its own folder inside the lock. */
export const DELETED_NAME = 'deleted'
const OWNER_PREFIX = 'owner-'
const LOCK_PREFIX = 'lock-'
const LOCK_TO_BE_PREFIX = 'next-'
// What belongs to a process that cannot be seen from here (another container or machine) is left alone this long.
const FOREIGN_AGE_MS = 60 * 60 * 1000

/** Names one write: unique among all writes to the store, ever. */
export interface Stamp {
  readonly bytes: Uint8Array
  /** File name of the write among those of its owner; tells the owner. */
  readonly name: string
}

/** What goes with the writing of a file. */
export interface WriteOptions {
  readonly signal: AbortSignal | undefined
  /** Fails if the file is not wanted; waited for before the file is synced. */
  readonly look?: Promise<void>
  /** Other work of the same write, done while the disk syncs the file. */
  readonly besideSync?: () => Promise<void>
}

/**
 * The folder of what is not finished: files that are being written, in one folder per opened store, and locks.
 *
 * Anything in here may be removed at any time by anybody without harm: a writer that loses its file or its lock before
 * the moment of its effect notices, because that moment is a rename or link of exactly that file, and starts again.
 */
export class Staging {
  readonly path: string
  readonly #environment: FsEnvironment
  readonly #files: Files
  readonly #closes: LateCloses
  readonly #directory: string
  readonly #fsync: boolean
  readonly #owner: Owner
  readonly #ownerText: string
  readonly #ownFolder: string
  readonly #instance: Uint8Array
  #stamps = 0

  private constructor(environment: FsEnvironment, closes: LateCloses, directory: string, fsync: boolean, owner: Owner) {
    this.#environment = environment
    this.#files = environment.files
    this.#closes = closes
    this.#directory = directory
    this.#fsync = fsync
    this.#owner = owner
    this.#instance = Buffer.from(owner.instance, 'hex')
    this.path = join(directory, STAGING_FOLDER)
    this.#ownerText = formatOwner(owner)
    this.#ownFolder = join(this.path, OWNER_PREFIX + this.#ownerText)
  }

  /** Makes the folder, clears what crashed processes left, and takes a place of its own in it. */
  static async open(environment: FsEnvironment, closes: LateCloses, directory: string, fsync: boolean): Promise<Staging> {
    const owner = await environment.identify(Buffer.from(environment.randomBytes(INSTANCE_BYTES)).toString('hex'))
    const staging = new Staging(environment, closes, directory, fsync, owner)
    await makeFolder(environment.files, staging.path)
    await staging.#clean()
    await makeFolder(environment.files, staging.#ownFolder)
    return staging
  }

  /** Gives the place up. Nothing of it may be in use. */
  async close(): Promise<void> {
    await quietly(this.#files.rmdir(this.#ownFolder))
  }

  /** A stamp that no other write has or will have. */
  nextStamp(): Stamp {
    const bytes = new Uint8Array(STAMP_BYTES)
    bytes.set(this.#instance)
    const number = ++this.#stamps
    const view = new DataView(bytes.buffer)
    view.setUint16(INSTANCE_BYTES, Math.floor(number / 2 ** 32))
    view.setUint32(INSTANCE_BYTES + 2, number % 2 ** 32)
    return { bytes, name: `${this.#ownerText}.${number}` }
  }

  /** Path for a file or folder of this owner. */
  pathOf(name: string): string {
    return join(this.#ownFolder, name)
  }

  /** Path of the lock of a key. */
  lockPathOf(keyHash: string): string {
    return join(this.path, LOCK_PREFIX + keyHash)
  }

  /** Path for the folder that becomes a lock: beside the locks, for a folder that changes its parent is renamed more slowly. */
  lockToBePathOf(stampName: string): string {
    return join(this.path, LOCK_TO_BE_PREFIX + stampName)
  }

  /** Tells whether the process behind a staged name is certainly gone. */
  async isAbandoned(stampName: string): Promise<boolean> {
    const owner = parseOwner(stampName.split('.')[0] ?? '')
    return owner !== undefined && isGone(owner, this.#owner)
  }

  /** Writes an object file, durable unless that is switched off, and leaves nothing behind when it fails. */
  async writeFile(path: string, stamp: Stamp, body: ObjectBody, options: WriteOptions): Promise<void> {
    const files = this.#files
    const { signal, look, besideSync } = options
    const fd = await this.#retryWithFolder(() => files.open(path, 'wx'))
    try {
      try {
        await writeObject(files, fd, encodeHeader(bodyLength(body), stamp.bytes), body, signal)
        await look
        const work = this.#fsync ? [files.fdatasync(fd)] : []
        if (besideSync !== undefined) work.push(besideSync())
        for (const outcome of await Promise.allSettled(work)) if (outcome.status === 'rejected') throw outcome.reason
      } catch (error) {
        this.#closes.close(fd)
        throw error
      }
      // Without a sync, closing is the last that can tell of bytes that found no place.
      if (this.#fsync) this.#closes.close(fd)
      else await files.close(fd)
    } catch (error) {
      await quietly(files.unlink(path))
      throw error
    }
  }

  /** Makes the folder that becomes a lock; tells a store that is gone. */
  async makeFolder(path: string): Promise<void> {
    await this.#retryWithFolder(() => this.#files.mkdir(path))
  }

  /** Tells a missing object from a missing store. @throws {@link StoreError} `STORE_MISSING` */
  async checkPresent(): Promise<void> {
    if (!(await isFound(this.#files.stat(this.path)))) throw goneError(this.#directory)
  }

  /** Takes a held lock from its holder, who will notice and start again. */
  async revoke(lock: string, holder: string): Promise<void> {
    const path = join(lock, holder)
    if (await this.#isRemoved(this.#files.unlink(path))) return
    // A folder: a deletion. If it holds the object, the deletion has happened and only its cleaning up is missing.
    await this.#isRemoved(this.#files.unlink(join(path, DELETED_NAME)))
    await this.#isRemoved(this.#files.rmdir(path))
  }

  async #isRemoved(removal: Promise<void>): Promise<boolean> {
    try {
      await removal
      return true
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'ENOENT') return true
      if (errno === 'EISDIR' || errno === 'EPERM' || errno === 'ENOTEMPTY') return false
      throw error
    }
  }

  async #retryWithFolder<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      // Another process took this one for gone and cleared its folder.
      await this.checkPresent()
      await makeFolder(this.#files, this.#ownFolder)
      return await run()
    }
  }

  async #clean(): Promise<void> {
    for (const entry of await this.#files.readdir(this.path)) {
      const path = join(this.path, entry.name)
      const owned = [OWNER_PREFIX, LOCK_TO_BE_PREFIX].find((prefix) => entry.name.startsWith(prefix))
      if (owned !== undefined) {
        if (await this.#mayRemove(path, entry.name.slice(owned.length))) await removeTree(this.#files, path)
      } else if (entry.name.startsWith(LOCK_PREFIX)) await this.#cleanLock(path)
    }
  }

  async #cleanLock(lock: string): Promise<void> {
    let holders: string[] = []
    try {
      holders = (await this.#files.readdir(lock)).map((entry) => entry.name)
    } catch (error) {
      // Released meanwhile.
      if (errnoOf(error) !== 'ENOENT') throw error
    }
    for (const holder of holders) {
      if (await this.#mayRemove(lock, holder)) await this.revoke(lock, holder)
    }
    // Fails if it is held.
    await quietly(this.#files.rmdir(lock))
  }

  async #mayRemove(folder: string, stampName: string): Promise<boolean> {
    if (await this.isAbandoned(stampName)) return true
    const owner = parseOwner(stampName.split('.')[0] ?? '')
    const isSeenFromHere = owner?.host === this.#owner.host && owner.namespace === this.#owner.namespace
    if (isSeenFromHere) return false
    try {
      return this.#environment.clock.dateMs() - (await this.#files.stat(folder)).mtimeMs > FOREIGN_AGE_MS
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false
      throw error
    }
  }
}
