import type { Lsn } from '@graft-ts/volume'
import type { EndedEntry, EndedIndex } from './ended-index.ts'
import type { VolumeKeys } from './keys.ts'
import type { LocalDatabase } from './local-store.ts'
import { decodePage, decodePageEntry } from './page-entry.ts'

/** A page as a local commit wrote it. */
export interface LocalPlace {
  readonly sequence: number
  readonly pageIndex: number
}

/** A version of a page of the remote log that is in the local store. */
export interface PageVersion {
  readonly from: Lsn
  /** `undefined`: it holds up to the base. */
  readonly to: Lsn | undefined
  /** Belongs to the store; `undefined`: zeros. */
  readonly bytes: Uint8Array | undefined
}

/** The record to look at next, and what follows from it. */
interface Step {
  readonly key: string
  readonly next: (record: Uint8Array | undefined) => Progress
}

/** How far a search has come: the page is found, a record has to be looked at, or it is not here. */
type Progress = PageVersion | Step | undefined

/** What is asked for: a page at an LSN, `base` being the base of the volume at this moment. */
interface Question {
  readonly pageIndex: number
  readonly lsn: Lsn
  readonly base: Lsn
}

/**
 * Looks pages of one volume up in its local store. Which record is looked at, and what it means, is decided in one place for
 * those who wait and those who cannot.
 */
export class PageLookup {
  readonly #database: LocalDatabase
  readonly #keys: VolumeKeys
  readonly #ended: EndedIndex

  constructor(database: LocalDatabase, keys: VolumeKeys, ended: EndedIndex) {
    this.#database = database
    this.#keys = keys
    this.#ended = ended
  }

  /** A page of the remote log at an LSN, where the store answers at once. */
  findNow(pageIndex: number, lsn: Lsn, base: Lsn): PageVersion | undefined {
    let found: Progress = this.#first({ pageIndex, lsn, base })
    while (found !== undefined && 'key' in found) found = found.next(this.#database.getNow(found.key))
    return found
  }

  /** Pages of the remote log at an LSN, in their order. */
  async find(pages: readonly number[], lsn: Lsn, base: Lsn): Promise<(PageVersion | undefined)[]> {
    const found = pages.map((pageIndex): Progress => this.#first({ pageIndex, lsn, base }))
    for (;;) {
      const steps = [...found.entries()].filter((entry): entry is [number, Step] => entry[1] !== undefined && 'key' in entry[1])
      if (steps.length === 0) return found as (PageVersion | undefined)[]
      const records = await this.#database.getMany(steps.map(([, { key }]) => key))
      for (const [i, [at, { next }]] of steps.entries()) found[at] = next(records[i])
    }
  }

  /** A page as a local commit wrote it, where the store answers at once. */
  localNow(sequence: number, pageIndex: number): Uint8Array | undefined {
    const bytes = this.#database.getNow(this.#keys.localPage(sequence, pageIndex))
    return bytes === undefined ? undefined : decodePage(bytes)
  }

  /** Pages as local commits wrote them; the bytes belong to the store. `undefined` where there are none. */
  async local(places: readonly LocalPlace[]): Promise<(Uint8Array | undefined)[]> {
    const found = await this.#database.getMany(places.map(({ sequence, pageIndex }) => this.#keys.localPage(sequence, pageIndex)))
    return found.map((bytes) => (bytes === undefined ? undefined : decodePage(bytes)))
  }

  #first(question: Question): PageVersion | Step {
    const ended = this.#ended.find(question.pageIndex, question.lsn)
    return ended === undefined ? this.#inOpenEntry(question, true) : this.#inEnded(question, ended, true)
  }

  /** @param mayHaveEnded Whether a pull that came in between may have ended it. */
  #inOpenEntry(question: Question, mayHaveEnded: boolean): Step {
    const { pageIndex, lsn, base } = question
    const next: Step['next'] = (record) => {
      const entry = record === undefined ? undefined : decodePageEntry(record)
      // What is open holds up to the base of the question: the one of this moment may be too far.
      if (entry === undefined || entry.from > lsn || lsn > base) {
        const ended = mayHaveEnded ? this.#ended.find(pageIndex, lsn) : undefined
        return ended && this.#inEnded(question, ended, false)
      }
      const { from, to, content } = entry
      if (content.type === 'local') return this.#inLocalPage(pageIndex, content.sequence, { from, to })
      return { from, to, bytes: content.type === 'bytes' ? content.bytes : undefined }
    }
    return { key: this.#keys.openEntry(pageIndex), next }
  }

  /** @param mayBeOpen Whether the batch that ends it may still be on its way to the store. */
  #inEnded(question: Question, { from, to, content }: EndedEntry, mayBeOpen: boolean): PageVersion | Step {
    const { pageIndex } = question
    if (content === 'zero') return { from, to, bytes: undefined }
    if (typeof content === 'number') return this.#inLocalPage(pageIndex, content, { from, to })
    const next: Step['next'] = (record) => {
      if (record === undefined) return mayBeOpen ? this.#inOpenEntry(question, false) : undefined
      const stored = decodePageEntry(record).content
      return { from, to, bytes: stored.type === 'bytes' ? stored.bytes : undefined }
    }
    return { key: this.#keys.endedEntry(pageIndex, from), next }
  }

  #inLocalPage(pageIndex: number, sequence: number, interval: Pick<PageVersion, 'from' | 'to'>): Step {
    const next: Step['next'] = (record) => record && { ...interval, bytes: decodePage(record) }
    return { key: this.#keys.localPage(sequence, pageIndex), next }
  }
}
