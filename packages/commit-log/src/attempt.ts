import { Splinter } from '@graft-ts/splinter'
import {
  type Changes,
  type ClientId,
  type CommitId,
  type CommitRecord,
  checkSegmentRef,
  type Lsn,
  type PageSize,
  type SegmentRef,
  type Snapshot,
} from '@graft-ts/volume'
import { CommitLogError } from './errors.ts'

/** A request to append a commit: frozen pages on one base (I6). */
export interface CommitAttempt {
  /** The head that it was made on; 0: none, it creates the volume. */
  readonly baseLsn: Lsn
  readonly commitId: CommitId
  readonly clientId: ClientId
  readonly pageSize: PageSize
  readonly pageCount: number
  /** The lowest page count that the transaction truncated to; `undefined`: it cut nothing off. */
  readonly floor: number | undefined
  /** The pages that it changes. */
  readonly own: Splinter
  /** Where their contents are; durable before the append is asked for (I1). */
  readonly refs: readonly SegmentRef[]
  /** Pages that travel with the commit: ascending by index, concatenated. They win over `refs`. */
  readonly inline?: { readonly pages: Splinter; readonly data: Uint8Array }
}

/** What became of an attempt. */
export type AppendOutcome =
  | { readonly type: 'committed'; readonly snapshot: Snapshot }
  | {
      readonly type: 'conflict'
      /** The head. */
      readonly snapshot: Snapshot
      /** What changed since the attempt's base (I7). */
      readonly changes: Changes
      /** The commit that took the place of this attempt; `undefined` if there is none. */
      readonly commitIdAfterBase: CommitId | undefined
    }

/**
 * Checks an attempt against the record that it builds on.
 *
 * @param base The record at `baseLsn`; `undefined` for the first commit.
 * @throws {@link CommitLogError} of kind `invalid`.
 */
export function checkAttempt(attempt: CommitAttempt, base: CommitRecord | undefined): void {
  const { pageCount, floor, pageSize, own } = attempt
  if (base !== undefined && pageSize !== base.pageSize) {
    throw new CommitLogError('COMMIT_PAGE_SIZE', `page size differs from the volume's, got=${pageSize} expected=${base.pageSize}`)
  }
  if (floor !== undefined && floor > pageCount) {
    throw new CommitLogError('COMMIT_FLOOR', `floor is above the page count, floor=${floor} pages=${pageCount}`)
  }
  const pagesBefore = base?.pageCount ?? 0
  if (pageCount < pagesBefore && floor === undefined) {
    throw new CommitLogError('COMMIT_FLOOR', `a shrinking commit needs a floor, pages=${pageCount} before=${pagesBefore}`)
  }
  const last = own.last() ?? 0
  if (last > pageCount) {
    throw new CommitLogError('COMMIT_PAGE_BEYOND_END', `a page is above the page count, page=${last} pages=${pageCount}`)
  }
  checkContents(attempt)
}

function checkContents(attempt: CommitAttempt): void {
  const missing = attempt.own.clone()
  for (const ref of attempt.refs) {
    checkSegmentRef(ref, attempt.pageSize)
    missing.deleteAll(ref.pages)
  }
  if (attempt.inline !== undefined) missing.deleteAll(attempt.inline.pages)
  if (missing.size > 0) {
    throw new CommitLogError('COMMIT_PAGE_WITHOUT_CONTENT', `no ref and no inline page holds it, page=${missing.first()}`)
  }
}
