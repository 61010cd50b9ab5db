import type { Lsn } from '@graft-ts/volume'

/** An entry that has ended, without its bytes. */
export interface EndedEntry {
  readonly from: Lsn
  readonly to: Lsn
  /** Where the bytes are: in its own record, in the page of the local commit with that sequence, or nowhere. */
  readonly content: 'stored' | 'zero' | number
}

/**
 * Entries that have ended, by page. No entry outlives the process whose open views it is kept for, so that those of this
 * process are all there are.
 *
 * Each says something that stays true, whatever became of the batch that was to write it. Whether its bytes are there the
 * store alone knows.
 */
export class EndedIndex {
  readonly #pages = new Map<number, EndedEntry[]>()

  /** One more, in the place of what was said of that version. */
  add(pageIndex: number, entry: EndedEntry): void {
    const others = this.#pages.get(pageIndex)?.filter(({ from }) => from !== entry.from) ?? []
    this.#pages.set(pageIndex, [...others, entry])
  }

  remove(pageIndex: number, from: Lsn): void {
    const others = this.#pages.get(pageIndex)?.filter((entry) => entry.from !== from) ?? []
    if (others.length === 0) this.#pages.delete(pageIndex)
    else this.#pages.set(pageIndex, others)
  }

  clear(): void {
    this.#pages.clear()
  }

  /** The one that holds at an LSN. */
  find(pageIndex: number, lsn: Lsn): EndedEntry | undefined {
    if (this.#pages.size === 0) return undefined
    return this.#pages.get(pageIndex)?.find(({ from, to }) => from <= lsn && lsn <= to)
  }
}
