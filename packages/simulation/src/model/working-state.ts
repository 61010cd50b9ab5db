import type { PageContent } from './page-content.ts'
import { ZERO_PAGE } from './page-content.ts'
import type { Run } from './transactions.ts'
import type { VolumeState } from './volume-model.ts'

/** A state on which runs are carried out one after the other, as if nothing else were going on. */
export class WorkingState {
  readonly #base: VolumeState
  readonly #written = new Map<number, PageContent>()
  #floor: number | undefined
  pageCount: number

  constructor(base: VolumeState) {
    this.#base = base
    this.pageCount = base.pageCount
  }

  /** The lowest page count that something was cut off to. */
  get floor(): number | undefined {
    return this.#floor
  }

  /** The pages that were written and not cut off since. */
  get written(): ReadonlyMap<number, PageContent> {
    return this.#written
  }

  page(pageIndex: number): PageContent {
    const written = this.#written.get(pageIndex)
    if (written !== undefined) return written
    if (this.#floor !== undefined && pageIndex > this.#floor) return ZERO_PAGE
    return this.#base.pages.get(pageIndex) ?? ZERO_PAGE
  }

  apply(run: Run): void {
    for (const operation of run.operations) {
      if (operation.type === 'write') {
        this.#written.set(operation.pageIndex, this.#contentOf(run, operation))
        this.pageCount = Math.max(this.pageCount, operation.pageIndex)
      } else this.#setPageCount(operation.pageCount)
    }
  }

  /** What a run leaves in a page. Where the merge hook settled a conflict, that follows from what it finds there. */
  #contentOf(run: Run, { pageIndex, content }: { readonly pageIndex: number; readonly content: PageContent }): PageContent {
    const found = run.reads.get(pageIndex)
    if (found === undefined || !run.merged.has(pageIndex)) return content
    return { ...content, value: (this.page(pageIndex).value + content.value - found.value) >>> 0 }
  }

  #setPageCount(pageCount: number): void {
    if (pageCount < this.pageCount) {
      this.#floor = Math.min(this.#floor ?? pageCount, pageCount)
      for (const pageIndex of this.#written.keys()) if (pageIndex > pageCount) this.#written.delete(pageIndex)
    }
    this.pageCount = pageCount
  }
}
