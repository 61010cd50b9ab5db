import type { CommitSummary } from '@graft-ts/protocol'
import { type PageRanges, pageRanges } from '../page-ranges.ts'

/** One commit as the command line shows it. */
export interface CommitFacts {
  readonly lsn: number
  readonly commitId: string
  readonly clientId: string
  readonly timestampMs: number
  readonly pageCount: number
  readonly pageSize: number
  /** The lowest page count that it truncated to; `undefined`: it cut nothing off. */
  readonly floor: number | undefined
  readonly changed: PageRanges
  readonly segmentIds: readonly string[]
  /** Bytes of the frames in the commit itself. */
  readonly inlineBytes: number
}

const RANGES_MAX = 64

/** What a server tells of a commit. */
export function commitFacts(commit: CommitSummary): CommitFacts {
  const { snapshot, commitId, clientId, own, floor, segmentIds, inlineBytes } = commit
  const { lsn, timestampMs, pageCount, pageSize } = snapshot
  const changed = pageRanges(own, RANGES_MAX)
  return { lsn, commitId, clientId, timestampMs, pageCount, pageSize, floor, changed, segmentIds, inlineBytes }
}
