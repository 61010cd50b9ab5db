import type { CommitLog } from '@graft-ts/commit-log'
import type { CommitRecord, Lsn } from '@graft-ts/volume'
import { MetastoreError, throwIfAborted } from './errors.ts'

// Bounds what one history holds in memory while its reader is slow.
const READS_AHEAD = 8

/** A range of commits; empty if `first` is above `last`. */
export interface HistoryRange {
  readonly first: Lsn
  readonly last: Lsn
}

/**
 * The range that a history asks for, once the head is known.
 *
 * @param to `undefined`: up to the head.
 * @param head The newest commit when the request came: what is committed later is not part of the answer.
 * @throws {@link MetastoreError} `HISTORY_RANGE`, `HISTORY_TOO_LONG`.
 */
export function historyRange(from: Lsn, to: Lsn | undefined, head: Lsn, commitsMax: number): HistoryRange {
  const last = to ?? head
  if (from < 1 || (to !== undefined && to < from)) {
    throw new MetastoreError('HISTORY_RANGE', `not a range of commits, from=${from} to=${last}`)
  }
  const commits = last - from + 1
  if (commits > commitsMax) {
    throw new MetastoreError('HISTORY_TOO_LONG', `too many commits for one answer, commits=${commits} most=${commitsMax}`)
  }
  return { first: from, last }
}

/** Reads a range of commits, oldest first, a few records ahead of the reader. */
export async function* readHistory(
  log: CommitLog,
  range: HistoryRange,
  signal: AbortSignal,
): AsyncGenerator<CommitRecord, void, undefined> {
  const reads: Promise<CommitRecord>[] = []
  let next: number = range.first
  for (let lsn: number = range.first; lsn <= range.last; lsn++) {
    throwIfAborted(signal)
    for (; next <= range.last && reads.length < READS_AHEAD; next++) {
      const read = log.record(next as Lsn, { signal })
      // It is awaited in its turn; until then its failure is nobody's.
      read.catch(() => undefined)
      reads.push(read)
    }
    yield await (reads.shift() as Promise<CommitRecord>)
  }
}
