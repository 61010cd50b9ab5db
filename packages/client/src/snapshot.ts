import { checkPageIndex, type Lsn, type PageSize, type VolumeId } from '@graft-ts/volume'
import type { ReadContext } from './context.ts'
import { ClientError, throwIfAborted } from './errors.ts'
import type { View } from './local/pins.ts'
import { checkFunction, checkNames, type OptionNames } from './option-checks.ts'
import type { BorrowedPage, OpenView, PageReader } from './read/page-reader.ts'
import type { Prefetcher, PrefetcherFactory } from './read/prefetcher.ts'

interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/** How a snapshot is read. */
export interface SnapshotOptions {
  /** Predicts what is read next from it. Default: the client's. */
  readonly prefetcher?: PrefetcherFactory | undefined
}

/** Options of {@link VolumeSnapshot.hydrate}. */
export interface HydrateOptions extends CallOptions {
  /** Which pages; default: all. */
  readonly pages?: Iterable<number>
  /** Told after each step of some thousand pages. What it throws ends the call. */
  readonly onProgress?: (progress: { readonly pagesDone: number; readonly pagesTotal: number }) => void
}

/** What {@link VolumeSnapshot.hydrate} came to. */
export interface HydrateResult {
  readonly pagesFetched: number
  /** Pages that made room again for later ones. */
  readonly pagesMissing: number
}

const CALL_NAMES: OptionNames<CallOptions> = { signal: true }
const HYDRATE_NAMES: OptionNames<HydrateOptions> = { signal: true, pages: true, onProgress: true }
// Pages that are fetched in the background because of one that was read.
const AHEAD_PAGES_MAX = 256
// Pages that are looked up and fetched between two reports of progress.
const HYDRATE_STEP = 4096

/**
 * A fixed state of a volume (I4): reads give the same pages for as long as it is open, whatever is pulled, committed or
 * truncated meanwhile. Close it, so that what is kept for it alone can go.
 */
export class VolumeSnapshot {
  readonly #context: ReadContext
  readonly #reader: PageReader
  readonly #view: OpenView
  readonly #pinned: View
  readonly #prefetcher: Prefetcher | undefined
  // What is given for pages of zeros.
  #zeros: Uint8Array | undefined
  #isClosed = false

