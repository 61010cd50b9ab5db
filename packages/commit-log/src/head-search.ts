import type { Lsn } from '@graft-ts/volume'

/** What is known about where the head of a log is. */
export interface HeadBounds {
  /** The highest LSN whose record was seen; 0: none. */
  readonly present: Lsn
  /** The lowest LSN whose record was looked for and found absent; `undefined`: none yet. */
  readonly absent: Lsn | undefined
}

const GALLOP_PROBES = 11
const SPLIT_PROBES = 22

/**
 * Which records to look for next, all at once. The log has no gaps, so whether a record exists is monotonic; the head
 * is found when `absent` is `present + 1` and the answer is empty.
 *
 * Without an upper bound it gallops: 1, 2, 4 … 1,024 beyond the highest known record, later ever further. With one it
 * splits the gap evenly. A start that is up to 1,000 commits old therefore takes three rounds.
 *
 * @param round How many rounds of galloping went before.
 */
export function nextProbes(bounds: HeadBounds, round: number): Lsn[] {
  const { present, absent } = bounds
  if (absent === undefined) {
    const stride = 2 ** ((GALLOP_PROBES - 1) * round)
    return Array.from({ length: GALLOP_PROBES }, (_, i) => (present + stride * 2 ** i) as Lsn)
  }
  const gap = absent - present - 1
  if (gap <= SPLIT_PROBES + 1) return Array.from({ length: gap }, (_, i) => (present + 1 + i) as Lsn)
  const step = (absent - present) / (SPLIT_PROBES + 1)
  return Array.from({ length: SPLIT_PROBES }, (_, i) => (present + Math.round(step * (i + 1))) as Lsn)
}

/** The bounds after a round: `found` tells of each probed LSN whether its record exists. */
export function narrow(bounds: HeadBounds, found: ReadonlyMap<Lsn, boolean>): HeadBounds {
  let { present, absent } = bounds
  for (const [lsn, isPresent] of found) {
    if (isPresent && lsn > present) present = lsn
    if (!isPresent && (absent === undefined || lsn < absent)) absent = lsn
  }
  // A record that was created between two probes of one round may lie above one found absent: look again there.
  return absent !== undefined && absent <= present ? { present, absent: undefined } : { present, absent }
}
