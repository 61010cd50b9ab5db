import { Splinter } from '@graft-ts/splinter'
import { lowerFloor, PAGE_INDEX_MAX, type Snapshot } from '@graft-ts/volume'

/** What a transaction is checked against when others changed the volume meanwhile. */
export type Isolation =
  /** What it read and what it wrote: the outcome is one that some order of the transactions gives. */
  | 'serializable'
  /** What it wrote: two transactions may each read what the other writes. */
  | 'snapshot'

/** One transaction that was committed locally. Its pages lie in the local store under its sequence. */
export interface LocalCommit {
  /** Position among this client's local commits of the volume; ascending, never used twice. */
  readonly sequence: number
  /** Pages that it wrote, less those that it cut off afterwards. */
  readonly own: Splinter
  /** Pages that it read, or that its caller says it knew. */
  readonly reads: Splinter
  /** The lowest page count that it truncated to; `undefined`: it cut nothing off. */
  readonly floor: number | undefined
  /** The page count that it left behind. */
  readonly pageCount: number
  /** Whether it read or set the page count, so that the page count it left is its own and not its base's. */
  readonly usesPageCount: boolean
  readonly isolation: Isolation
}

/** The set of all pages above a page count. */
export function pagesAbove(pageCount: number): Splinter {
  return Splinter.fromRange(pageCount + 1, PAGE_INDEX_MAX)
}

/** The page count after a local commit, on top of a state with the given page count. */
export function pageCountAfter(
  commit: Pick<LocalCommit, 'own' | 'pageCount' | 'usesPageCount'>,
  pageCountBefore: number,
): number {
  return commit.usesPageCount ? commit.pageCount : Math.max(pageCountBefore, commit.own.last() ?? 0)
}

/** The page count after all of them, oldest first. */
export function pageCountAfterAll(base: Pick<Snapshot, 'pageCount'>, commits: readonly LocalCommit[]): number {
  return commits.reduce((pageCount, commit) => pageCountAfter(commit, pageCount), base.pageCount)
}

/** What several local commits come to: what one remote commit has to say. */
export interface MergedCommits {
  /** Pages that they changed, less those that a later one cut off. */
  readonly own: Splinter
  /** The lowest of their floors. */
  readonly floor: number | undefined
  readonly pageCount: number
}

/** Merges local commits, oldest first, on top of a base (I5: what a later one cut off does not come back). */
export function mergeCommits(base: Pick<Snapshot, 'pageCount'>, commits: readonly LocalCommit[]): MergedCommits {
  const own = new Splinter()
  let floor: number | undefined
  for (const commit of commits) {
    if (commit.floor !== undefined) own.deleteRange(commit.floor + 1, PAGE_INDEX_MAX)
    own.addAll(commit.own)
    floor = lowerFloor(floor, commit.floor)
  }
  return { own, floor, pageCount: pageCountAfterAll(base, commits) }
}

/**
 * Which of the merged pages were written by which commit, newest version each.
 *
 * @returns Sequence and pages, newest commit first; together exactly `mergeCommits(…).own`.
 */
export function newestVersions(commits: readonly LocalCommit[]): { sequence: number; pages: Splinter }[] {
  const versions: { sequence: number; pages: Splinter }[] = []
  const hidden = new Splinter()
  for (let i = commits.length - 1; i >= 0; i--) {
    const { sequence, own, floor } = commits[i] as LocalCommit
    const pages = own.difference(hidden)
    if (pages.size > 0) versions.push({ sequence, pages })
    hidden.addAll(own)
    if (floor !== undefined) hidden.addRange(floor + 1, PAGE_INDEX_MAX)
  }
  return versions
}
