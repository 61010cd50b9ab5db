import { FRAME_BYTES_MAX } from '@graft-ts/volume'
import { Budget } from '../budget.ts'
import { PagestoreError } from '../errors.ts'
import type { FrameCache, FrameCacheMetrics } from '../frame-cache.ts'
import { keyOf } from './cache-file-format.ts'
import { CacheFiles, type Place } from './cache-files.ts'
import { type CacheFolder, diskFolder } from './cache-folder.ts'
import { FrameWriter } from './frame-writer.ts'

/** Options of {@link openDiskFrameCache}. */
export interface DiskFrameCacheOptions {
  /** Folder for the cache's files; made if it does not exist. Other files in it are left alone. */
  readonly directory: string
  /**
   * What the files may come to, in bytes, 64 MiB to 1 TiB. Each process that shares the folder names the same; it holds for
   * all of them together.
   */
  readonly bytesMax: number
  /** Milliseconds that never go backwards. Default: those of the process. */
  readonly nowMs?: () => number
  /** Told of each access to the disk that failed; the cache goes on without it. What it throws is ignored. */
  readonly onFailure?: (error: unknown) => void
}

/** A frame cache on a disk. */
export interface DiskFrameCache extends FrameCache {
  /** Settles when what was handed over up to now has been written, or dropped. */
  settled(): Promise<void>
  /** Finds and takes nothing any more, writes what it has been handed, and closes its files. May be called again. */
  close(): Promise<void>
}

/** How a cache is laid out in its folder. */
export interface CacheLayout {
  readonly filesMax: number
  readonly fileBytesMax: number
}

const FILES = 64
const BYTES_MIN = 64 * 2 ** 20
const BYTES_MAX = 2 ** 40
// Each has a buffer for its frame; what goes beyond waits without one.
const READS_MAX = 32

/**
 * Opens a frame cache in a folder, with the frames that earlier processes left there.
 *
 * It may be shared: any number of processes on one machine, or caches in one process, can use a folder at the same time. Each
 * writes to files of its own and reads those of all that were there when it looked. Nothing is synced: what a crash tears is
 * found to be damaged when it is read.
 *
 * @throws {@link PagestoreError} `PAGESTORE_OPTIONS` if the bound is out of range, `FRAME_CACHE_FOLDER` if the folder cannot
 * be made or read.
 * @see docs/format/frame-cache.md. Costs two reads of each file at the start, about 120 bytes of memory for each frame (1,048,576
 * frames at most), and then one read of the disk for a frame.
 */
export async function openDiskFrameCache(options: DiskFrameCacheOptions): Promise<DiskFrameCache> {
  const { directory, bytesMax } = options
  if (!Number.isSafeInteger(bytesMax) || bytesMax < BYTES_MIN || bytesMax > BYTES_MAX) {
    throw new PagestoreError('PAGESTORE_OPTIONS', `bytesMax must be ${BYTES_MIN} to ${BYTES_MAX}, got=${bytesMax}`)
  }
  const layout = { filesMax: FILES, fileBytesMax: Math.floor(bytesMax / FILES) }
  return openFrameCache(diskFolder(directory), layout, options)
}

/** {@link openDiskFrameCache} on any folder, in any layout. */
export async function openFrameCache(
  folder: CacheFolder,
  layout: CacheLayout,
  options: Pick<DiskFrameCacheOptions, 'nowMs' | 'onFailure'>,
): Promise<DiskFrameCache> {
  const cache = new FolderFrameCache(folder, layout, options)
  try {
    await folder.make()
    await cache.open()
  } catch (cause) {
    throw new PagestoreError('FRAME_CACHE_FOLDER', 'the folder of the frame cache cannot be used', { cause })
  }
  return cache
}

class FolderFrameCache implements DiskFrameCache {
  readonly #files: CacheFiles
  readonly #writer: FrameWriter
  readonly #reads = new Budget({ max: READS_MAX, waitingMax: Number.POSITIVE_INFINITY, retryAfterMs: 0 })
  readonly #onFailure: ((error: unknown) => void) | undefined
  #failures = 0
  #isClosed = false
  #closing: Promise<void> | undefined

  constructor(folder: CacheFolder, layout: CacheLayout, options: Pick<DiskFrameCacheOptions, 'nowMs' | 'onFailure'>) {
    const { nowMs = () => performance.now() } = options
    const onFailure = (error: unknown): void => this.#fail(error)
    this.#onFailure = options.onFailure
    this.#files = new CacheFiles({ folder, ...layout, onFailure })
    this.#writer = new FrameWriter({ files: this.#files, fileBytesMax: layout.fileBytesMax, nowMs, onFailure })
  }

  open(): Promise<void> {
    return this.#files.look()
  }

  read(name: string): Promise<Uint8Array | undefined> | undefined {
    const key = keyOf(name)
    const place = this.#isClosed ? undefined : this.#files.find(key)
    if (place === undefined) return undefined
    place.isUsed = true
    return this.#read(key, place)
  }

  async #read(key: number, place: Place): Promise<Uint8Array | undefined> {
    const release = await this.#reads.acquire(1)
    try {
      const frame = await place.file.read(place.offset, place.length)
      if (frame !== undefined) return frame
    } catch (error) {
      this.#fail(error)
    } finally {
      release()
    }
    this.#files.forget(key, place)
    return undefined
  }

  write(name: string, frame: Uint8Array): void {
    if (frame.length > 0 && frame.length <= FRAME_BYTES_MAX) this.#writer.write(keyOf(name), frame)
  }

  remove(name: string): void {
    const key = keyOf(name)
    const place = this.#files.find(key)
    if (place !== undefined) this.#files.forget(key, place)
  }

  metrics(): FrameCacheMetrics {
    return {
      framesWritten: this.#writer.written,
      framesDropped: this.#writer.dropped,
      framesEvicted: this.#files.evicted,
      failures: this.#failures,
      framesNow: this.#files.frames,
      bytesNow: this.#files.bytes,
    }
  }

  settled(): Promise<void> {
    return this.#writer.settled()
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#closing ??= this.#writer.close().then(() => this.#files.close())
    return this.#closing
  }

  #fail(error: unknown): void {
    this.#failures += 1
    try {
      this.#onFailure?.(error)
    } catch {
      // A log that fails is no reason for the cache to fail.
    }
  }
}
