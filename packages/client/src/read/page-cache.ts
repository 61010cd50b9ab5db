import type { Changes, Lsn, VolumeId } from '@graft-ts/volume'
import { LRUCache } from 'lru-cache'

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

/** Pages in memory, of all volumes of a client, bounded in bytes: the version of each page that was used last. */
export class PageCache {
  readonly #pages: LRUCache<string, CachedPage>

  constructor(bytesMax: number) {
    this.#pages = new LRUCache({ maxSize: bytesMax, sizeCalculation: (page) => (page.bytes?.length ?? 0) + ENTRY_BYTES })
  }

  /** A page of the remote log that holds at an LSN, `base` being the present base of its volume. */
  find(volumeId: VolumeId, pageIndex: number, lsn: Lsn, base: Lsn): CachedPage | undefined {
    const page = this.#pages.get(remoteKey(volumeId, pageIndex))
    return page !== undefined && page.from <= lsn && lsn <= (page.to ?? base) ? page : undefined
  }

  /** Whether some version of a page of the remote log is here. Does not count as a use. */
  has(volumeId: VolumeId, pageIndex: number): boolean {
    return this.#pages.has(remoteKey(volumeId, pageIndex))
  }

  /** Keeps a page of the remote log. Its bytes are handed over. */
  keep(volumeId: VolumeId, pageIndex: number, page: CachedPage): void {
    this.#pages.set(remoteKey(volumeId, pageIndex), page)
  }

  /** A page as a local commit wrote it. */
  findLocal(volumeId: VolumeId, sequence: number, pageIndex: number): Uint8Array | undefined {
    return this.#pages.get(localKey(volumeId, sequence, pageIndex))?.bytes
  }

  /** Keeps a page as a local commit wrote it. Its bytes are handed over. */
  keepLocal(volumeId: VolumeId, sequence: number, pageIndex: number, bytes: Uint8Array): void {
    this.#pages.set(localKey(volumeId, sequence, pageIndex), { from: 0 as Lsn, to: undefined, bytes })
  }

  /** Drops everything of a volume. */
  dropVolume(volumeId: VolumeId): void {
    for (const key of [...this.#pages.keys()]) if (key.startsWith(volumeId)) this.#pages.delete(key)
  }

  /** Drops the pages of a volume that others changed or cut off. */
  drop(volumeId: VolumeId, changes: Changes): void {
    const { pages, floor } = changes
    if (floor === undefined && pages.size < this.#pages.size) {
      for (const pageIndex of pages) this.#pages.delete(remoteKey(volumeId, pageIndex))
      return
    }
    const prefix = remotePrefix(volumeId)
    for (const key of [...this.#pages.keys()]) {
      if (!key.startsWith(prefix)) continue
      const pageIndex = Number(key.slice(prefix.length))
      if (pages.has(pageIndex) || (floor !== undefined && pageIndex > floor)) this.#pages.delete(key)
    }
  }
}

function remotePrefix(volumeId: VolumeId): string {
  return `${volumeId}/`
}

function remoteKey(volumeId: VolumeId, pageIndex: number): string {
  return `${remotePrefix(volumeId)}${pageIndex}`
}

function localKey(volumeId: VolumeId, sequence: number, pageIndex: number): string {
  return `${volumeId}:${sequence}:${pageIndex}`
}
