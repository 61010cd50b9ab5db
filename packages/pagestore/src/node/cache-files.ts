import { CacheFile } from './cache-file.ts'
import { ENTRY_HEADER_BYTES, HEADER_BYTES } from './cache-file-format.ts'
import type { CacheFolder, FileFacts } from './cache-folder.ts'

/** Where a frame is. Moves with it. */
export interface Place {
  file: CacheFile
  offset: number
  readonly length: number
  /** Whether it has been read since it was put there. */
  isUsed: boolean
}

/** What {@link CacheFiles} are told. */
export interface CacheFilesOptions {
  readonly folder: CacheFolder
  /** How many files there may be, of all processes together. */
  readonly filesMax: number
  /** How long each of them may be: both together bound what the folder takes up. */
  readonly fileBytesMax: number
  /** Told of each access that failed, where the cache goes on without it. */
  readonly onFailure: (error: unknown) => void
}

// A file that is less than half full takes the place of a full one; its frames are better off in another.
const SMALL_FILE_SHARE = 1 / 2

/**
 * The files of a cache, and which frame is where.
 *
 * There are only so many names for files, and who makes one fails if another process was faster: so the bound holds
 * whoever works on the folder.
 */
export class CacheFiles {
  readonly #options: CacheFilesOptions
  readonly #files = new Map<string, CacheFile>()
  readonly #places = new Map<number, Place>()
  #freeNames: string[]
  /** What the last look saw, by name. */
  #seen: ReadonlyMap<string, FileFacts> = new Map()
  /** Files that were as long at the last look as at the one before: nobody writes to them. */
  readonly #quiet = new Set<string>()
  #evicted = 0

  constructor(options: CacheFilesOptions) {
    this.#options = options
    this.#freeNames = namesOf(options.filesMax)
  }

  /** Frames that went with their files. */
  get evicted(): number {
    return this.#evicted
  }

  /** Frames that can be found. */
  get frames(): number {
    return this.#places.size
  }

  get bytes(): number {
    return [...this.#files.values()].reduce((sum, file) => sum + file.bytes, 0)
  }

  /** Whether a further file could be made, as far as we know. */
  get hasFreeName(): boolean {
    return this.#freeNames.length > 0
  }

  find(key: number): Place | undefined {
    return this.#places.get(key)
  }

  /** Says where a frame is from now on. */
  put(key: number, place: Place): void {
    this.#places.set(key, place)
  }

  /** Forgets a frame, unless it has been put elsewhere meanwhile. */
  forget(key: number, place: Place): void {
    if (this.#places.get(key) === place) this.#places.delete(key)
  }

  /** Looks at what is in the folder: opens files that others have made, and gives up those that others have removed. */
  async look(): Promise<void> {
    const { folder, filesMax, fileBytesMax } = this.#options
    const names = namesOf(filesMax)
    const listed = new Map((await folder.list(new Set(names))).map((facts) => [facts.name, facts]))
    for (const file of this.#files.values()) {
      if (listed.get(file.name)?.id === file.id) continue
      this.#forgetAll(file)
      await this.#closeFile(file)
    }
    const opened: CacheFile[] = []
    this.#quiet.clear()
    for (const facts of listed.values()) {
      const before = this.#seen.get(facts.name)
      if (before?.id === facts.id && before.bytes === facts.bytes) this.#quiet.add(facts.name)
      // The bound was higher when it was written.
      if (facts.bytes > fileBytesMax) await this.#remove(facts)
      else if (!this.#files.has(facts.name)) await this.#openFile(facts, opened)
    }
    this.#seen = listed
    // Of two copies of a frame the newer one counts.
    for (const file of opened.sort((a, b) => a.sequence - b.sequence)) this.#index(file)
    this.#freeNames = names.filter((name) => !listed.has(name))
  }

  async #openFile(facts: FileFacts, opened: CacheFile[]): Promise<void> {
    try {
      const file = await CacheFile.open(this.#options.folder, facts)
      this.#files.set(file.name, file)
      opened.push(file)
    } catch (error) {
      this.#options.onFailure(error)
    }
  }

  #index(file: CacheFile): void {
    let offset = HEADER_BYTES
    for (const { key, length } of file.entries) {
      offset += ENTRY_HEADER_BYTES
      this.#places.set(key, { file, offset, length, isUsed: false })
      offset += length
    }
  }

  /**
   * Makes a file under a free name.
   *
   * @returns `undefined` if there is none.
   * @throws What the system says if it cannot be made.
   */
  async create(): Promise<CacheFile | undefined> {
    const newest = [...this.#files.values()].reduce((most, file) => Math.max(most, file.sequence), 0)
    for (;;) {
      const name = this.#freeNames.shift()
      if (name === undefined) return undefined
      try {
        const file = await CacheFile.create(this.#options.folder, name, newest + 1)
        this.#files.set(name, file)
        return file
      } catch (error) {
        // Another process has just made it.
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
    }
  }

  /**
   * The file that should go next: a small one, since its frames fit into another; else the oldest. One that somebody writes
   * to goes only if there is no other.
   *
   * @param current Not this one.
   */
  nextToGo(current: CacheFile | undefined): CacheFile | undefined {
    const others = [...this.#files.values()].filter((file) => file !== current)
    const quiet = others.filter((file) => this.#quiet.has(file.name))
    const small = quiet.filter((file) => this.isSmall(file))
    return leastOf(small, (file) => file.bytes) ?? leastOf(quiet.length > 0 ? quiet : others, (file) => file.sequence)
  }

  /** Whether a file takes up a name for too little. */
  isSmall(file: CacheFile): boolean {
    return file.bytes <= this.#options.fileBytesMax * SMALL_FILE_SHARE
  }

  /** The frames that can be found in a file, each with its place. */
  *framesIn(file: CacheFile): Generator<readonly [key: number, place: Place], void, undefined> {
    for (const { key } of file.entries) {
      const place = this.#places.get(key)
      if (place?.file === file) yield [key, place]
    }
  }

  /** Removes a file with the frames that are still in it. */
  async drop(file: CacheFile): Promise<void> {
    this.#forgetAll(file)
    // Reads that are under way get what they came for.
    await file.stop()
    if (await this.#remove(file)) this.#freeNames.push(file.name)
    await this.#closeFile(file)
  }

  async #remove(file: { readonly name: string; readonly id: string }): Promise<boolean> {
    try {
      await this.#options.folder.remove(file)
      return true
    } catch (error) {
      this.#options.onFailure(error)
      return false
    }
  }

  #forgetAll(file: CacheFile): void {
    this.#files.delete(file.name)
    for (const [key] of this.framesIn(file)) {
      this.#places.delete(key)
      this.#evicted += 1
    }
  }

  async #closeFile(file: CacheFile): Promise<void> {
    try {
      await file.close()
    } catch (error) {
      this.#options.onFailure(error)
    }
  }

  /** Closes all files when they are not being read any more. */
  async close(): Promise<void> {
    const files = [...this.#files.values()]
    this.#files.clear()
    this.#places.clear()
    await Promise.all(files.map((file) => this.#closeFile(file)))
  }
}

function leastOf(files: readonly CacheFile[], measure: (file: CacheFile) => number): CacheFile | undefined {
  return files.reduce<CacheFile | undefined>(
    (least, file) => (least === undefined || measure(file) < measure(least) ? file : least),
    undefined,
  )
}

function namesOf(filesMax: number): string[] {
  return Array.from({ length: filesMax }, (_, i) => `${i.toString().padStart(2, '0')}.frames`)
}
