import type { ClientId, CommitId } from '@graft-ts/volume'
import { type PageContent, ZERO_PAGE } from './page-content.ts'

/** A page in a state of a volume: its content, and the commit that put it there. */
export interface PlacedPage extends PageContent {
  readonly lsn: number
}

/** A whole volume at one commit. Pages that are not listed are zeros. */
export interface VolumeState {
  readonly pageCount: number
  readonly pages: ReadonlyMap<number, PlacedPage>
}

/** A commit as the log holds it, with what is in its pages. */
export interface ModelCommit {
  readonly lsn: number
  readonly commitId: CommitId
  readonly clientId: ClientId
  readonly pageCount: number
  readonly floor: number | undefined
  readonly own: ReadonlyMap<number, PageContent>
  /** Virtual time at which its record was created. */
  readonly atMs: number
}

/** What changed in a range of commits: docs/format/commit.md in its plainest form. */
export interface ModelChanges {
  readonly pages: ReadonlySet<number>
  readonly floor: number | undefined
}

const EMPTY: VolumeState = { pageCount: 0, pages: new Map() }

/** Every state that one volume ever had: what all clients and servers are measured against. Simple and slow on purpose. */
export class VolumeModel {
  readonly commits: ModelCommit[] = []
  readonly #states: VolumeState[] = [EMPTY]
  readonly #versions = new Map<number, { readonly lsn: number; readonly stamp: number }[]>()

  /** The newest commit's LSN; 0: none. */
  get head(): number {
    return this.commits.length
  }

  /** The state at an LSN up to the head. */
  state(lsn: number): VolumeState {
    return this.#states[lsn] as VolumeState
  }

  commit(lsn: number): ModelCommit | undefined {
    return this.commits[lsn - 1]
  }

  /** A page at an LSN. */
  page(lsn: number, pageIndex: number): PlacedPage {
    return this.state(lsn).pages.get(pageIndex) ?? { ...ZERO_PAGE, lsn: 0 }
  }

  /** Adds the next commit. I5: its floor cuts off what older ones wrote, its own pages stay. */
  append(commit: ModelCommit): void {
    const before = this.state(this.head)
    const pages = new Map(before.pages)
    if (commit.floor !== undefined) {
      for (const pageIndex of before.pages.keys()) {
        if (pageIndex > commit.floor) {
          pages.delete(pageIndex)
          this.#version(pageIndex, commit.lsn, 0)
        }
      }
    }
    for (const [pageIndex, { stamp, value }] of commit.own) {
      pages.set(pageIndex, { stamp, value, lsn: commit.lsn })
      this.#version(pageIndex, commit.lsn, stamp)
    }
    this.commits.push(commit)
    this.#states.push({ pageCount: commit.pageCount, pages })
  }

  /** I9: the union of the commits' sets, newest first, less what a later floor cut off. */
  changes(since: number, until: number): ModelChanges {
    const pages = new Set<number>()
    let floor: number | undefined
    for (let lsn = until; lsn > since; lsn--) {
      const commit = this.commit(lsn) as ModelCommit
      for (const pageIndex of commit.own.keys()) if (floor === undefined || pageIndex <= floor) pages.add(pageIndex)
      if (commit.floor !== undefined) floor = Math.min(floor ?? commit.floor, commit.floor)
    }
    return { pages, floor }
  }

  /** The ranges of LSNs in which a page had a stamp: first and last, both included. */
  intervals(pageIndex: number, stamp: number): { readonly from: number; readonly to: number }[] {
    const versions = this.#versions.get(pageIndex) ?? []
    const found = versions.flatMap((version, i) =>
      version.stamp === stamp ? [{ from: version.lsn, to: (versions[i + 1]?.lsn ?? this.head + 1) - 1 }] : [],
    )
    const first = versions[0]?.lsn ?? this.head + 1
    return stamp === 0 && first > 0 ? [{ from: 0, to: first - 1 }, ...found] : found
  }

  /** The LSN at which a page was last changed by anybody else than a client; 0: never. */
  lastChange(pageIndex: number, except?: ClientId): number {
    const isForeign = ({ lsn }: { readonly lsn: number }): boolean => this.commit(lsn)?.clientId !== except
    return this.#versions.get(pageIndex)?.findLast(isForeign)?.lsn ?? 0
  }

  #version(pageIndex: number, lsn: number, stamp: number): void {
    const versions = this.#versions.get(pageIndex) ?? []
    if (versions.at(-1)?.lsn === lsn) versions.pop()
    versions.push({ lsn, stamp })
    this.#versions.set(pageIndex, versions)
  }
}