  /** Made by `Volume.snapshot` and `Volume.snapshotAt`. @internal */
  constructor(
    context: ReadContext,
    reader: PageReader,
    view: View,
    prefetcher: PrefetcherFactory | undefined = context.prefetcher,
  ) {
    this.#context = context
    this.#reader = reader
    this.#view = reader.open(view)
    this.#pinned = view
    this.#prefetcher = prefetcher?.({
      lastPage: view.pageCount,
      isLocal: (pageIndex) => context.memory.has(pageIndex) || reader.fetcher.isUnderWay(view.base.lsn, pageIndex),
    })
    context.store.leftovers.pin(view)
  }

  get volumeId(): VolumeId {
    return this.#context.volumeId
  }

  /** The remote commit that it stands on; 0: none. */
  get lsn(): Lsn {
    return this.#view.base.lsn
  }

  /** Logical length in pages. */
  get pageCount(): number {
    return this.#view.pageCount
  }

  get pageSize(): PageSize {
    return this.#view.base.pageSize
  }

  /** Local commits on top of the remote one that it includes. */
  get pendingCommits(): number {
    return this.#view.pending.length
  }

  /** What it shows. @internal */
  get view(): View {
    return this.#pinned
  }

  /**
   * Reads one page, from memory, the local store or the page store.
   *
   * @param pageIndex 1 to 2^32 - 1.
   * @returns Bytes that the caller owns: zeros where nothing was written, and past the end.
   * @throws {@link ClientError} `SNAPSHOT_CLOSED`, `ABORTED`, `LOCAL_STORE_…`, `READ_INCOMPLETE`; `RemoteError` when the
   * page has to be fetched and cannot be.
   */
  async read(pageIndex: number, options: CallOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { signal } = checkNames('read', options, CALL_NAMES)
    return this.#owned(await this.borrow(checkPageIndex(pageIndex), signal))
  }

  /**
   * Reads one page without waiting, if it is in memory, or in a local store that answers at once (`classic-level` and
   * `memory-level` do, `browser-level` does not). For callers that copy what they need and cannot wait.
   *
   * @param pageIndex 1 to 2^32 - 1.
   * @returns Borrowed bytes: not to be written to, by nobody. `undefined`: use {@link read}, which then counts as the read.
   * @throws {@link ClientError} `SNAPSHOT_CLOSED`, `CLIENT_CLOSED`, `VOLUME_FORGOTTEN`, `LOCAL_STORE_…`.
   */
  readCached(pageIndex: number): Uint8Array | undefined {
    if (this.#isClosed || this.#reader.hasEnded) this.#check(undefined)
    const page = this.#reader.findNow(this.#view, checkPageIndex(pageIndex))
    if (page === 'absent') return undefined
    const bytes = page ?? this.#zeroPage()
    const prefetcher = this.#prefetcher
    if (prefetcher !== undefined) {
      prefetcher.onHit(pageIndex)
      this.#show(pageIndex, bytes)
    }
    return bytes
  }

  /**
   * Reads many pages, with as few requests as the page store allows.
   *
   * @returns By index, in ascending order; bytes that the caller owns. The caller bounds how many fit into memory.
   * @throws As {@link read}.
   */
  async readMany(pages: Iterable<number>, options: CallOptions = {}): Promise<Map<number, Uint8Array<ArrayBuffer>>> {
    const { signal } = checkNames('readMany', options, CALL_NAMES)
    this.#check(signal)
    const wanted = ascending(pages)
    const found = await this.#whileOpen(this.#reader.readMany(this.#view, wanted, signal))
    return new Map(wanted.map((pageIndex) => [pageIndex, this.#owned(found.get(pageIndex))]))
  }

  /**
   * Brings pages into the local store that are not there, so that they can be read offline.
   *
   * @returns How many had to be fetched, and how many are not there in spite of it, for want of room: `localBytesMax`.
   * @throws As {@link read}.
   */
  async hydrate(options: HydrateOptions = {}): Promise<HydrateResult> {
    const { signal, pages, onProgress } = checkNames('hydrate', options, HYDRATE_NAMES)
    checkFunction('option=onProgress', onProgress)
    this.#check(signal)
    const given = pages === undefined ? undefined : ascending(pages)
    const pagesTotal = given?.length ?? this.pageCount
    const steps = function* (): Generator<number[]> {
      for (let done = 0; done < pagesTotal; done += HYDRATE_STEP) {
        const end = Math.min(done + HYDRATE_STEP, pagesTotal)
        yield given?.slice(done, end) ?? Array.from({ length: end - done }, (_, i) => done + i + 1)
      }
    }
    let pagesFetched = 0
    let pagesDone = 0
    for (const step of steps()) {
      pagesFetched += await this.#whileOpen(this.#reader.hydrate(this.#view, step, signal))
      pagesDone += step.length
      onProgress?.({ pagesDone, pagesTotal })
    }
    let pagesMissing = 0
    // Where no page came, none had to make room.
    if (pagesFetched > 0 && Number.isFinite(this.#context.localBytesMax)) {
      await this.#context.roomMade()
      for (const step of steps()) pagesMissing += (await this.#whileOpen(this.#reader.notStored(this.#view, step))).length
    }
    return { pagesFetched, pagesMissing }
  }

  /** Lets go of it. Reads that are under way may still end well; later ones fail. May be called again. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const { queue, store, onKeepFailed } = this.#context
    queue.run(() => store.leftovers.unpin(this.#pinned)).catch(onKeepFailed)
  }

  /** Reads one page without copying it; the prefetcher sees it. @internal */
  async borrow(pageIndex: number, signal: AbortSignal | undefined): Promise<BorrowedPage> {
    this.#check(signal)
    const { pages, missing } = await this.#whileOpen(this.#reader.find(this.#view, [pageIndex]))
    if (missing.length === 0) {
      this.#prefetcher?.onHit(pageIndex)
      const bytes = pages.get(pageIndex)
      this.#show(pageIndex, bytes)
      return bytes
    }
    const useful = await this.#absent(this.#prefetcher?.onMiss(pageIndex) ?? [])
    const [page] = await this.#reader.fetcher.fetch(this.#view.base.lsn, [pageIndex], useful, signal)
    this.#show(pageIndex, page?.bytes)
    return page?.bytes
  }

  /** Shows the prefetcher what was read, and fetches what it finds in it. */
  #show(pageIndex: number, bytes: BorrowedPage): void {
    const prefetcher = this.#prefetcher
    // Most do not look at pages, and this is part of each hit.
    if (prefetcher?.onPage === undefined) return
    const found = prefetcher.onPage(pageIndex, bytes ?? this.#zeroPage())
    if (found.length > 0) void this.#fetchAhead(found.slice(0, AHEAD_PAGES_MAX))
  }

  async #fetchAhead(candidates: readonly number[]): Promise<void> {
    try {
      const missing = await this.#absent(candidates)
      if (missing.length > 0) await this.#reader.fetcher.fetchAhead(this.#view.base.lsn, missing)
    } catch {
      // Nobody asked for these pages. Why they cannot be had shows in `status().lastError`, and again when they are read.
    }
  }

  #zeroPage(): Uint8Array {
    this.#zeros ??= new Uint8Array(this.pageSize)
    return this.#zeros
  }

  /** What a read says that fails because it was closed meanwhile. */
  async #whileOpen<T>(reading: Promise<T>): Promise<T> {
    try {
      return await reading
    } catch (cause) {
      throwIfAborted(this.#context.closing)
      if (!this.#isClosed) throw cause
      throw new ClientError('SNAPSHOT_CLOSED', 'the snapshot was closed while it was read', { cause })
    }
  }

  async #absent(candidates: readonly number[]): Promise<readonly number[]> {
    const inside = candidates.filter((pageIndex) => pageIndex <= this.#view.base.pageCount)
    return inside.length === 0 ? inside : (await this.#reader.find(this.#view, inside)).missing
  }

  #check(signal: AbortSignal | undefined): void {
    throwIfAborted(signal)
    throwIfAborted(this.#context.closing)
    if (this.#isClosed) throw new ClientError('SNAPSHOT_CLOSED', 'the snapshot is closed')
  }

  #owned(page: BorrowedPage): Uint8Array<ArrayBuffer> {
    return page === undefined ? new Uint8Array(this.pageSize) : new Uint8Array(page)
  }
}

/** Checked, without repetitions, ascending. */
function ascending(pages: Iterable<number>): number[] {
  const distinct = new Set<number>()
  for (const pageIndex of pages) distinct.add(checkPageIndex(pageIndex))
  return [...distinct].sort((a, b) => a - b)
}
