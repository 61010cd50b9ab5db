import { LSN_NONE, type Snapshot } from '@graft-ts/volume'
import type { ReadContext } from '../context.ts'
import { ClientError } from '../errors.ts'
import type { PageEntries } from '../local/page-entries.ts'
import type { PageEntry } from '../local/page-entry.ts'
import type { View } from '../local/pins.ts'
import type { Recency } from '../local/recency.ts'
import type { LocalCommit } from '../state/local-commit.ts'
import { PageFetcher } from './page-fetcher.ts'
import { PendingPages } from './pending-pages.ts'
import type { VolumeMemory } from './volume-memory.ts'

/** Bytes that belong to a cache and are not to be written to; `undefined`: zeros. */
export type BorrowedPage = Uint8Array | undefined

const REQUESTS_IN_FLIGHT = 4
const LOOKUP_CHUNK = 1024

/** A view, and where its local commits left each page. */
export interface OpenView extends View {
  readonly local: PendingPages
}

interface LocalPlace {
  readonly pageIndex: number
  readonly sequence: number
}

interface Found {
  readonly pages: Map<number, BorrowedPage>
  /** Pages that are not here, ascending like the question. */
  readonly missing: number[]
}

/** Reads pages of one volume as views show them (I4): memory, local store, page store, in this order. */
export class PageReader {
  readonly fetcher: PageFetcher
  readonly #context: ReadContext
  readonly #memory: VolumeMemory
  readonly #pages: PageEntries
  readonly #recency: Recency
  readonly #base: () => Snapshot
  #hasEnded: boolean
  #newest: { readonly commits: readonly LocalCommit[]; readonly local: PendingPages } | undefined

