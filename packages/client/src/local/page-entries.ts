import type { Changes, Lsn, PageSize, Snapshot } from '@graft-ts/volume'
import { Batch, recordBytes } from './batch.ts'
import type { EndedEntry } from './ended-index.ts'
import type { VolumeKeys } from './keys.ts'
import type { Leftovers } from './leftovers.ts'
import type { LocalBytes } from './local-bytes.ts'
import type { LocalDatabase } from './local-store.ts'
import { decodePageEntry, encodePage, encodePageEntry, type PageEntry, storedPageBytes } from './page-entry.ts'
import { hasPending, type StoredPage, type View } from './pins.ts'
import type { VolumeWriter } from './volume-writer.ts'

// Up to here changed pages are looked up one by one; beyond, the pages that are present are walked instead.
const LOOKUP_PAGES_MAX = 20_000
const CHUNK = 1000
// Key and header of an ended entry.
const ENDED_ENTRY_BYTES_MAX = 128

/** A page of the remote log as a read gave it. */
export interface RemotePage {
  readonly pageIndex: number
  /** The commit that wrote it; 0: nobody did, it is zeros. */
  readonly writtenLsn: Lsn
  /** Borrowed; `undefined` for a zero page. */
  readonly bytes: Uint8Array | undefined
}

type EndedPageEntry = PageEntry & { readonly to: Lsn }

/**
 * The pages of one volume in the local store: those of the remote log with the interval for which each holds, and those
 * that local commits wrote.
 *
 * Methods that take a batch add what has to happen to it; whoever writes the batch makes it happen.
 */
export class PageEntries {
  readonly #database: LocalDatabase
  readonly #writer: VolumeWriter
  readonly #keys: VolumeKeys
  readonly #leftovers: Leftovers

  constructor(database: LocalDatabase, writer: VolumeWriter, keys: VolumeKeys, leftovers: Leftovers) {
    this.#database = database
    this.#writer = writer
    this.#keys = keys
    this.#leftovers = leftovers
  }

