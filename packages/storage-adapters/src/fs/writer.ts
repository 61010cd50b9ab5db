import { isSource, type ObjectBody } from '../bodies.ts'
import { StoreError, throwIfAborted } from '../errors.ts'
import type { WriteResult } from '../object-store.ts'
import { objectPathOf } from './file-names.ts'
import { errnoOf, type Files, isFound, quietly } from './files.ts'
import type { FolderSync, Folders } from './folders.ts'
import { effectError, syncError, writeError } from './fs-errors.ts'
import type { KeyLocks } from './key-lock.ts'
import { etagOfStamp } from './object-file.ts'
import { DELETED_NAME, type Staging, type Stamp, type WriteOptions } from './staging.ts'

// How often a write starts again after others took its files or lock; each time it would have to look crashed to them.
const ATTEMPTS_MAX = 20
// A body up to this long is written, not synced, before it is known whether the version to be replaced is there.
const MEANWHILE_BYTES_MAX = 64 * 1024

/** What the writer works with. */
export interface WriterParts {
  readonly files: Files
  readonly staging: Staging
  readonly folders: Folders
  readonly folderSync: FolderSync
  readonly locks: KeyLocks
  /** Reads the etag that an object has now, `undefined` if it is absent. */
  readonly readEtag: (key: string) => Promise<string | undefined>
}

/** One write: which object, on which condition. */
interface Write {
  readonly key: string
  /** The version that has to be there; any or none if absent. */
  readonly etag: string | undefined
  readonly signal: AbortSignal | undefined
  /** Folders of the object, below the folder of the store. */
  readonly names: readonly string[]
  /** Path of the object. */
  readonly target: string
}

/** The moment of a write. */
interface Effect {
  /** The last checks and the one system call that makes the write visible. */
  readonly run: () => Promise<void>
  /** Clears what is left of the write in the staging folder, whether it happened or not. */
  readonly cleanUp: (hasHappened: boolean) => Promise<void>
}

/**
 * The writes of the store. Each has one system call that makes it visible: before it nothing has happened, after it
 * nothing is left to do but to make it durable and to clean up.
 */
export class ObjectWriter {
  readonly #parts: WriterParts
  // Writes that may be visible but are not known to be durable, by key.
  readonly #unsettled = new Map<string, Set<Promise<void>>>()

  constructor(parts: WriterParts) {
    this.#parts = parts
  }

