import type { CommitRecord, Lsn } from '@graft-ts/volume'
import { throwIfAborted } from './abortable.ts'

const PROBES = 15

/**
 * The newest commit at or before a time. Timestamps never fall along a log, so a few rounds of reads, each splitting what is
 * left into sixteen, find it.
 *
 * @returns `undefined`: all commits are newer.
 */
export async function searchByTime(
  head: CommitRecord,
  timeMs: number,
  read: (lsn: Lsn) => Promise<CommitRecord>,
  signal: AbortSignal | undefined,
): Promise<CommitRecord | undefined> {
  if (head.timestampMs <= timeMs) return head
  let found: CommitRecord | undefined
  let later: number = head.lsn
  for (let earlier = 0; later - earlier > 1; earlier = found?.lsn ?? 0) {
    throwIfAborted(signal)
    for (const record of await Promise.all(probesBetween(earlier, later).map(read))) {
      if (record.timestampMs <= timeMs) found = record
      else {
        later = record.lsn
        break
      }
    }
  }
  return found
}

/** Evenly spread between two positions, ascending, without them. */
function probesBetween(low: number, high: number): Lsn[] {
  const gap = high - low - 1
  const count = Math.min(PROBES, gap)
  return Array.from({ length: count }, (_, i) => (low + Math.floor(((gap + 1) * (i + 1)) / (count + 1))) as Lsn)
}
