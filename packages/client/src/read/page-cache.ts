// What an entry costs beside its bytes, so that zero pages are bounded too.
const ENTRY_BYTES = 256

/** A page in memory. `Version` is what its versions are told apart by. */
export interface CachedPage<Version extends number = number> {
  /** The first version for which it is known to hold. */
  readonly from: Version
  /** The last one; `undefined`: that is known elsewhere. */
  readonly to: Version | undefined
  /** `undefined`: zeros. Belongs to the cache: not to be written to. */
  readonly bytes: Uint8Array | undefined
}

/** Pages of one sort by index. Only the cache adds to it and takes from it. */
export type Shelf<Version extends number> = Map<number, CacheEntry<Version>>

/** A page in its place. */
export interface CacheEntry<Version extends number = number> extends CachedPage<Version> {
  readonly shelf: Pick<Shelf<Version>, 'delete'>
  readonly pageIndex: number
  /** Whether it was read since it was last looked at for making room. Whoever finds it sets this. */
  isUsed: boolean
  older: CacheEntry | undefined
  younger: CacheEntry | undefined
}

/**
 * Pages in memory, of all volumes of a client, bounded in bytes.
 *
 * A hit only leaves a mark, which is why it costs little more than looking up a number; whoever makes room goes from the
 * oldest entry on, and lets those with a mark pass once (second chance).
 */
export class PageCache {
  readonly #bytesMax: number
  #bytes = 0
  #oldest: CacheEntry | undefined
  #newest: CacheEntry | undefined

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** What the pages take up, and what it costs to keep them. */
  get bytes(): number {
    return this.#bytes
  }

  /** Puts a page on a shelf, in the place of the one that was there. Its bytes are handed over. */
  add<V extends number>(shelf: Shelf<V>, pageIndex: number, { from, to, bytes }: CachedPage<V>): void {
    this.remove(shelf.get(pageIndex))
    const entry: CacheEntry<V> = { from, to, bytes, isUsed: false, shelf, pageIndex, older: undefined, younger: undefined }
    if (bytesOf(entry) > this.#bytesMax) return
    shelf.set(pageIndex, entry)
    this.#bytes += bytesOf(entry)
    this.#append(entry)
    while (this.#bytes > this.#bytesMax) this.#makeRoom()
  }

  /** Takes a page from its shelf. */
  remove(entry: CacheEntry | undefined): void {
    if (entry === undefined) return
    entry.shelf.delete(entry.pageIndex)
    this.#bytes -= bytesOf(entry)
    this.#unlink(entry)
  }

  /** Looks at the oldest entry: drops it, or lets it pass for the last time. */
  #makeRoom(): void {
    const entry = this.#oldest as CacheEntry
    if (!entry.isUsed) return this.remove(entry)
    entry.isUsed = false
    this.#unlink(entry)
    this.#append(entry)
  }

  #append(entry: CacheEntry): void {
    entry.older = this.#newest
    if (this.#newest === undefined) this.#oldest = entry
    else this.#newest.younger = entry
    this.#newest = entry
  }

  #unlink(entry: CacheEntry): void {
    const { older, younger } = entry
    if (older === undefined) this.#oldest = younger
    else older.younger = younger
    if (younger === undefined) this.#newest = older
    else younger.older = older
    entry.older = undefined
    entry.younger = undefined
  }
}

function bytesOf({ bytes }: CachedPage): number {
  return (bytes?.length ?? 0) + ENTRY_BYTES
}