  /** Writes an object if the key is absent. The effect is a `link`, which fails if the name exists. */
  async create(key: string, body: Uint8Array, signal: AbortSignal | undefined): Promise<WriteResult> {
    const { files, staging } = this.#parts
    const write = this.#describe(key, undefined, signal)
    return this.#repeat(write, async () => {
      throwIfAborted(signal)
      await this.#ensureFolders(write)
      const stamp = staging.nextStamp()
      const staged = staging.pathOf(stamp.name)
      await staging.writeFile(staged, stamp, body, { signal })
      await this.#apply(write, {
        run: async () => {
          throwIfAborted(signal)
          await linkNew(files, staged, write)
        },
        cleanUp: () => files.unlink(staged),
      })
      return { etag: etagOfStamp(stamp.bytes) }
    })
  }

  /**
   * Writes an object whatever is there or, with an etag, only over that version. The effect is the rename of the entry
   * of the lock to the object.
   */
  async replace(key: string, body: ObjectBody, etag: string | undefined, signal: AbortSignal | undefined): Promise<WriteResult> {
    const { files, staging, locks } = this.#parts
    const write = this.#describe(key, etag, signal)
    const attempt = async (): Promise<WriteResult> => {
      // A first look, since a loser should not have to sync its body, and with a long one not even to write it.
      const look = this.#checkEtag(write)
      // Its failure is met below, unless something else fails before.
      void quietly(look)
      if (!this.#mayLookMeanwhile(write, body)) await look
      throwIfAborted(signal)
      await this.#ensureFolders(write)
      const stamp = staging.nextStamp()
      const lock = await this.#lock(write, stamp, (folder) => this.#fillFolder(folder, stamp, body, { look, signal }))
      await this.#apply(write, {
        run: async () => {
          await this.#checkEtag(write)
          throwIfAborted(signal)
          await files.rename(`${lock}/${stamp.name}`, write.target)
        },
        cleanUp: (hasHappened) => (hasHappened ? locks.release(lock) : this.#letGo(lock, stamp)),
      })
      return { etag: etagOfStamp(stamp.bytes) }
    }
    return locks.inTurn(key, () => this.#repeat(write, attempt))
  }

  /** Removes an object, with an etag only that version. The effect is the rename of the object into the lock. */
  async remove(key: string, etag: string | undefined, signal: AbortSignal | undefined): Promise<void> {
    const { files, staging, locks } = this.#parts
    const write = this.#describe(key, etag, signal)
    const attempt = async (): Promise<void> => {
      throwIfAborted(signal)
      if (!(await this.#mayRemove(write))) return
      const stamp = staging.nextStamp()
      const lock = await this.#lock(write, stamp, async (folder) => {
        await staging.makeFolder(folder)
        await files.mkdir(`${folder}/${stamp.name}`)
      })
      await this.#apply(write, {
        run: async () => {
          if (!(await this.#mayRemove(write))) return
          throwIfAborted(signal)
          await files.rename(write.target, `${lock}/${stamp.name}/${DELETED_NAME}`)
        },
        cleanUp: () => this.#letGo(lock, stamp),
      })
    }
    await locks.inTurn(key, () => this.#repeat(write, attempt))
  }

  /**
   * Waits until the writes of a key that a read may have seen are durable, or known not to be: what a store has once
   * shown should not be undone by a power failure.
   */
  async settled(key: string): Promise<void> {
    const writes = this.#unsettled.get(key)
    if (writes !== undefined) await Promise.allSettled(writes)
  }

  #describe(key: string, etag: string | undefined, signal: AbortSignal | undefined): Write {
    const { folders, file } = objectPathOf(key)
    return { key, etag, signal, names: folders, target: `${this.#parts.folders.pathOf(folders)}/${file}` }
  }

  async #ensureFolders({ names }: Write): Promise<void> {
    const { folders, staging } = this.#parts
    if (folders.isKnown(names)) return
    // Else folders would be made in a mount point whose disk is away.
    await staging.checkPresent()
    await folders.ensure(names)
  }

  /** Prepares a folder with the entry of a write inside and turns it into the lock of the key; gives its path. */
  async #lock(write: Write, stamp: Stamp, prepare: (folder: string) => Promise<void>): Promise<string> {
    const { files, staging, locks } = this.#parts
    const folder = staging.lockToBePathOf(stamp.name)
    try {
      const prepared = prepare(folder)
      // Reckoned while the disk works.
      const lock = locks.pathOf(write.key)
      await prepared
      throwIfAborted(write.signal)
      await locks.acquire(folder, lock, write.signal)
      return lock
    } catch (error) {
      await quietly(staging.revoke(folder, stamp.name))
      await quietly(files.rmdir(folder))
      throw error
    }
  }

  /**
   * Makes a folder with an object file as its entry. The file is written beside the folder and moved in afterwards:
   * syncing a file in a folder that is new itself would make the folder durable too, which costs as much again.
   */
  async #fillFolder(folder: string, stamp: Stamp, body: ObjectBody, options: WriteOptions): Promise<void> {
    const { files, staging } = this.#parts
    const staged = staging.pathOf(stamp.name)
    await staging.writeFile(staged, stamp, body, { ...options, besideSync: () => staging.makeFolder(folder) })
    try {
      await files.rename(staged, `${folder}/${stamp.name}`)
    } catch (error) {
      await quietly(files.unlink(staged))
      throw error
    }
  }

  async #letGo(lock: string, stamp: Stamp): Promise<void> {
    await quietly(this.#parts.staging.revoke(lock, stamp.name))
    await this.#parts.locks.release(lock)
  }

  /** Whether it costs a loser little to begin its file while the first look is under way. */
  #mayLookMeanwhile({ names }: Write, body: ObjectBody): boolean {
    return !isSource(body) && body.byteLength <= MEANWHILE_BYTES_MAX && this.#parts.folders.isKnown(names)
  }

  async #checkEtag({ key, etag }: Write): Promise<void> {
    if (etag === undefined || (await this.#parts.readEtag(key)) === etag) return
    throw new StoreError('STORE_CHANGED', `the object is absent or has another etag, key=${key}`)
  }

  /** Tells whether there is something to remove. @throws {@link StoreError} `STORE_CHANGED` */
  async #mayRemove({ key, etag, target }: Write): Promise<boolean> {
    if (etag === undefined) {
      // Not by reading: a damaged object can be removed too.
      if (await isFound(this.#parts.files.stat(target))) return true
      await this.#parts.staging.checkPresent()
      return false
    }
    const current = await this.#parts.readEtag(key)
    if (current === undefined || current === etag) return current !== undefined
    throw new StoreError('STORE_CHANGED', `the object has another etag, key=${key}`)
  }

  /** Runs the effect, then makes it durable and cleans up, side by side. */
  async #apply(write: Write, effect: Effect): Promise<void> {
    const applied = this.#applyNow(write, effect)
    const writes = this.#unsettled.get(write.key) ?? new Set()
    this.#unsettled.set(write.key, writes.add(applied))
    try {
      await applied
    } finally {
      writes.delete(applied)
      if (writes.size === 0 && this.#unsettled.get(write.key) === writes) this.#unsettled.delete(write.key)
    }
  }

  async #applyNow({ key, names }: Write, effect: Effect): Promise<void> {
    const { folders, folderSync } = this.#parts
    try {
      await effect.run()
    } catch (error) {
      await quietly(effect.cleanUp(false))
      throw effectError(error, `write, key=${key}`)
    }
    const [synced] = await Promise.allSettled([folderSync.sync(folders.pathOf(names)), effect.cleanUp(true)])
    if (synced.status === 'rejected') throw syncError(synced.reason, `write, key=${key}`)
  }

  /** Tries again while something that the write needs was removed by others before its effect. */
  async #repeat<T>({ key, names }: Write, attempt: () => Promise<T>): Promise<T> {
    const { folders } = this.#parts
    try {
      for (let attempts = 0; attempts < ATTEMPTS_MAX; attempts++) {
        try {
          return await attempt()
        } catch (error) {
          if (errnoOf(error) !== 'ENOENT') throw error
          folders.forget(names)
        }
      }
    } catch (error) {
      throw writeError(error, `write, key=${key}`)
    }
    throw new StoreError('STORE_UNAVAILABLE', `others kept interrupting the write, key=${key}`)
  }
}

async function linkNew(files: Files, staged: string, { key, target }: Write): Promise<void> {
  try {
    await files.link(staged, target)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    throw new StoreError('STORE_EXISTS', `the object exists, key=${key}`, { cause: error })
  }
}
