import type { Changes, Lsn } from '@graft-ts/volume'
import type { CachedPage, PageCache, Shelf } from './page-cache.ts'

/**
 * The pages of one volume in memory, within what all volumes may have: of each page the version of the remote log that was used
 * last, and the one of a local commit.
 */
export class VolumeMemory {
  readonly #cache: PageCache
  // By LSN; what has no end holds up to the base.
  readonly #remote: Shelf<Lsn> = new Map()
  // By the sequence of the local commit.
  readonly #local: Shelf<number> = new Map()

  constructor(cache: PageCache) {
    this.#cache = cache
  }

  /** A page of the remote log that holds at an LSN, `base` being the present base of the volume. */
  find(pageIndex: number, lsn: Lsn, base: Lsn): CachedPage<Lsn> | undefined {
    const entry = this.#remote.get(pageIndex)
    if (entry === undefined) return undefined
    if (lsn < entry.from || lsn > (entry.to ?? base)) return undefined
    if (!entry.isUsed) entry.isUsed = true
    return entry
  }

  /** Whether some version of a page of the remote log is here. Does not count as a use. */
  has(pageIndex: number): boolean {
    return this.#remote.has(pageIndex)
  }

  /** Keeps a page of the remote log. Its bytes are handed over. */
  keep(pageIndex: number, page: CachedPage<Lsn>): void {
    this.#cache.add(this.#remote, pageIndex, page)
  }

  /** A page as a local commit wrote it. */
  findLocal(sequence: number, pageIndex: number): Uint8Array | undefined {
    const entry = this.#local.get(pageIndex)
    if (entry === undefined || entry.from !== sequence) return undefined
    if (!entry.isUsed) entry.isUsed = true
    return entry.bytes
  }

  /** Keeps a page as a local commit wrote it. Its bytes are handed over. */
  keepLocal(sequence: number, pageIndex: number, bytes: Uint8Array): void {
    this.#cache.add(this.#local, pageIndex, { from: sequence, to: undefined, bytes })
  }

  /** Pages of a local commit are those of a remote one from now on. */
  adopt(sequence: number, pages: Iterable<number>, from: Lsn): void {
    for (const pageIndex of pages) {
      const entry = this.#local.get(pageIndex)
      if (entry === undefined || entry.from !== sequence) continue
      this.#cache.remove(entry)
      this.keep(pageIndex, { from, to: undefined, bytes: entry.bytes })
    }
  }

  /** Drops pages of the remote log that others changed or cut off. */
  drop({ pages, floor }: Changes): void {
    const remote = this.#remote
    if (floor === undefined && pages.size < remote.size) {
      for (const pageIndex of pages) this.#cache.remove(remote.get(pageIndex))
      return
    }
    for (const [pageIndex, entry] of remote) {
      if (pages.has(pageIndex) || (floor !== undefined && pageIndex > floor)) this.#cache.remove(entry)
    }
  }

  /** Drops everything. */
  clear(): void {
    for (const shelf of [this.#remote, this.#local]) for (const entry of shelf.values()) this.#cache.remove(entry)
  }
}
