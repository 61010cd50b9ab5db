/** Counters since the meta store was made. All only grow, except those that say `now`. */
export interface MetastoreMetrics {
  readonly pulls: number
  readonly commits: number
  readonly snapshots: number
  readonly histories: number
  readonly watches: number
  /** Commits that were answered with their snapshot, repeats included. */
  readonly commitsAccepted: number
  /** Commits that were answered with what changed since their base. */
  readonly commitsConflicted: number
  /** Pages in the answers of pulls and conflicts. */
  readonly changedPagesSent: number
  readonly historyEntriesSent: number
  /** Commits that watchers were told of; heartbeats do not count. */
  readonly watchEventsSent: number
  /** Looks at watched volumes that failed. */
  readonly failedProbes: number
  /** Requests of any method that were answered with an error. */
  readonly failedRequests: number
  /** Requests that were turned away before their body was read. */
  readonly refusedRequests: number
  /** Commits that are being decided. */
  readonly commitsInFlightNow: number
  /** Calls of the handler that are not over, watches not counted. */
  readonly requestsInFlightNow: number
  readonly watchesOpenNow: number
  /** Different volumes that are watched. */
  readonly volumesWatchedNow: number
  /** Bytes of records and orders of change in memory, about. */
  readonly cacheBytesNow: number
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
    watches: 0,
    commitsAccepted: 0,
    commitsConflicted: 0,
    changedPagesSent: 0,
    historyEntriesSent: 0,
    watchEventsSent: 0,
    failedProbes: 0,
    failedRequests: 0,
    refusedRequests: 0,
  }
}
