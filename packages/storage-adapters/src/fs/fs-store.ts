import { dirname, resolve } from 'node:path'
import type { ObjectBody } from '../bodies.ts'
import { isStoreError, StoreError, throwIfAborted } from '../errors.ts'
import { checkKey, checkPrefix, KEY_BYTES_MAX } from '../keys.ts'
import {
  type CallOptions,
  type CompareAndSwapOptions,
  checkBody,
  checkBytes,
  checkEtag,
  checkLimit,
  checkObjectBytesMax,
  checkRange,
  checkStartAfter,
  type DeleteOptions,
  type GetOptions,
  type ListOptions,
  type ListPage,
  OBJECT_BYTES_MAX_DEFAULT,
  type ObjectInfo,
  type ObjectStore,
  type StoreCapabilities,
  type StoredObject,
  type WriteResult,
} from '../object-store.ts'
import { type FsEnvironment, nodeEnvironment } from './environment.ts'
import { objectPath } from './file-names.ts'
import { errnoOf, type Files, isFound, LateCloses } from './files.ts'
import { FolderSync, Folders } from './folders.ts'
import { openError, readError } from './fs-errors.ts'
import { KeyLocks } from './key-lock.ts'
import { listFolder } from './list.ts'
import { readInfo, readRange, readWhole } from './object-file.ts'
import { Staging } from './staging.ts'
import { ObjectWriter } from './writer.ts'

// The longest key takes up to 3,120 bytes of a path once it is escaped, and Linux allows 4,095.
const DIRECTORY_BYTES_MAX = 900
const DELETIONS_MAX = 16

/** Options of {@link FsStore.open}. */
export interface FsStoreOptions {
  /**
   * Makes each write durable before it resolves: file and folder are synced. Default `true`. With `false` a crash of
   * the process loses nothing, but a crash of the machine may lose writes that resolved and leave objects that fail
   * with `STORE_CORRUPT`: for tests and caches.
   */
  readonly fsync?: boolean | undefined
  /** Makes the folder, and those above it, if it does not exist. Default `false`: a missing folder is an error. */
  readonly createDirectory?: boolean | undefined
  /** The largest object, in bytes; default 1 GiB. */
  readonly objectBytesMax?: number | undefined
}

/** Opens a store in an environment that a test controls. {@link FsStore.open} does so in that of Node. */
export let openFsStore: (environment: FsEnvironment, directory: string, options?: FsStoreOptions) => Promise<FsStore>

/**
 * Keeps objects as files of a folder, for one machine. Several processes may use the same folder at once.
 *
 * No state of a crash, `kill -9` included, shows a part of a write or blocks other writers for longer than half a second;
 * what a crashed process left is cleared when the folder is opened again. Needs a local file system with hard links
 * and names that tell case apart; tested on Linux. Etags never repeat.
 *
 * @see docs/format/fs-store.md for the files.
 */
export class FsStore implements ObjectStore {
  readonly capabilities: StoreCapabilities
  readonly #directory: string
  readonly #files: Files
  readonly #closes: LateCloses
  readonly #staging: Staging
  readonly #folderSync: FolderSync
  readonly #writer: ObjectWriter
  readonly #running = new Set<Promise<unknown>>()
  #isClosed = false

  private constructor(
    environment: FsEnvironment,
    closes: LateCloses,
    staging: Staging,
    directory: string,
    options: FsStoreOptions,
  ) {
    const { files, clock } = environment
    this.#directory = directory
    this.#files = files
    this.#closes = closes
    this.#staging = staging
    this.#folderSync = new FolderSync(files, options.fsync ?? true)
    this.#writer = new ObjectWriter({
      files,
      staging,
      folders: new Folders(files, this.#folderSync, directory),
      folderSync: this.#folderSync,
      locks: new KeyLocks(files, staging, clock),
      readEtag: async (key) => (await this.#read(key, (fd) => readInfo(files, fd, key)))?.etag,
    })
    this.capabilities = Object.freeze({
      create: true,
      compareAndSwap: true,
      conditionalDelete: true,
      orderedListing: true,
      uniqueEtags: true,
      objectBytesMax: checkObjectBytesMax(options.objectBytesMax ?? OBJECT_BYTES_MAX_DEFAULT),
      keyBytesMax: KEY_BYTES_MAX,
    })
  }

  /**
   * Opens the store in a folder, which must be writable, and clears what crashed processes left in it.
   *
   * @param directory The folder; a relative path is resolved now. At most 900 bytes long.
   * @throws {@link StoreError} `STORE_MISSING` if there is no such folder, `STORE_NOT_WRITABLE`, `STORE_READ_ONLY`,
   * `STORE_FULL`; `STORE_ARGUMENT` if the path is too long.
   */
  static open(directory: string, options: FsStoreOptions = {}): Promise<FsStore> {
    return openFsStore(nodeEnvironment, directory, options)
  }

  static {
    openFsStore = async (environment, directory, options = {}) => {
      const path = checkedDirectory(directory)
      try {
        const fsync = options.fsync ?? true
        if (options.createDirectory === true) await makeFolders(environment.files, path, fsync)
        const closes = new LateCloses(environment.files)
        return new FsStore(environment, closes, await Staging.open(environment, closes, path, fsync), path, options)
      } catch (error) {
        throw isStoreError(error) ? error : openError(error, path)
      }
    }
  }

