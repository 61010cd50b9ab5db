/** Counters since the page store was made. All only grow, except those that say `now`. */
export interface PagestoreMetrics {
  readonly writeRequests: number
  readonly readRequests: number
  /** Requests of either kind that were answered with an error. */
  readonly failedRequests: number
  /** Requests that were turned away before their body was read. */
  readonly refusedRequests: number
  readonly pagesWritten: number
  readonly pagesRead: number
  /** Pages of answers that were never written, or cut off: they cost no I/O. */
  readonly zeroPagesRead: number
  /** Also useful pages that were asked for and left out. */
  readonly usefulPagesDropped: number
  readonly segmentsWritten: number
  /** Bytes of the segments that became durable. */
  readonly segmentBytesWritten: number
  /** Bytes of the pages in them, before compression. */
  readonly pageBytesWritten: number
  readonly uploadRetries: number
  readonly uploadsFailed: number
  /** Ranged reads of the object stores. */
  readonly gets: number
  readonly getBytes: number
  /** Ranged reads that were sent a second time because they took long, and how often the second one was the faster. */
  readonly hedgesSent: number
  readonly hedgesWon: number
  /** Frames that were expanded out of the store, found in memory, or shared with another request's read. */
  readonly framesRead: number
  readonly framesCached: number
  readonly framesShared: number
  /** Frames that failed their checks (I11). */
  readonly framesRejected: number
  /** Frames that were found in the frame cache; without one this and the others of it are 0. */
  readonly frameCacheHits: number
  /** Frames that were neither in memory nor in the frame cache, or not fit to be used. */
  readonly frameCacheMisses: number
  /** Frames of the frame cache that failed their checks, were removed from it, and read from the store. */
  readonly frameCacheRejected: number
  /** Reads and writes of the frame cache that failed or took too long. */
  readonly frameCacheFailures: number
  /** Frames that the frame cache has taken, and those that came too fast for it or could not be written. */
  readonly frameCacheWrites: number
  readonly frameCacheDropped: number
  /** Calls of the handler that are not over. */
  readonly requestsInFlightNow: number
  /** Bytes of accepted writes that are not durable yet. */
  readonly writeBytesInFlightNow: number
  /** Bytes of writes that wait for room. */
  readonly writeBytesWaitingNow: number
  /** Bytes that answers under way may hold. */
  readonly readBytesInFlightNow: number
  /** Bytes of reads that wait for room. */
  readonly readBytesWaitingNow: number
  readonly getsInFlightNow: number
  /** Ranged reads that wait for their turn. */
  readonly getsWaitingNow: number
  /** Bytes of expanded frames in memory. */
  readonly cacheBytesNow: number
  /** Bytes that the frame cache takes up. */
  readonly frameCacheBytesNow: number
}

/** The counters while they are counted. */
export type Counters = { -readonly [Name in Exclude<keyof PagestoreMetrics, `${string}Now`>]: number }

/** All counters at zero. */
export function newCounters(): Counters {
  return {
    writeRequests: 0,
    readRequests: 0,
    failedRequests: 0,
    refusedRequests: 0,
    pagesWritten: 0,
    pagesRead: 0,
    zeroPagesRead: 0,
    usefulPagesDropped: 0,
    segmentsWritten: 0,
    segmentBytesWritten: 0,
    pageBytesWritten: 0,
    uploadRetries: 0,
    uploadsFailed: 0,
    gets: 0,
    getBytes: 0,
    hedgesSent: 0,
    hedgesWon: 0,
    framesRead: 0,
    framesCached: 0,
    framesShared: 0,
    framesRejected: 0,
    frameCacheHits: 0,
    frameCacheMisses: 0,
    frameCacheRejected: 0,
    frameCacheFailures: 0,
    frameCacheWrites: 0,
    frameCacheDropped: 0,
  }
}
