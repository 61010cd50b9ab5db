import type { Changes, Lsn, Snapshot } from '@graft-ts/volume'
import { Batch } from './batch.ts'
import type { VolumeKeys } from './keys.ts'
import type { LocalDatabase } from './local-store.ts'
import { decodePage, decodePageEntry, encodePage, encodePageEntry, type PageEntry } from './page-entry.ts'
import { Pins, type View } from './pins.ts'

// Up to here changed pages are looked up one by one; beyond, the pages that are present are walked instead.
const LOOKUP_PAGES_MAX = 20_000
const CHUNK = 1000

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
  readonly #database: LocalDatabase
  readonly #keys: VolumeKeys
  readonly #pins = new Pins()
  // Whether the record `dirty` may exist, and the last batch that puts it.
  #isDirty = false
  #dirtied: Batch | undefined
  // Pages that were written for local commits that are not visible yet, by sequence.
  readonly #unfinished = new Map<number, readonly number[]>()
  // What was kept for views that are closed: gone with the next batch that cleans up and succeeds.
  #garbage: string[] = []

  constructor(database: LocalDatabase, keys: VolumeKeys) {
    this.#database = database
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
    for (const key of this.#pins.unpin(view)) this.#garbage.push(key)
    if (this.#garbage.length > 0) await this.#clean()
  }

  /** The open entries of pages, in their order. */
  async open(pages: readonly number[]): Promise<(PageEntry | undefined)[]> {
    const found = await this.#database.getMany(pages.map((pageIndex) => this.#keys.openEntry(pageIndex)))
    return found.map((bytes) => (bytes === undefined ? undefined : decodePageEntry(bytes)))
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
   * Keeps pages that were read at a commit.
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
      if (isAtBase) batch.put(this.#keys.openEntry(pageIndex), encodePageEntry({ from, to: undefined, content }))
      else this.#keepEnded(pageIndex, { from, to: lsn, content }, batch)
    }
    await this.#database.write(batch, { sync: false })
  }

  /** Writes the pages of a local commit. */
  putLocal(sequence: number, pages: ReadonlyMap<number, Uint8Array>, batch: Batch): void {
    for (const [pageIndex, page] of pages) batch.put(this.#keys.localPage(sequence, pageIndex), encodePage(page))
  }

  /** Writes the pages of a local commit that is not visible yet: a crash before it becomes visible sweeps them away. */
  async putUnfinished(sequence: number, pages: ReadonlyMap<number, Uint8Array>): Promise<void> {
    const batch = new Batch()
    this.#unfinished.set(sequence, [...pages.keys()])
    this.markDirty(batch)
    this.putLocal(sequence, pages, batch)
    await this.#database.write(batch, { sync: false })
  }

  /** Local commits whose pages were written before have become visible. */
  finish(sequences: Iterable<number>): void {
    for (const sequence of sequences) this.#unfinished.delete(sequence)
  }

  /** Drops the pages of local commits that are visible no more, and of those that never were. */
  async dropInvisible(replaced: Iterable<{ readonly sequence: number; readonly own: Iterable<number> }>): Promise<void> {
    for (const { sequence, own } of replaced) this.#discard(sequence, own)
    for (const [sequence, pages] of this.#unfinished) this.#discard(sequence, pages)
    this.#unfinished.clear()
    await this.#clean()
  }

  /** Makes the page of a local commit the page of a remote one: nothing is copied. */
  adopt(pageIndices: Iterable<number>, sequence: number, from: Lsn, batch: Batch): void {
    const entry = encodePageEntry({ from, to: undefined, content: { type: 'local', sequence } })
    for (const pageIndex of pageIndices) batch.put(this.#keys.openEntry(pageIndex), entry)
  }

  /** Drops pages of a local commit. */
  dropLocal(sequence: number, pageIndices: Iterable<number>, batch: Batch): void {
    const keys = Array.from(pageIndices, (pageIndex) => this.#keys.localPage(sequence, pageIndex))
    this.#drop(keys, (view) => hasPending(view, sequence), batch)
  }

  /** Ends the open entries of pages that changed after `base`; those that nobody can read any more go. */
  async end(changes: Changes, base: Snapshot, batch: Batch): Promise<void> {
    const touched = await this.#touchedKeys(changes)
    for (let i = 0; i < touched.length; i += CHUNK) {
      const keys = touched.slice(i, i + CHUNK)
      for (const [n, bytes] of (await this.#database.getMany(keys)).entries()) {
        if (bytes === undefined) continue
        const key = keys[n] as string
        batch.remove(key)
        this.#endEntry(this.#keys.pageOfOpenEntry(key), { ...decodePageEntry(bytes), to: base.lsn }, batch)
      }
    }
  }

  /** Clears away what was kept for views of a process that is gone, and pages that never became visible. */
  async sweep(pendingSequences: ReadonlySet<number>): Promise<void> {
    const batch = new Batch()
    for await (const key of this.#database.keys(this.#keys.endedEntries)) batch.remove(key)
    let orphans: (LocalPlace & { readonly key: string })[] = []
    const settle = async (): Promise<void> => {
      const entries = await this.open(orphans.map(({ pageIndex }) => pageIndex))
      for (const [i, { key, sequence }] of orphans.entries()) {
        const content = entries[i]?.content
        if (content?.type !== 'local' || content.sequence !== sequence) batch.remove(key)
      }
      orphans = []
    }
    for await (const key of this.#database.keys(this.#keys.localPages)) {
      const place = this.#keys.parseLocalPage(key)
      if (!pendingSequences.has(place.sequence)) orphans.push({ key, ...place })
      if (orphans.length >= CHUNK) await settle()
    }
    await settle()
    batch.remove(this.#keys.dirty)
    await this.#database.write(batch, { sync: false })
  }

  #endEntry(pageIndex: number, entry: EndedEntry, batch: Batch): void {
    const { content } = entry
    this.#keepEnded(pageIndex, entry, batch)
    if (content.type !== 'local') return
    // Views that have the local commit itself among their pending ones read the page too.
    const isNeededBy = (view: View): boolean => holdsFor(entry, view) || hasPending(view, content.sequence)
    this.#drop([this.#keys.localPage(content.sequence, pageIndex)], isNeededBy, batch)
  }

  /** Keeps an entry that has ended, if a view may read it. */
  #keepEnded(pageIndex: number, entry: EndedEntry, batch: Batch): void {
    const isNeededBy = (view: View): boolean => holdsFor(entry, view)
    if (!this.#pins.isNeeded(isNeededBy)) return
    const key = this.#keys.endedEntry(pageIndex, entry.from)
    this.#pins.retire([key], isNeededBy)
    this.markDirty(batch)
    batch.put(key, encodePageEntry(entry))
  }

  /** Drops keys: now, or when the last view that may read them is closed. */
  #drop(keys: readonly string[], isNeededBy: (view: View) => boolean, batch: Batch): void {
    if (keys.length === 0) return
    if (this.#pins.isNeeded(isNeededBy)) {
      this.#pins.retire(keys, isNeededBy)
      this.markDirty(batch)
    } else {
      for (const key of keys) batch.remove(key)
    }
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
  #discard(sequence: number, pageIndices: Iterable<number>): void {
    const keys = Array.from(pageIndices, (pageIndex) => this.#keys.localPage(sequence, pageIndex))
    const isNeededBy = (view: View): boolean => hasPending(view, sequence)
    if (this.#pins.isNeeded(isNeededBy)) this.#pins.retire(keys, isNeededBy)
    else for (const key of keys) this.#garbage.push(key)
  }

  /** Clears away what nobody needs. If it fails, `dirty` stays, and the next time or the next owner does it. */
  async #clean(): Promise<void> {
    const batch = new Batch()
    for (const key of this.#garbage) batch.remove(key)
    const isCleanAfter = this.#isDirty && !this.hasUnfinished && !this.#pins.hasRetired
    if (isCleanAfter) batch.remove(this.#keys.dirty)
    await this.#database.write(batch, { sync: false })
    this.#garbage = []
    if (isCleanAfter) this.#isDirty = false
  }
}

/** Whether a view may read an entry that has ended. */
function holdsFor(entry: EndedEntry, view: View): boolean {
  return entry.from <= view.base.lsn && view.base.lsn <= entry.to
}

function hasPending(view: View, sequence: number): boolean {
  return view.pending.some((commit) => commit.sequence === sequence)
}
