import type { Changes, Lsn, PageSize, Snapshot } from '@graft-ts/volume'
import { Batch, recordBytes } from './batch.ts'
import type { VolumeKeys } from './keys.ts'
import type { LocalBytes } from './local-bytes.ts'
import type { LocalDatabase } from './local-store.ts'
import { decodePage, decodePageEntry, encodePage, encodePageEntry, type PageEntry, storedPageBytes } from './page-entry.ts'
import { hasPending, Pins, type StoredPage, type View } from './pins.ts'
import { Recency } from './recency.ts'
import type { VolumeWriter } from './volume-writer.ts'

// Up to here changed pages are looked up one by one; beyond, the pages that are present are walked instead.
const LOOKUP_PAGES_MAX = 20_000
const CHUNK = 1000
// Pages that one step of eviction looks at: a commit that comes meanwhile waits for no more than that.
const EVICTION_PAGES_MAX = 256
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

interface LocalPlace {
  readonly sequence: number
  readonly pageIndex: number
}

type EndedEntry = PageEntry & { readonly to: Lsn }

/**
 * The pages of one volume in the local store: those of the remote log with the interval for which each holds, and those
 * that local commits wrote. What the volume itself needs no more stays for as long as an open view may read it (I4).
 *
 * Methods that take a batch add what has to happen to it; whoever writes the batch makes it happen.
 */
export class PageEntries {
  /** Told which pages are read, so that others go first. */
  readonly recency: Recency = new Recency()
  readonly #database: LocalDatabase
  readonly #writer: VolumeWriter
  readonly #keys: VolumeKeys
  readonly #pins = new Pins()
  // Whether the record `dirty` may exist, and the last batch that puts it.
  #isDirty = false
  #dirtied: Batch | undefined
  // Pages that were written for local commits that are not visible yet, by sequence.
  readonly #unfinished = new Map<number, readonly StoredPage[]>()
  // What was kept for views that are closed: gone with the next batch that cleans up and succeeds.
  #garbage: StoredPage[] = []
  // The page at which eviction goes on.
  #hand = 0

  constructor(database: LocalDatabase, writer: VolumeWriter, keys: VolumeKeys) {
    this.#database = database
    this.#writer = writer
    this.#keys = keys
  }

  /** Whether there are ended entries: only while open views need them. */
  get hasEnded(): boolean {
    return this.#pins.hasRetired
  }

  /** Whether there are pages of local commits that are not visible. */
  get hasUnfinished(): boolean {
    return this.#unfinished.size > 0
  }

  /** Opens a view: what it may read is kept from now on. */
  pin(view: View): void {
    this.#pins.pin(view)
  }