  constructor(context: ReadContext) {
    this.#context = context
    this.#memory = context.memory
    this.#pages = context.store.pages
    this.#recency = context.store.pages.recency
    this.#base = context.base
    this.fetcher = new PageFetcher(context)
    const { closing } = context
    this.#hasEnded = closing.aborted
    closing.addEventListener('abort', () => (this.#hasEnded = true), { once: true })
  }

  /** Whether the client is closed or the volume forgotten. Asking the signal itself takes longer than finding a page. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Makes a view ready to be read. */
  open(view: View): OpenView {
    const { pending } = view
    if (this.#newest?.commits !== pending) {
      this.#newest = { commits: pending, local: PendingPages.after(this.#newest?.local, pending) }
    }
    return { ...view, local: this.#newest.local }
  }

  /**
   * Looks a page up without waiting: in memory, and in the local store where it can answer at once.
   *
   * @returns `'absent'`: it is not here, or only a store that has to be waited for knows.
   */
  findNow(view: OpenView, pageIndex: number): BorrowedPage | 'absent' {
    const known = this.#inMemory(view, pageIndex)
    if (typeof known === 'number') return this.#localNow(known, pageIndex)
    return known === 'stored' ? this.#storedNow(view, pageIndex) : known
  }

  /** A page from memory; else where it has to be looked up: under the sequence of the local commit that wrote it, or `'stored'`. */
  #inMemory(view: OpenView, pageIndex: number): BorrowedPage | number | 'stored' {
    if (pageIndex > view.pageCount) return undefined
    const local = view.local.find(pageIndex)
    if (typeof local === 'number') return this.#memory.findLocal(local, pageIndex) ?? local
    if (local === 'cut-off' || !isInBase(view, pageIndex)) return undefined
    const cached = this.#memory.find(pageIndex, view.base.lsn, this.#base().lsn)
    if (cached === undefined) return 'stored'
    this.#recency.mark(pageIndex)
    return cached.bytes
  }

  #localNow(sequence: number, pageIndex: number): Uint8Array | 'absent' {
    const bytes = this.#pages.localNow(sequence, pageIndex)
    if (bytes === undefined) return 'absent'
    this.#memory.keepLocal(sequence, pageIndex, bytes)
    return bytes
  }

  #storedNow(view: View, pageIndex: number): BorrowedPage | 'absent' {
    const { lsn } = view.base
    const entry = this.#pages.openNow(pageIndex)
    if (entry === undefined || entry.from > lsn || lsn > this.#base().lsn) return 'absent'
    const { content } = entry
    const bytes = content.type === 'bytes' ? content.bytes : undefined
    const page = content.type === 'local' ? (this.#pages.localNow(content.sequence, pageIndex) ?? 'absent') : bytes
    if (page === 'absent') return page
    this.#memory.keep(pageIndex, { from: entry.from, to: entry.to, bytes: page })
    this.#recency.mark(pageIndex)
    return page
  }

  /** Looks pages up without asking the page store. The view must be pinned. */
  async find(view: OpenView, wanted: readonly number[]): Promise<Found> {
    const pages = new Map<number, BorrowedPage>()
    const local: LocalPlace[] = []
    const remote: number[] = []
    for (const pageIndex of wanted) {
      const known = this.#inMemory(view, pageIndex)
      if (typeof known === 'number') local.push({ pageIndex, sequence: known })
      else if (known === 'stored') remote.push(pageIndex)
      else pages.set(pageIndex, known)
    }
    for (const [i, bytes] of (await this.#context.store.pages.local(local)).entries()) {
      const { pageIndex, sequence } = local[i] as LocalPlace
      if (bytes === undefined)
        throw new ClientError('LOCAL_STORE_CORRUPT', `a local commit lacks a page, page=${pageIndex} sequence=${sequence}`)
      this.#context.memory.keepLocal(sequence, pageIndex, bytes)
      pages.set(pageIndex, bytes)
    }
    const missing: number[] = []
    for (let i = 0; i < remote.length; i += LOOKUP_CHUNK)
      await this.#findStored(view, remote.slice(i, i + LOOKUP_CHUNK), { pages, missing })
    return { pages, missing }
  }

  /** Reads pages, fetching those that are not here in as few requests as the page store allows. */
  async readMany(view: OpenView, wanted: readonly number[], signal: AbortSignal | undefined): Promise<Map<number, BorrowedPage>> {
    const { pages, missing } = await this.find(view, wanted)
    await this.#fetchChunks(missing, signal, async (chunk) => {
      for (const page of await this.fetcher.fetch(view.base.lsn, chunk, [], signal)) pages.set(page.pageIndex, page.bytes)
    })
    return pages
  }

  /**
   * Fetches pages that are not here, and waits until they are in the local store.
   *
   * @returns How many were fetched.
   */
  async hydrate(view: OpenView, pages: readonly number[], signal: AbortSignal | undefined): Promise<number> {
    const missing = await this.notStored(view, pages)
    const fetch = async (chunk: number[]): Promise<void> => void (await this.fetcher.fetch(view.base.lsn, chunk, [], signal))
    await this.fetcher.keeping(() => this.#fetchChunks(missing, signal, fetch))
    return missing.length
  }

  /** Which pages are not in the local store, whether in memory or not. The view must be pinned. */
  async notStored(view: OpenView, pages: readonly number[]): Promise<number[]> {
    const remote = pages.filter((pageIndex) => isRemote(view, pageIndex))
    const missing: number[] = []
    for (let i = 0; i < remote.length; i += LOOKUP_CHUNK) {
      await this.#findStored(view, remote.slice(i, i + LOOKUP_CHUNK), { pages: new Map(), missing })
    }
    return missing
  }

  async #fetchChunks(
    missing: readonly number[],
    signal: AbortSignal | undefined,
    fetch: (chunk: number[]) => Promise<void>,
  ): Promise<void> {
    if (missing.length === 0) return
    // A single page needs no knowledge of the limits, and so no request for them.
    const chunkPages = missing.length === 1 ? 1 : await this.fetcher.pagesMax(signal)
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < missing.length) {
        const chunk = missing.slice(next, next + chunkPages)
        next += chunkPages
        await fetch(chunk)
      }
    }
    await Promise.all(Array.from({ length: Math.min(REQUESTS_IN_FLIGHT, Math.ceil(missing.length / chunkPages)) }, worker))
  }

  async #findStored(view: View, wanted: readonly number[], into: Found): Promise<void> {
    const { store, base, epoch } = this.#context
    const lsn = view.base.lsn
    // What is open holds up to the base of this moment: one that it moves to while the store is read may be too far.
    const baseLsn = base().lsn
    const epochBefore = epoch()
    const entries = await store.pages.open(wanted)
    const found: { pageIndex: number; entry: PageEntry }[] = []
    for (const [i, open] of entries.entries()) {
      const pageIndex = wanted[i] as number
      const holds = open !== undefined && open.from <= lsn && lsn <= baseLsn
      const entry = holds ? open : store.pages.hasEnded ? await store.pages.ended(pageIndex, lsn) : undefined
      if (entry === undefined) into.missing.push(pageIndex)
      else found.push({ pageIndex, entry })
    }
    const bytes = await this.#bytesOf(found)
    for (const [i, { pageIndex, entry }] of found.entries()) {
      const page = bytes[i]
      if (page === 'gone') into.missing.push(pageIndex)
      else {
        into.pages.set(pageIndex, page)
        store.pages.recency.mark(pageIndex)
        if (epochBefore === epoch()) this.#context.memory.keep(pageIndex, { from: entry.from, to: entry.to, bytes: page })
      }
    }
  }

  async #bytesOf(found: readonly { pageIndex: number; entry: PageEntry }[]): Promise<(BorrowedPage | 'gone')[]> {
    const places: (LocalPlace & { at: number })[] = []
    const pages = found.map(({ pageIndex, entry }, at): BorrowedPage | 'gone' => {
      if (entry.content.type === 'local') places.push({ pageIndex, sequence: entry.content.sequence, at })
      return entry.content.type === 'bytes' ? entry.content.bytes : undefined
    })
    const local = await this.#context.store.pages.local(places)
    for (const [i, { at }] of places.entries()) pages[at] = local[i] ?? 'gone'
    return pages
  }
}

function isInBase({ base }: View, pageIndex: number): boolean {
  return pageIndex <= base.pageCount && base.lsn !== LSN_NONE
}

/** Whether what a view shows of a page is what the remote log has. */
function isRemote(view: OpenView, pageIndex: number): boolean {
  if (pageIndex > view.pageCount || !isInBase(view, pageIndex)) return false
  return view.local.find(pageIndex) === 'untouched'
}
