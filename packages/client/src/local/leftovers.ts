import { Batch } from './batch.ts'
import { type EndedEntry, EndedIndex } from './ended-index.ts'
import type { VolumeKeys } from './keys.ts'
import { type EndedPage, hasPending, Pins, type StoredPage, type View } from './pins.ts'
import type { VolumeWriter } from './volume-writer.ts'

/**
 * What a volume itself needs no more of its local store, or not yet: what is kept for open views (I4), the pages of local
 * commits that are not visible, and garbage. While there is any, a record says so, and whoever owns the store next clears it
 * away.
 */
export class Leftovers {
  /** Entries that have ended. */
  readonly ended: EndedIndex = new EndedIndex()
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

  constructor(writer: VolumeWriter, keys: VolumeKeys) {
    this.#writer = writer
    this.#keys = keys
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
    for (const page of this.#pins.unpin(view)) {
      this.#garbage.push(page)
      if (page.ended !== undefined) this.ended.remove(page.ended.pageIndex, page.ended.from)
    }
    // Also of what a batch was to write that failed.
    if (!this.#pins.hasRetired) this.ended.clear()
    // Pages that can be fetched again stayed for its sake, too.
    this.#writer.ledger.released()
    if (this.#garbage.length > 0) await this.#clean()
  }

  /** Whether an open view may read something. */
  isNeeded(isNeededBy: (view: View) => boolean): boolean {
    return this.#pins.isNeeded(isNeededBy)
  }

  /** What a record that is kept for open views takes up; `undefined`: there is none. */
  bytesOf(key: string): number | undefined {
    return this.#pins.bytesOf(key)
  }

  /** Keeps a record for the open views that may read it, of which there is one at least. */
  retire(page: StoredPage, isNeededBy: (view: View) => boolean, batch: Batch): void {
    this.markDirty(batch)
    batch.whenDone(() => this.#pins.retire(page, isNeededBy))
  }

  /** As {@link retire}, for an entry that has ended. */
  retireEnded(
    page: StoredPage & { readonly ended: EndedPage },
    entry: EndedEntry,
    isNeededBy: (view: View) => boolean,
    batch: Batch,
  ): void {
    // At once: when the batch is in the store, but nobody here knows it yet, the open entry is gone.
    this.ended.add(page.ended.pageIndex, entry)
    this.retire(page, isNeededBy, batch)
  }

  /** Records that pages may lie about that nobody needs. In every such batch, because an earlier one may have failed. */
  markDirty(batch: Batch): void {
    if (this.#dirtied === batch) return
    this.#dirtied = batch
    this.#isDirty = true
    batch.put(this.#keys.dirty, new Uint8Array(0))
  }

  /** A batch writes pages of a local commit that is not visible yet: a crash before it becomes visible sweeps them away. */
  addUnfinished(sequence: number, pages: readonly StoredPage[], batch: Batch): void {
    this.markDirty(batch)
    batch.whenDone(() => this.#unfinished.set(sequence, pages))
  }

  /** Local commits whose pages were written before have become visible. */
  finish(sequences: Iterable<number>): void {
    for (const sequence of sequences) this.#unfinished.delete(sequence)
  }

  /** Drops the pages of local commits that are visible no more, and of those that never were. */
  async dropInvisible(replaced: Iterable<readonly [sequence: number, pages: readonly StoredPage[]]>): Promise<void> {
    for (const [sequence, pages] of replaced) this.#discard(sequence, pages)
    for (const [sequence, pages] of this.#unfinished) this.#discard(sequence, pages)
    this.#unfinished.clear()
    await this.#clean()
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