  /** Lets go of a view, and of what was kept for it alone. */
  async unpin(view: View): Promise<void> {
    for (const page of this.#pins.unpin(view)) this.#garbage.push(page)
    if (this.#garbage.length > 0) await this.#clean()
  }

  /** The open entries of pages, in their order. */
  async open(pages: readonly number[]): Promise<(PageEntry | undefined)[]> {
    const found = await this.#database.getMany(pages.map((pageIndex) => this.#keys.openEntry(pageIndex)))
    return found.map((bytes) => (bytes === undefined ? undefined : decodePageEntry(bytes)))
  }

  /** The open entry of a page, where the store answers at once. */
  openNow(pageIndex: number): PageEntry | undefined {
    const bytes = this.#database.getNow(this.#keys.openEntry(pageIndex))
    return bytes === undefined ? undefined : decodePageEntry(bytes)
  }

  /** A page as a local commit wrote it, where the store answers at once. */
  localNow(sequence: number, pageIndex: number): Uint8Array | undefined {
    const bytes = this.#database.getNow(this.#keys.localPage(sequence, pageIndex))
    return bytes === undefined ? undefined : decodePage(bytes)
  }

  /** An entry that ended and holds at an LSN. */
  async ended(pageIndex: number, lsn: Lsn): Promise<PageEntry | undefined> {
    for await (const [, bytes] of this.#database.entries(this.#keys.endedEntriesOf(pageIndex))) {
      const entry = decodePageEntry(bytes)
      if (entry.from <= lsn && entry.to !== undefined && lsn <= entry.to) return entry
    }
    return undefined
  }

  /** Pages as local commits wrote them; the bytes belong to the store. `undefined` where there are none. */
  async local(places: readonly LocalPlace[]): Promise<(Uint8Array | undefined)[]> {
    const found = await this.#database.getMany(places.map(({ sequence, pageIndex }) => this.#keys.localPage(sequence, pageIndex)))
    return found.map((bytes) => (bytes === undefined ? undefined : decodePage(bytes)))
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

  /**
   * Drops pages that can be fetched again and were not read since the last time that they were looked at (the clock
   * algorithm). Goes on where the last call stopped, and looks at some hundred pages at most.
   *
   * @param bytesMin Stops when as many bytes are free.
   * @returns What is free, and whether the last page of the volume was reached; then the next call begins at the first.
   */
  async evict(bytesMin: number): Promise<{ readonly bytes: number; readonly isAtEnd: boolean }> {
    const batch = new Batch()
    const local: { readonly key: string; readonly openKey: string; readonly openBytes: number }[] = []
    let looked = 0
    let free = 0
    let next = 0
    for await (const [key, value] of this.#database.entries(this.#keys.openEntriesFrom(this.#hand))) {
      const pageIndex = this.#keys.pageOfOpenEntry(key)
      next = pageIndex
      if (looked++ >= EVICTION_PAGES_MAX || free >= bytesMin) break
      next = 0
      if (this.recency.take(pageIndex)) continue
      const { content } = decodePageEntry(value)
      const openBytes = recordBytes(key, value)
      if (content.type !== 'local') batch.removePage(key, openBytes, 'cached')
      else if (this.#isNeededAs(content.sequence)) continue
      else local.push({ key: this.#keys.localPage(content.sequence, pageIndex), openKey: key, openBytes })
      free += content.type === 'local' ? 0 : openBytes
    }
    const pages = await this.#database.getMany(local.map(({ key }) => key))
    for (const [i, { key, openKey, openBytes }] of local.entries()) {
      const page = pages[i]
      batch.removePage(openKey, openBytes, 'cached')
      if (page !== undefined) batch.removePage(key, recordBytes(key, page), 'cached')
    }
    await this.#writer.write(batch, { sync: false })
    this.#hand = next
    return { bytes: -batch.growth.cached, isAtEnd: next === 0 }
  }

  /** Writes the pages of a local commit. */
  putLocal(sequence: number, pages: ReadonlyMap<number, Uint8Array>, batch: Batch): void {
    for (const [pageIndex, page] of pages) batch.putPage(this.#keys.localPage(sequence, pageIndex), encodePage(page), 'kept')
  }

  /** Writes the pages of a local commit that is not visible yet: a crash before it becomes visible sweeps them away. */
  async putUnfinished(sequence: number, pages: ReadonlyMap<number, Uint8Array>): Promise<void> {
    const batch = new Batch()
    this.markDirty(batch)
    this.putLocal(sequence, pages, batch)
    const stored = Array.from(pages, ([pageIndex, page]) => this.#localPage(sequence, pageIndex, page.length))
    batch.whenDone(() => this.#unfinished.set(sequence, stored))
    await this.#writer.write(batch, { sync: false })
  }

  /** Local commits whose pages were written before have become visible. */
  finish(sequences: Iterable<number>): void {
    for (const sequence of sequences) this.#unfinished.delete(sequence)
  }

  /**
   * Drops the pages of local commits that are visible no more, and of those that never were.
   *
   * @param pageBytes Of the visible ones.
   */
  async dropInvisible(
    replaced: Iterable<{ readonly sequence: number; readonly own: Iterable<number> }>,
    pageBytes: number,
  ): Promise<void> {
    for (const { sequence, own } of replaced) {
      this.#discard(
        sequence,
        Array.from(own, (pageIndex) => this.#localPage(sequence, pageIndex, pageBytes)),
      )
    }
    for (const [sequence, pages] of this.#unfinished) this.#discard(sequence, pages)
    this.#unfinished.clear()
    await this.#clean()
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

  /** Clears away what was kept for views of a process that is gone, and pages that never became visible. */
  async sweep(pendingSequences: ReadonlySet<number>): Promise<void> {
    const batch = new Batch()
    for await (const [key, bytes] of this.#database.entries(this.#keys.endedEntries))
      batch.removePage(key, recordBytes(key, bytes), 'kept')
    let orphans: (LocalPlace & { readonly key: string })[] = []
    const settle = async (): Promise<void> => {
      const entries = await this.open(orphans.map(({ pageIndex }) => pageIndex))
      const left = orphans.filter(({ sequence }, i) => {
        const content = entries[i]?.content
        return content?.type !== 'local' || content.sequence !== sequence
      })
      const pages = await this.#database.getMany(left.map(({ key }) => key))
      for (const [i, { key }] of left.entries()) batch.removePage(key, recordBytes(key, pages[i] as Uint8Array), 'kept')
      orphans = []
    }
    for await (const key of this.#database.keys(this.#keys.localPages)) {
      const place = this.#keys.parseLocalPage(key)
      if (!pendingSequences.has(place.sequence)) orphans.push({ key, ...place })
      if (orphans.length >= CHUNK) await settle()
    }
    await settle()
    batch.remove(this.#keys.dirty)
    await this.#writer.write(batch, { sync: false })
  }

  #localPage(sequence: number, pageIndex: number, pageBytes: number): StoredPage {
    const key = this.#keys.localPage(sequence, pageIndex)
    return { key, bytes: key.length + storedPageBytes(pageBytes) }
  }

  /** Whether an open view reads pages as a local commit wrote them: then nobody else can provide them. */
  #isNeededAs(sequence: number): boolean {
    return this.#pins.isNeeded((view) => hasPending(view, sequence))
  }

  #hasRoomToKeep(page: Uint8Array | undefined, batch: Batch): boolean {
    return this.#writer.ledger.hasRoomToKeep(batch.growth.kept + ENDED_ENTRY_BYTES_MAX + (page?.length ?? 0))
  }

  #keepOpen(pageIndex: number, entry: PageEntry, batch: Batch): void {
    const key = this.#keys.openEntry(pageIndex)
    const value = encodePageEntry(entry)
    if (this.#writer.ledger.hasRoom(batch.growth.cached + recordBytes(key, value))) batch.putPage(key, value, 'cached')
  }

  #endEntry(pageIndex: number, entry: EndedEntry, pageSize: PageSize, batch: Batch): void {
    const { content } = entry
    this.#keepEnded(pageIndex, entry, batch)
    if (content.type !== 'local') return
    // Views that have the local commit itself among their pending ones read the page too.
    const isNeededBy = (view: View): boolean => holdsFor(entry, view) || hasPending(view, content.sequence)
    this.#drop(this.#localPage(content.sequence, pageIndex, pageSize), 'cached', isNeededBy, batch)
  }

  /** Keeps an entry that has ended, if a view may read it. */
  #keepEnded(pageIndex: number, entry: EndedEntry, batch: Batch): void {
    const isNeededBy = (view: View): boolean => holdsFor(entry, view)
    if (!this.#pins.isNeeded(isNeededBy)) return
    const key = this.#keys.endedEntry(pageIndex, entry.from)
    const value = encodePageEntry(entry)
    this.markDirty(batch)
    // The same version may have been read at another commit before.
    const bytesBefore = this.#pins.bytesOf(key)
    if (bytesBefore !== undefined) batch.removePage(key, bytesBefore, 'kept')
    batch.putPage(key, value, 'kept')
    batch.whenDone(() => this.#pins.retire({ key, bytes: recordBytes(key, value) }, isNeededBy))
  }

  /** Drops the page of a local commit: now, or when the last view that may read it is closed. */
  #drop(page: StoredPage, from: keyof LocalBytes, isNeededBy: (view: View) => boolean, batch: Batch): void {
    if (!this.#pins.isNeeded(isNeededBy)) return batch.removePage(page.key, page.bytes, from)
    if (from !== 'kept') batch.recount(page.bytes, from, 'kept')
    this.markDirty(batch)
    batch.whenDone(() => this.#pins.retire(page, isNeededBy))
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

  /** Records that pages may lie about that nobody needs. In every such batch, because an earlier one may have failed. */
  markDirty(batch: Batch): void {
    if (this.#dirtied === batch) return
    this.#dirtied = batch
    this.#isDirty = true
    batch.put(this.#keys.dirty, new Uint8Array(0))
  }

  /** Makes pages of a local commit garbage: now, or when the last view that may read them is closed. */
  #discard(sequence: number, pages: readonly StoredPage[]): void {
    const isNeededBy = (view: View): boolean => hasPending(view, sequence)
    const isNeeded = this.#pins.isNeeded(isNeededBy)
    for (const page of pages) {
      if (isNeeded) this.#pins.retire(page, isNeededBy)
      else this.#garbage.push(page)
    }
  }

  /** Clears away what nobody needs. If it fails, `dirty` stays, and the next time or the next owner does it. */
  async #clean(): Promise<void> {
    const batch = new Batch()
    for (const { key, bytes } of this.#garbage) batch.removePage(key, bytes, 'kept')
    const isCleanAfter = this.#isDirty && !this.hasUnfinished && !this.#pins.hasRetired
    if (isCleanAfter) batch.remove(this.#keys.dirty)
    await this.#writer.write(batch, { sync: false })
    this.#garbage = []
    if (isCleanAfter) this.#isDirty = false
  }
}

/** Whether a view may read an entry that has ended. */
function holdsFor(entry: EndedEntry, view: View): boolean {
  return entry.from <= view.base.lsn && view.base.lsn <= entry.to
}
