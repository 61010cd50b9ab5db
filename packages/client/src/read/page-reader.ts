import { LSN_NONE, type Snapshot } from '@graft-ts/volume'
import type { ReadContext } from '../context.ts'
import { ClientError } from '../errors.ts'
import type { LocalPlace, PageLookup } from '../local/page-lookup.ts'
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
  readonly #lookup: PageLookup
  readonly #recency: Recency
  readonly #base: () => Snapshot
  #hasEnded: boolean
  #newest: { readonly commits: readonly LocalCommit[]; readonly local: PendingPages } | undefined

  constructor(context: ReadContext) {
    this.#context = context
    this.#memory = context.memory
    this.#lookup = context.store.lookup
    this.#recency = context.store.recency
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
    const bytes = this.#lookup.localNow(sequence, pageIndex)
    if (bytes === undefined) return 'absent'
    this.#memory.keepLocal(sequence, pageIndex, bytes)
    return bytes
  }

  #storedNow(view: View, pageIndex: number): BorrowedPage | 'absent' {
    const found = this.#lookup.findNow(pageIndex, view.base.lsn, this.#base().lsn)
    if (found === undefined) return 'absent'
    this.#memory.keep(pageIndex, found)
    this.#recency.mark(pageIndex)
    return found.bytes
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
    for (const [i, bytes] of (await this.#lookup.local(local)).entries()) {
      const { pageIndex, sequence } = local[i] as LocalPlace
      if (bytes === undefined)
        throw new ClientError('LOCAL_STORE_CORRUPT', `a local commit lacks a page, page=${pageIndex} sequence=${sequence}`)
      this.#memory.keepLocal(sequence, pageIndex, bytes)
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
    const lsn = view.base.lsn
    const epochBefore = this.#context.epoch()
    const found = await this.#lookup.find(wanted, lsn, this.#base().lsn)
    // What was open may have ended while the store was read.
    const isCurrent = epochBefore === this.#context.epoch()
    for (const [i, version] of found.entries()) {
      const pageIndex = wanted[i] as number
      if (version === undefined) into.missing.push(pageIndex)
      else {
        into.pages.set(pageIndex, version.bytes)
        this.#recency.mark(pageIndex)
        if (isCurrent) this.#memory.keep(pageIndex, version)
      }
    }
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