  /**
   * Keeps pages that were read at a commit, as far as there is room for them.
   *
   * @param base The present base: what was read there holds from now on until a pull says otherwise.
   */
  async keep(lsn: Lsn, pages: readonly RemotePage[], base: Snapshot): Promise<void> {
    const batch = new Batch()
    const isAtBase = lsn === base.lsn
    // What is here already stays: it may be the only thing that leads to the page of a local commit.
    const open = isAtBase ? await this.#database.getMany(pages.map(({ pageIndex }) => this.#keys.openEntry(pageIndex))) : []
    for (const [i, { pageIndex, writtenLsn, bytes }] of pages.entries()) {
      if (open[i] !== undefined) continue
      const from = bytes === undefined ? lsn : writtenLsn
      const content: PageEntry['content'] = bytes === undefined ? { type: 'zero' } : { type: 'bytes', bytes }
      if (isAtBase) this.#keepOpen(pageIndex, { from, to: undefined, content }, batch)
      else if (this.#hasRoomToKeep(bytes, batch)) this.#keepEnded(pageIndex, { from, to: lsn, content }, batch)
    }
    await this.#writer.write(batch, { sync: false })
  }

  /** Writes the pages of a local commit. */
  putLocal(sequence: number, pages: ReadonlyMap<number, Uint8Array>, batch: Batch): void {
    for (const [pageIndex, page] of pages) batch.putPage(this.#keys.localPage(sequence, pageIndex), encodePage(page), 'kept')
  }

  /** Writes the pages of a local commit that is not visible yet. */
  async putUnfinished(sequence: number, pages: ReadonlyMap<number, Uint8Array>): Promise<void> {
    const batch = new Batch()
    this.putLocal(sequence, pages, batch)
    const stored = Array.from(pages, ([pageIndex, page]) => this.#localPage(sequence, pageIndex, page.length))
    this.#leftovers.addUnfinished(sequence, stored, batch)
    await this.#writer.write(batch, { sync: false })
  }

  /**
   * Drops the pages of local commits that are visible no more, and of those that never were.
   *
   * @param pageBytes Of the visible ones.
   */
  dropInvisible(
    replaced: Iterable<{ readonly sequence: number; readonly own: Iterable<number> }>,
    pageBytes: number,
  ): Promise<void> {
    const pagesOf = (sequence: number, own: Iterable<number>): StoredPage[] =>
      Array.from(own, (pageIndex) => this.#localPage(sequence, pageIndex, pageBytes))
    return this.#leftovers.dropInvisible(Array.from(replaced, ({ sequence, own }) => [sequence, pagesOf(sequence, own)] as const))
  }

  /** Makes the pages of a local commit those of a remote one: nothing is copied. They can be fetched again from then on. */
  adopt(pageIndices: Iterable<number>, local: { sequence: number; pageSize: PageSize }, from: Lsn, batch: Batch): void {
    const { sequence, pageSize } = local
    const entry = encodePageEntry({ from, to: undefined, content: { type: 'local', sequence } })
    for (const pageIndex of pageIndices) {
      batch.putPage(this.#keys.openEntry(pageIndex), entry, 'cached')
      batch.recount(this.#localPage(sequence, pageIndex, pageSize).bytes, 'kept', 'cached')
    }
  }

  /** Drops pages of a local commit. */
  dropLocal(pageIndices: Iterable<number>, local: { sequence: number; pageSize: PageSize }, batch: Batch): void {
    const { sequence, pageSize } = local
    for (const pageIndex of pageIndices) {
      this.#drop(this.#localPage(sequence, pageIndex, pageSize), 'kept', (view) => hasPending(view, sequence), batch)
    }
  }

  /** Ends the open entries of pages that changed after `base`; those that nobody can read any more go. */
  async end(changes: Changes, base: Snapshot, batch: Batch): Promise<void> {
    const touched = await this.#touchedKeys(changes)
    for (let i = 0; i < touched.length; i += CHUNK) {
      const keys = touched.slice(i, i + CHUNK)
      for (const [n, bytes] of (await this.#database.getMany(keys)).entries()) {
        if (bytes === undefined) continue
        const key = keys[n] as string
        batch.removePage(key, recordBytes(key, bytes), 'cached')
        this.#endEntry(this.#keys.pageOfOpenEntry(key), { ...decodePageEntry(bytes), to: base.lsn }, base.pageSize, batch)
      }
    }
  }

  #localPage(sequence: number, pageIndex: number, pageBytes: number): StoredPage {
    const key = this.#keys.localPage(sequence, pageIndex)
    return { key, bytes: key.length + storedPageBytes(pageBytes) }
  }

  #hasRoomToKeep(page: Uint8Array | undefined, batch: Batch): boolean {
    return this.#writer.ledger.hasRoomToKeep(batch.growth.kept + ENDED_ENTRY_BYTES_MAX + (page?.length ?? 0))
  }

  #keepOpen(pageIndex: number, entry: PageEntry, batch: Batch): void {
    const key = this.#keys.openEntry(pageIndex)
    const value = encodePageEntry(entry)
    if (this.#writer.ledger.hasRoom(batch.growth.cached + recordBytes(key, value))) batch.putPage(key, value, 'cached')
  }

  #endEntry(pageIndex: number, entry: EndedPageEntry, pageSize: PageSize, batch: Batch): void {
    const { content } = entry
    this.#keepEnded(pageIndex, entry, batch)
    if (content.type !== 'local') return
    // Views that have the local commit itself among their pending ones read the page too.
    const isNeededBy = (view: View): boolean => holdsFor(entry, view) || hasPending(view, content.sequence)
    this.#drop(this.#localPage(content.sequence, pageIndex, pageSize), 'cached', isNeededBy, batch)
  }

  /** Keeps an entry that has ended, if a view may read it. */
  #keepEnded(pageIndex: number, entry: EndedPageEntry, batch: Batch): void {
    const isNeededBy = (view: View): boolean => holdsFor(entry, view)
    if (!this.#leftovers.isNeeded(isNeededBy)) return
    const key = this.#keys.endedEntry(pageIndex, entry.from)
    const value = encodePageEntry(entry)
    // The same version may have been read at another commit before.
    const bytesBefore = this.#leftovers.bytesOf(key)
    if (bytesBefore !== undefined) batch.removePage(key, bytesBefore, 'kept')
    batch.putPage(key, value, 'kept')
    const page = { key, bytes: recordBytes(key, value), ended: { pageIndex, from: entry.from } }
    this.#leftovers.retireEnded(page, { from: entry.from, to: entry.to, content: placeOf(entry) }, isNeededBy, batch)
  }

  /** Drops the page of a local commit: now, or when the last view that may read it is closed. */
  #drop(page: StoredPage, from: keyof LocalBytes, isNeededBy: (view: View) => boolean, batch: Batch): void {
    if (!this.#leftovers.isNeeded(isNeededBy)) return batch.removePage(page.key, page.bytes, from)
    if (from !== 'kept') batch.recount(page.bytes, from, 'kept')
    this.#leftovers.retire(page, isNeededBy, batch)
  }

  async #touchedKeys({ pages, floor }: Changes): Promise<string[]> {
    const touched: string[] = []
    if (pages.size <= LOOKUP_PAGES_MAX) {
      for (const pageIndex of pages) touched.push(this.#keys.openEntry(pageIndex))
    } else {
      for await (const key of this.#database.keys(this.#keys.openEntries)) {
        if (pages.has(this.#keys.pageOfOpenEntry(key))) touched.push(key)
      }
    }
    if (floor === undefined) return touched
    for await (const key of this.#database.keys(this.#keys.openEntriesFrom(floor + 1))) {
      if (!pages.has(this.#keys.pageOfOpenEntry(key))) touched.push(key)
    }
    return touched
  }
}

function placeOf({ content }: PageEntry): EndedEntry['content'] {
  if (content.type === 'local') return content.sequence
  return content.type === 'zero' ? 'zero' : 'stored'
}

/** Whether a view may read an entry that has ended. */
function holdsFor(entry: EndedPageEntry, view: View): boolean {
  return entry.from <= view.base.lsn && view.base.lsn <= entry.to
}
