import type { Changes, Lsn, VolumeId } from '@graft-ts/volume'

// What an entry costs beside its bytes, so that zero pages are bounded too.
const ENTRY_BYTES = 256

/** A page of the remote log in memory. */
export interface CachedPage {
  /** First LSN for which it is known to hold. */
  readonly from: Lsn
  /** Last LSN for which it is known to hold; `undefined`: up to the base. */
  readonly to: Lsn | undefined
  /** `undefined`: zeros. Belongs to the cache: not to be written to. */
  readonly bytes: Uint8Array | undefined
}

/** Entries by page index: those of the remote log, or those that one local commit wrote. */
type Shelf = Map<number, Entry>

interface Entry extends CachedPage {
  readonly shelf: Shelf
  readonly pageIndex: number
  /** Whether it was read since it was last looked at for making room. */
  isUsed: boolean
  older: Entry | undefined
  younger: Entry | undefined
}

interface VolumePages {
  readonly remote: Shelf
  /** By the sequence of the local commit. */
  readonly local: Map<number, Shelf>
}

/**
 * Pages in memory, of all volumes of a client, bounded in bytes: the version of each page of the remote log that was used
 * last, and pages of local commits.
 *
 * A hit only leaves a mark, which is why it costs little more than looking up a number; whoever makes room goes from the
 * oldest entry on, and lets those with a mark pass once (second chance).
 */
export class PageCache {
  readonly #bytesMax: number
  readonly #volumes = new Map<VolumeId, VolumePages>()
  #bytes = 0
  #oldest: Entry | undefined
  #newest: Entry | undefined

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** What the pages take up, and what it costs to keep them. */
  get bytes(): number {
    return this.#bytes
  }

  /** A page of the remote log that holds at an LSN, `base` being the present base of its volume. */
  find(volumeId: VolumeId, pageIndex: number, lsn: Lsn, base: Lsn): CachedPage | undefined {
    const entry = this.#volumes.get(volumeId)?.remote.get(pageIndex)
    if (entry === undefined) return undefined
    if (lsn < entry.from || lsn > (entry.to ?? base)) return undefined
    entry.isUsed = true
    return entry
  }

  /** Whether some version of a page of the remote log is here. Does not count as a use. */
  has(volumeId: VolumeId, pageIndex: number): boolean {
    return this.#volumes.get(volumeId)?.remote.has(pageIndex) === true
  }

  /** Keeps a page of the remote log. Its bytes are handed over. */
  keep(volumeId: VolumeId, pageIndex: number, page: CachedPage): void {
    this.#add(this.#pagesOf(volumeId).remote, pageIndex, page)
  }

  /** A page as a local commit wrote it. */
  findLocal(volumeId: VolumeId, sequence: number, pageIndex: number): Uint8Array | undefined {
    const entry = this.#volumes.get(volumeId)?.local.get(sequence)?.get(pageIndex)
    if (entry === undefined) return undefined
    entry.isUsed = true
    return entry.bytes
  }

  /** Keeps a page as a local commit wrote it. Its bytes are handed over. */
  keepLocal(volumeId: VolumeId, sequence: number, pageIndex: number, bytes: Uint8Array): void {
    const { local } = this.#pagesOf(volumeId)
    let shelf = local.get(sequence)
    if (shelf === undefined) {
      shelf = new Map()
      local.set(sequence, shelf)
      // Those that have become empty go when others come.
      for (const [other, pages] of local) {
        if (pages.size > 0 || other === sequence) break
        local.delete(other)
      }
    }
    this.#add(shelf, pageIndex, { from: 0 as Lsn, to: undefined, bytes })
  }

  /** Drops the pages of a volume that others changed or cut off. */
  drop(volumeId: VolumeId, { pages, floor }: Changes): void {
    const remote = this.#volumes.get(volumeId)?.remote
    if (remote === undefined) return
    if (floor === undefined && pages.size < remote.size) {
      for (const pageIndex of pages) this.#remove(remote.get(pageIndex))
      return
    }
    for (const [pageIndex, entry] of remote) {
      if (pages.has(pageIndex) || (floor !== undefined && pageIndex > floor)) this.#remove(entry)
    }
  }

  /** Drops everything of a volume. */
  dropVolume(volumeId: VolumeId): void {
    const volume = this.#volumes.get(volumeId)
    if (volume === undefined) return
    for (const shelf of [volume.remote, ...volume.local.values()]) for (const entry of shelf.values()) this.#remove(entry)
    this.#volumes.delete(volumeId)
  }

  #pagesOf(volumeId: VolumeId): VolumePages {
    let volume = this.#volumes.get(volumeId)
    if (volume === undefined) {
      volume = { remote: new Map(), local: new Map() }
      this.#volumes.set(volumeId, volume)
    }
    return volume
  }

  #add(shelf: Shelf, pageIndex: number, { from, to, bytes }: CachedPage): void {
    this.#remove(shelf.get(pageIndex))
    const entry: Entry = { from, to, bytes, isUsed: false, shelf, pageIndex, older: undefined, younger: undefined }
    if (bytesOf(entry) > this.#bytesMax) return
    shelf.set(pageIndex, entry)
    this.#bytes += bytesOf(entry)
    this.#append(entry)
    while (this.#bytes > this.#bytesMax) this.#makeRoom()
  }

  /** Looks at the oldest entry: drops it, or lets it pass for the last time. */
  #makeRoom(): void {
    const entry = this.#oldest as Entry
    if (!entry.isUsed) return this.#remove(entry)
    entry.isUsed = false
    this.#unlink(entry)
    this.#append(entry)
  }

  #remove(entry: Entry | undefined): void {
    if (entry === undefined) return
    entry.shelf.delete(entry.pageIndex)
    this.#bytes -= bytesOf(entry)
    this.#unlink(entry)
  }

  #append(entry: Entry): void {
    entry.older = this.#newest
    if (this.#newest === undefined) this.#oldest = entry
    else this.#newest.younger = entry
    this.#newest = entry
  }

  #unlink(entry: Entry): void {
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
