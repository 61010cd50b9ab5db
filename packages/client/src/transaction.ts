import { Splinter } from '@graft-ts/splinter'
import { checkPageCount, checkPageIndex, lowerFloor, type PageSize, VolumeError } from '@graft-ts/volume'
import { ClientError } from './errors.ts'
import { newPage } from './local/page-entry.ts'
import type { VolumeSnapshot } from './snapshot.ts'
import type { Isolation, LocalCommit } from './state/local-commit.ts'

/** What a transaction function works with. It sees its snapshot and its own writes, and nothing of others. */
export interface Transaction {
  readonly pageSize: PageSize
  /**
   * Logical length in pages. Asking for it counts as reading it: if others change it, the transaction conflicts. Where
   * nobody asks and nobody sets it, it follows what others did and what is written here.
   */
  readonly pageCount: number
  /** Reads one page. Bytes that the caller owns: zeros where nothing was written, and past the end. */
  read(pageIndex: number): Promise<Uint8Array<ArrayBuffer>>
  /**
   * Reads one page without waiting, as `VolumeSnapshot.readCached`: own writes, and what is here.
   *
   * @returns Borrowed bytes: not to be written to. `undefined`: use {@link read}.
   */
  readCached(pageIndex: number): Uint8Array | undefined
  /**
   * Writes one page; past the end, the volume grows.
   *
   * @param bytes Exactly one page; copied.
   * @throws VolumeError `PAGE_INDEX`, `PAGE_LENGTH`; ClientError `TRANSACTION_TOO_LARGE`.
   */
  write(pageIndex: number, bytes: Uint8Array): void
  /** Sets the length: pages above it are cut off, and read as zeros when the volume grows over them again. */
  setPageCount(pageCount: number): void
  /** Declares pages as read that the caller knows from a cache of its own. */
  markRead(pages: Iterable<number>): void
}

/** What a transaction function left behind. */
export interface TransactionEffects {
  readonly commit: Omit<LocalCommit, 'sequence'>
  /** The written pages by index, in no order. Handed over. */
  readonly pages: ReadonlyMap<number, Uint8Array<ArrayBuffer>>
  /** Whether it only read. */
  readonly isReadOnly: boolean
}

/** Records what one run of a transaction function reads and writes. */
export class TransactionRun implements Transaction {
  readonly #snapshot: VolumeSnapshot
  readonly #signal: AbortSignal | undefined
  readonly #bytesMax: number
  readonly #written = new Map<number, Uint8Array<ArrayBuffer>>()
  readonly #reads = new Splinter()
  #pageCount: number
  #floor: number | undefined
  #usesPageCount = false
  #isEnded = false

  constructor(options: { snapshot: VolumeSnapshot; signal: AbortSignal | undefined; bytesMax: number }) {
    this.#snapshot = options.snapshot
    this.#signal = options.signal
    this.#bytesMax = options.bytesMax
    this.#pageCount = options.snapshot.pageCount
  }

  get pageSize(): PageSize {
    return this.#snapshot.pageSize
  }

  get pageCount(): number {
    this.#usesPageCount = true
    return this.#pageCount
  }

  async read(pageIndex: number): Promise<Uint8Array<ArrayBuffer>> {
    this.#check()
    checkPageIndex(pageIndex)
    const written = this.#written.get(pageIndex)
    if (written !== undefined) return new Uint8Array(written)
    // What it cut off itself it knows without reading.
    if (this.#floor !== undefined && pageIndex > this.#floor) return new Uint8Array(this.pageSize)
    // Reading past the end tells where the end is.
    if (pageIndex > this.#snapshot.pageCount) this.#usesPageCount = true
    this.#reads.add(pageIndex)
    return this.#snapshot.read(pageIndex, { signal: this.#signal })
  }

  readCached(pageIndex: number): Uint8Array | undefined {
    this.#check()
    const written = this.#written.get(pageIndex)
    if (written !== undefined) return written
    if (this.#floor !== undefined && pageIndex > this.#floor) return new Uint8Array(this.pageSize)
    const page = this.#snapshot.readCached(pageIndex)
    if (page === undefined) return undefined
    if (pageIndex > this.#snapshot.pageCount) this.#usesPageCount = true
    this.#reads.add(pageIndex)
    return page
  }

  write(pageIndex: number, bytes: Uint8Array): void {
    this.#check()
    checkPageIndex(pageIndex)
    if (bytes.length !== this.pageSize) {
      throw new VolumeError('PAGE_LENGTH', `a page has ${this.pageSize} bytes, got=${bytes.length}`)
    }
    if (!this.#written.has(pageIndex) && (this.#written.size + 1) * this.pageSize > this.#bytesMax) {
      throw new ClientError('TRANSACTION_TOO_LARGE', `the transaction writes too much, most=${this.#bytesMax} bytes`)
    }
    const page = newPage(bytes.length)
    page.set(bytes)
    this.#written.set(pageIndex, page)
    if (pageIndex > this.#pageCount) this.#pageCount = pageIndex
  }

  setPageCount(pageCount: number): void {
    this.#check()
    checkPageCount(pageCount)
    this.#usesPageCount = true
    if (pageCount < this.#pageCount) {
      this.#floor = lowerFloor(this.#floor, pageCount)
      for (const pageIndex of this.#written.keys()) if (pageIndex > pageCount) this.#written.delete(pageIndex)
    }
    this.#pageCount = pageCount
  }

  markRead(pages: Iterable<number>): void {
    this.#check()
    for (const pageIndex of pages) this.#reads.add(checkPageIndex(pageIndex))
  }

  /** Ends the run: the function's object can do nothing any more. */
  end(isolation: Isolation): TransactionEffects {
    this.#isEnded = true
    const isReadOnly = this.#written.size === 0 && this.#floor === undefined && this.#pageCount === this.#snapshot.pageCount
    const commit = {
      own: Splinter.from(Uint32Array.from(this.#written.keys()).sort()),
      reads: this.#reads,
      floor: this.#floor,
      pageCount: this.#pageCount,
      usesPageCount: this.#usesPageCount,
      isolation,
    }
    return { commit, pages: this.#written, isReadOnly }
  }

  #check(): void {
    if (this.#isEnded) throw new ClientError('TRANSACTION_ENDED', 'the transaction has ended')
  }
}
