/** Counters since the meta store was made. All only grow, except those that say `now`. */
export interface MetastoreMetrics {
  readonly pulls: number
  readonly commits: number
  readonly snapshots: number
  readonly histories: number
  /** Commits that were answered with their snapshot, repeats included. */
  readonly commitsAccepted: number
  /** Commits that were answered with what changed since their base. */
  readonly commitsConflicted: number
  /** Pages in the answers of pulls and conflicts. */
  readonly changedPagesSent: number
  readonly historyEntriesSent: number
  /** Requests of any method that were answered with an error. */
  readonly failedRequests: number
  /** Commits that are being decided. */
  readonly commitsInFlightNow: number
}

/** The counters while they are counted. */
export type Counters = { -readonly [Name in Exclude<keyof MetastoreMetrics, `${string}Now`>]: number }

/** All counters at zero. */
export function newCounters(): Counters {
  return {
    pulls: 0,
    commits: 0,
    snapshots: 0,
    histories: 0,
    commitsAccepted: 0,
    commitsConflicted: 0,
    changedPagesSent: 0,
    historyEntriesSent: 0,
    failedRequests: 0,
  }
}