  /** Waits for the calls under way and lets go of the folder; later calls fail with `STORE_CLOSED`. May be repeated. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(this.#running)
    await this.#closes.settled()
    await this.#folderSync.close()
    await this.#staging.close()
  }

  get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    return this.#run(options, async () => {
      checkKey(key)
      const range = options?.range
      if (range !== undefined) checkRange(range)
      const context = { files: this.#files, capabilities: this.capabilities, key, signal: options?.signal }
      const found = await this.#read(key, (fd) => (range === undefined ? readWhole(context, fd) : readRange(context, fd, range)))
      await this.#writer.settled(key)
      return found
    })
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#run(options, async () => {
      checkKey(key)
      const found = await this.#read(key, (fd) => readInfo(this.#files, fd, key))
      await this.#writer.settled(key)
      return found
    })
  }

  put(key: string, body: ObjectBody, options?: CallOptions): Promise<WriteResult> {
    return this.#run(options, async () => {
      checkBody(body, this.capabilities)
      return this.#writer.replace(checkKey(key), body, undefined, options?.signal)
    })
  }

  create(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    return this.#run(options, async () => {
      checkBytes(body, this.capabilities)
      return this.#writer.create(checkKey(key), body, options?.signal)
    })
  }

  compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    return this.#run(options, async () => {
      checkBytes(body, this.capabilities)
      return this.#writer.replace(checkKey(key), body, checkEtag(options.etag), options.signal)
    })
  }

  delete(key: string, options?: DeleteOptions): Promise<void> {
    return this.#run(options, async () => {
      const etag = options?.etag === undefined ? undefined : checkEtag(options.etag)
      await this.#writer.remove(checkKey(key), etag, options?.signal)
    })
  }

  deleteMany(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.#run(options, async () => {
      const left = [...new Set(keys)]
      for (const key of left) checkKey(key)
      const worker = async (): Promise<void> => {
        for (let key = left.pop(); key !== undefined; key = left.pop()) {
          await this.#writer.remove(key, undefined, options?.signal)
        }
      }
      const outcomes = await Promise.allSettled(Array.from({ length: DELETIONS_MAX }, worker))
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    })
  }

  list(options: ListOptions): Promise<ListPage> {
    return this.#run(options, async () => {
      const page = await listFolder({
        files: this.#files,
        directory: this.#directory,
        prefix: checkPrefix(options.prefix),
        startAfter: checkStartAfter(options.startAfter),
        limit: checkLimit(options.limit),
        signal: options.signal,
      })
      if (page.entries.length === 0) await this.#staging.checkPresent()
      return page
    })
  }

  /** Starts a call unless the store is closed or the caller has given up; its failures are all typed. */
  async #run<T>(options: CallOptions | undefined, call: () => Promise<T>): Promise<T> {
    throwIfAborted(options?.signal)
    if (this.#isClosed) throw new StoreError('STORE_CLOSED', `the store is closed, directory=${this.#directory}`)
    const promise = call()
    this.#running.add(promise)
    try {
      return await promise
    } catch (error) {
      throw readError(error, `read, directory=${this.#directory}`)
    } finally {
      this.#running.delete(promise)
    }
  }

  /** Reads the file of an object; `undefined` if it is absent, which is not the same as a store that is gone. */
  async #read<T>(key: string, read: (fd: number) => Promise<T>): Promise<T | undefined> {
    const fd = await this.#openObject(key)
    if (fd === undefined) return undefined
    try {
      return await read(fd)
    } catch (error) {
      throw readError(error, `read, key=${key}`)
    } finally {
      this.#closes.close(fd)
    }
  }

  async #openObject(key: string): Promise<number | undefined> {
    let fd: number | undefined
    try {
      await isFound(this.#files.open(objectPath(this.#directory, key), 'r').then((opened) => (fd = opened)))
      if (fd === undefined) await this.#staging.checkPresent()
    } catch (error) {
      throw readError(error, `read, key=${key}`)
    }
    return fd
  }
}

function checkedDirectory(directory: string): string {
  // From plain JavaScript it may be anything.
  if (typeof directory === 'string' && directory !== '' && !directory.includes('\0')) {
    const path = resolve(directory)
    if (Buffer.byteLength(path) <= DIRECTORY_BYTES_MAX) return path
  }
  const what = `a path is text of 1 to ${DIRECTORY_BYTES_MAX} bytes without NUL, directory=${JSON.stringify(directory)}`
  throw new StoreError('STORE_ARGUMENT', what)
}

/** Makes a folder and those above it, each durable before the next. */
async function makeFolders(files: Files, path: string, fsync: boolean): Promise<void> {
  try {
    await files.mkdir(path)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EEXIST') return
    if (errno !== 'ENOENT') throw error
    await makeFolders(files, dirname(path), fsync)
    return makeFolders(files, path, fsync)
  }
  if (!fsync) return
  const fd = await files.open(dirname(path), 'r')
  try {
    await files.fsync(fd)
  } finally {
    await files.close(fd)
  }
}
