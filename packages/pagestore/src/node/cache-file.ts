import {
  decodeEntryHeader,
  decodeHeader,
  decodeIndex,
  ENTRY_HEADER_BYTES,
  type Entry,
  encodeEntryHeader,
  encodeHeader,
  encodeIndex,
  FILE_ENTRIES_MAX,
  HEADER_BYTES,
  indexBytes,
  indexBytesOf,
  TRAILER_BYTES,
} from './cache-file-format.ts'
import type { CacheFolder, FileFacts, OpenFile } from './cache-folder.ts'

// What is read at a time in search of entries: many small ones, or the header of a big one.
const SCAN_BYTES = 4096

/** A frame that is to be written. */
export interface NewEntry {
  readonly key: number
  readonly frame: Uint8Array
}

/** One file of the cache, open. Only who made it writes to it. */
export class CacheFile {
  readonly name: string
  readonly sequence: number
  /** What is in it, in order. */
  readonly entries: Entry[] = []
  readonly #file: OpenFile
  #bytes: number
  #reads = 0
  #wake: (() => void) | undefined
  #isClosed = false

  private constructor(name: string, sequence: number, file: OpenFile, bytes: number) {
    this.name = name
    this.sequence = sequence
    this.#file = file
    this.#bytes = bytes
  }

  /** Makes a file. */
  static async create(folder: CacheFolder, name: string, sequence: number): Promise<CacheFile> {
    const file = await folder.create(name)
    const made = new CacheFile(name, sequence, file, HEADER_BYTES)
    try {
      await file.write([encodeHeader(sequence)], 0)
      return made
    } catch (error) {
      await folder.remove(made).catch(() => undefined)
      await file.close()
      throw error
    }
  }

  /** Opens a file that somebody has made. One that is no cache file, or a damaged one, is older than all others, and empty. */
  static async open(folder: CacheFolder, { name }: FileFacts): Promise<CacheFile> {
    const file = await folder.open(name)
    try {
      const header = await bytesAt(file, 0, HEADER_BYTES)
      const sequence = header && decodeHeader(header)
      const found = new CacheFile(name, sequence ?? 0, file, file.bytes)
      if (sequence !== undefined) for (const entry of await entriesOf(file)) found.entries.push(entry)
      return found
    } catch (error) {
      await file.close()
      throw error
    }
  }

  get id(): string {
    return this.#file.id
  }

  /** How long it is, as far as we know. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether so many further frames, of so many bytes together, and the index still fit into a file of `fileBytesMax`. */
  hasRoom(frames: { readonly count: number; readonly bytes: number }, fileBytesMax: number): boolean {
    const count = this.entries.length + frames.count
    const bytes = this.#bytes + frames.count * ENTRY_HEADER_BYTES + frames.bytes + indexBytes(count)
    return count <= FILE_ENTRIES_MAX && bytes <= fileBytesMax
  }

  /** Whether nobody has cut it off, as another process does that makes room for a file of its own. */
  async isWhole(): Promise<boolean> {
    return (await this.#file.length()) >= this.#bytes
  }

  /** Reads a frame; `undefined` if the file has been closed or cut off. */
  async read(offset: number, length: number): Promise<Uint8Array | undefined> {
    if (this.#isClosed) return undefined
    this.#reads += 1
    try {
      return await bytesAt(this.#file, offset, length)
    } finally {
      this.#reads -= 1
      if (this.#reads === 0) this.#wake?.()
    }
  }

  /** Writes frames behind one another; gives the offset of each. After a failure the file is as it was. */
  async append(frames: readonly NewEntry[]): Promise<number[]> {
    const parts: Uint8Array[] = []
    const offsets: number[] = []
    let end = this.#bytes
    for (const { key, frame } of frames) {
      parts.push(encodeEntryHeader({ key, length: frame.length }), frame)
      offsets.push(end + ENTRY_HEADER_BYTES)
      end += ENTRY_HEADER_BYTES + frame.length
    }
    await this.#file.write(parts, this.#bytes)
    this.#bytes = end
    for (const { key, frame } of frames) this.entries.push({ key, length: frame.length })
    return offsets
  }

  /** Writes the index: no more entries are to come. */
  async seal(): Promise<void> {
    const index = encodeIndex(this.entries)
    await this.#file.write([index], this.#bytes)
    this.#bytes += index.length
  }

  /** Ends when no read of it is under way; those that come later find nothing. */
  async stop(): Promise<void> {
    this.#isClosed = true
    if (this.#reads === 0) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }

  /** Closes it when no read of it is under way. */
  async close(): Promise<void> {
    await this.stop()
    await this.#file.close()
  }
}

/** The entries of a file: by its index, or, if it was never finished, one after the other up to where it was torn. */
async function entriesOf(file: OpenFile): Promise<Entry[]> {
  return (await indexOf(file)) ?? scan(file)
}

async function indexOf(file: OpenFile): Promise<Entry[] | undefined> {
  const trailer = await bytesAt(file, file.bytes - TRAILER_BYTES, TRAILER_BYTES)
  const byteLength = trailer && indexBytesOf(trailer)
  if (byteLength === undefined || byteLength > file.bytes - HEADER_BYTES) return undefined
  const index = await bytesAt(file, file.bytes - byteLength, byteLength)
  return index && decodeIndex(index, file.bytes)
}

async function scan(file: OpenFile): Promise<Entry[]> {
  const entries: Entry[] = []
  let [at, window, windowStart] = [HEADER_BYTES, new Uint8Array(0), 0]
  while (at + ENTRY_HEADER_BYTES <= file.bytes && entries.length < FILE_ENTRIES_MAX) {
    if (at + ENTRY_HEADER_BYTES > windowStart + window.length) {
      window = new Uint8Array(SCAN_BYTES)
      window = window.subarray(0, await file.read(window, at))
      windowStart = at
      if (window.length < ENTRY_HEADER_BYTES) break
    }
    const entry = decodeEntryHeader(window.subarray(at - windowStart, at - windowStart + ENTRY_HEADER_BYTES))
    if (entry === undefined || at + ENTRY_HEADER_BYTES + entry.length > file.bytes) break
    entries.push(entry)
    at += ENTRY_HEADER_BYTES + entry.length
  }
  return entries
}

/** So many bytes from an offset on; `undefined` if there are fewer. */
async function bytesAt(file: OpenFile, offset: number, length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (offset < 0) return undefined
  const bytes = new Uint8Array(length)
  return (await file.read(bytes, offset)) === length ? bytes : undefined
}
