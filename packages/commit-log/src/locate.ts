import { Splinter } from '@graft-ts/splinter'
import {
  type CommitId,
  LSN_NONE,
  type Lsn,
  lowerFloor,
  PAGE_INDEX_MAX,
  type PageSet,
  RecordError,
  type SegmentRef,
  storeKeys,
} from '@graft-ts/volume'
import { type RangeSection, sectionLsn } from './rollup.ts'
import type { StoredCommit } from './stored-commit.ts'

/** Pages that one commit wrote and that lie in one run, or pages that nobody wrote. */
export interface PageLocation {
  readonly pages: Splinter
  /** The commit that wrote them; {@link LSN_NONE}: nobody did, they are zeros, and there is no `content`. */
  readonly lsn: Lsn
  readonly content: PageContent | undefined
}

/** Where the bytes of located pages are. */
export interface PageContent {
  readonly ref: SegmentRef
  readonly commitId: CommitId
  /** Key of the commit object, which holds the frames if `ref.segmentId` is absent. */
  readonly commitKey: string
  /** Length of the sealed record: add it to the ref's offsets if the frames are inline. */
  readonly inlineOffset: number
}

/**
 * Which commit wrote each page, over the sections of (0, n] newest first (I5: what a newer commit cut off is zero).
 *
 * @returns The pages by the LSN of their commit; zero pages under {@link LSN_NONE}.
 */
export function findWriters(sections: Iterable<RangeSection>, wanted: PageSet): Map<Lsn, Splinter> {
  const remaining = new Splinter().addAll(wanted)
  const writers = new Map<Lsn, Splinter>()
  let floor: number | undefined
  for (const section of sections) {
    if (floor !== undefined) assign(writers, LSN_NONE, remaining.cut(Splinter.fromRange(floor + 1, PAGE_INDEX_MAX)))
    if (remaining.size === 0) break
    const found = remaining.cut(section.pages)
    if (section.layer === 0) assign(writers, section.record.lsn, found)
    else for (const page of found) assignPage(writers, sectionLsn(section, section.pages.rank(page) - 1), page)
    floor = lowerFloor(floor, section.floor)
  }
  assign(writers, LSN_NONE, remaining)
  return writers
}

function assign(writers: Map<Lsn, Splinter>, lsn: Lsn, pages: Splinter): void {
  if (pages.size === 0) return
  const known = writers.get(lsn)
  if (known === undefined) writers.set(lsn, pages)
  else known.addAll(pages)
}

function assignPage(writers: Map<Lsn, Splinter>, lsn: Lsn, page: number): void {
  const known = writers.get(lsn)
  if (known === undefined) writers.set(lsn, new Splinter([page]))
  else known.add(page)
}

/** In which runs of a commit its pages lie; where refs overlap the later one wins. */
export function findRuns(commit: StoredCommit, pages: Splinter): PageLocation[] {
  const { record, sealed } = commit
  const remaining = pages.clone()
  const locations: PageLocation[] = []
  for (let i = record.refs.length - 1; i >= 0 && remaining.size > 0; i--) {
    const ref = record.refs[i] as SegmentRef
    // A commit may have many refs, each of other pages, and looking at its ends tells most of them off.
    if (isApart(ref.pages, remaining)) continue
    const found = remaining.cut(ref.pages)
    if (found.size === 0) continue
    const commitKey = storeKeys.commit(record.volumeId, record.lsn)
    const content = { ref, commitId: record.commitId, commitKey, inlineOffset: sealed.length }
    locations.push({ pages: found, lsn: record.lsn, content })
  }
  if (remaining.size > 0) {
    throw new RecordError('RECORD_CONTENT', `commit names no place for a page, page=${remaining.first()} lsn=${record.lsn}`)
  }
  return locations
}

/** Whether all pages of one set are before all of another one, which is not empty. */
function isApart(pages: PageSet, others: Splinter): boolean {
  return (pages.last() ?? 0) < (others.first() as number) || (pages.first() ?? PAGE_INDEX_MAX) > (others.last() as number)
}
