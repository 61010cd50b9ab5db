import type { CacheFile, NewEntry } from './cache-file.ts'
import type { CacheFiles, Place } from './cache-files.ts'

/** What a frame writer works with. */
export interface FrameWriterOptions {
  readonly files: CacheFiles
  readonly fileBytesMax: number
  /** Milliseconds that never go backwards. */
  readonly nowMs: () => number
  /** Told of each access that failed. */
  readonly onFailure: (error: unknown) => void
}

// What waits to be written; frames that come faster than the disk takes them are dropped.
const QUEUE_BYTES_MAX = 16 * 2 ** 20
// What is written in one call, and how much of an old file is moved in between.
const BATCH_BYTES_MAX = 2 ** 20
const BATCH_FRAMES_MAX = 256
// A disk that has just failed is left alone for so long.
const PAUSE_MS = 5000
// How much of a file may be filled with frames of older ones; the rest is for new frames.
const MOVED_SHARE_MAX = 1 / 2

interface Leaving {
  readonly file: CacheFile
  readonly frames: (readonly [key: number, place: Place])[]
}

/**
 * Appends frames to the file of this process, one batch after the other, and makes room for the next file in good time:
 * the frames of the leaving one that have been read since they were put there move on, the others go with it.
 */
export class FrameWriter {
  readonly #options: FrameWriterOptions
  readonly #queue = new Map<number, Uint8Array>()
  #queuedBytes = 0
  #current: CacheFile | undefined
  #leaving: Leaving | undefined
  #running: Promise<void> | undefined
  #pausedUntilMs = Number.NEGATIVE_INFINITY
  #isClosed = false
  #written = 0
  #dropped = 0

  constructor(options: FrameWriterOptions) {
    this.#options = options
  }

  get written(): number {
    return this.#written
  }

  get dropped(): number {
    return this.#dropped
  }

  /** Takes a frame, or counts it as dropped. */
  write(key: number, frame: Uint8Array): void {
    if (this.#queue.has(key) || this.#options.files.find(key) !== undefined) return
    const isFull = this.#queuedBytes + frame.length > QUEUE_BYTES_MAX
    if (isFull || this.#isClosed || this.#options.nowMs() < this.#pausedUntilMs) {
      this.#dropped += 1
      return
    }
    this.#queue.set(key, frame)
    this.#queuedBytes += frame.length
    this.#running ??= this.#run()
  }

  /** Settles when what was taken up to now has been written, or dropped. */
  async settled(): Promise<void> {
    await this.#running
  }

  /** Takes nothing any more, and finishes the file. */
  async close(): Promise<void> {
    this.#isClosed = true
    // It can go another time, with what it still holds.
    this.#leaving = undefined
    await this.#running
    await this.#finish()
  }

  async #run(): Promise<void> {
    // What arrives in the same turn goes into the same batch.
    await Promise.resolve()
    while (this.#queue.size > 0 || this.#leaving !== undefined) {
      try {
        if (this.#queue.size > 0) await this.#writeBatch()
        if (this.#leaving !== undefined) await this.#moveBatch(this.#leaving)
      } catch (error) {
        this.#options.onFailure(error)
        this.#pausedUntilMs = this.#options.nowMs() + PAUSE_MS
        this.#dropQueue()
        await this.#dropLeaving()
      }
    }
    this.#running = undefined
  }

  async #writeBatch(): Promise<void> {
    const [firstFrame] = this.#queue.values()
    const file = await this.#fileFor((firstFrame as Uint8Array).length)
    const batch = this.#nextBatch(file)
    await this.#append(file, batch)
    this.#written += batch.length
    for (const { key, frame } of batch) {
      this.#queue.delete(key)
      this.#queuedBytes -= frame.length
    }
  }

  #nextBatch(file: CacheFile): NewEntry[] {
    const batch: NewEntry[] = []
    let bytes = 0
    for (const [key, frame] of this.#queue) {
      const together = { count: batch.length + 1, bytes: bytes + frame.length }
      // The first frame fits: that is why it is this file.
      const isFull = batch.length > 0 && (together.count > BATCH_FRAMES_MAX || together.bytes > BATCH_BYTES_MAX)
      if (isFull || !file.hasRoom(together, this.#options.fileBytesMax)) break
      batch.push({ key, frame })
      bytes = together.bytes
    }
    return batch
  }

  async #append(file: CacheFile, entries: readonly NewEntry[]): Promise<void> {
    const offsets = await file.append(entries)
    for (const [i, { key, frame }] of entries.entries()) {
      this.#options.files.put(key, { file, offset: offsets[i] as number, length: frame.length, isUsed: false })
    }
  }

  async #fileFor(frameBytes: number): Promise<CacheFile> {
    const { files, fileBytesMax } = this.#options
    const current = this.#current
    if (current !== undefined) {
      if (!(await current.isWhole())) this.#current = undefined
      else if (current.hasRoom({ count: 1, bytes: frameBytes }, fileBytesMax)) return current
    }
    await this.#finish()
    await this.#dropLeaving()
    await files.look()
    let file = await files.create()
    if (file === undefined) {
      const next = files.nextToGo(undefined)
      if (next !== undefined) await files.drop(next)
      file = await files.create()
    }
    if (file === undefined) throw new Error('all files of the cache are in use by others')
    this.#current = file
    if (!files.hasFreeName) this.#leaving = this.#leave(files.nextToGo(file))
    return file
  }

  /** The file that makes room for the next one, and what is worth being kept of it. */
  #leave(file: CacheFile | undefined): Leaving | undefined {
    if (file === undefined) return undefined
    const { files, fileBytesMax } = this.#options
    const isSmall = files.isSmall(file)
    let bytes = 0
    const frames = [...files.framesIn(file)].filter(([, place]) => {
      if (!isSmall && !place.isUsed) return false
      bytes += place.length
      return bytes <= fileBytesMax * MOVED_SHARE_MAX
    })
    return { file, frames }
  }

  async #moveBatch({ file, frames }: Leaving): Promise<void> {
    const current = this.#current as CacheFile
    let bytes = 0
    while (bytes < BATCH_BYTES_MAX) {
      const next = frames.shift()
      if (next === undefined || !current.hasRoom({ count: 1, bytes: next[1].length }, this.#options.fileBytesMax))
        return this.#dropLeaving()
      const [key, place] = next
      // It may have been forgotten or written anew meanwhile.
      if (this.#options.files.find(key) !== place) continue
      const frame = await this.#readToMove(file, place)
      if (frame === undefined) continue
      const [offset] = await current.append([{ key, frame }])
      // Who waits for its turn to read it finds it here.
      Object.assign(place, { file: current, offset: offset as number, isUsed: false })
      bytes += place.length
    }
  }

  async #readToMove(file: CacheFile, place: Place): Promise<Uint8Array | undefined> {
    try {
      return await file.read(place.offset, place.length)
    } catch (error) {
      this.#options.onFailure(error)
      return undefined
    }
  }

  async #dropLeaving(): Promise<void> {
    const file = this.#leaving?.file
    this.#leaving = undefined
    if (file !== undefined) await this.#options.files.drop(file)
  }

  #dropQueue(): void {
    this.#dropped += this.#queue.size
    this.#queue.clear()
    this.#queuedBytes = 0
  }

  /** Writes the index of the current file, if there is one. */
  async #finish(): Promise<void> {
    const file = this.#current
    this.#current = undefined
    try {
      await file?.seal()
    } catch (error) {
      // Without one it is searched when it is opened again.
      this.#options.onFailure(error)
    }
  }
}
