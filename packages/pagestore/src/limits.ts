import type { PageLimits } from '@graft-ts/protocol'
import type { RequestLimits } from '@graft-ts/protocol/service'
import { SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_OVERHEAD_BYTES } from '@graft-ts/volume'
import { PagestoreError } from './errors.ts'

/** Ceilings of a page store. `describe` tells clients those that concern them, so that they split bigger requests. */
export interface PagestoreLimits extends PageLimits, RequestLimits {
  /** Bytes of one request body. Default 8 MiB. */
  readonly requestBytesMax: number
  /** Pages of one write. Default 1,024. */
  readonly writePagesMax: number
  /** Wanted pages of one read. Default 1,024. */
  readonly readPagesMax: number
  /** Bytes of the pages of one answer, wanted and also useful together. Default 8 MiB. */
  readonly readBytesMax: number
  /** Also useful pages that one read may add to its wanted ones. Default 256; 0: all are left out. */
  readonly usefulPagesMax: number
  /** Bytes of one segment, 64 MiB at most. Default 16 MiB. */
  readonly segmentBytesMax: number
  /** Writes in one segment, 65,536 at most, so that its index fits into a record. Default 4,096. */
  readonly segmentRunsMax: number
  /**
   * Bytes that writes hold which were accepted and are not durable yet: of each its request, and its room in a segment.
   * Default 64 MiB.
   */
  readonly writeBytesInFlightMax: number
  /** Bytes of writes that may wait for room above that; what goes further is refused with `PAGESTORE_BUSY`. Default 64 MiB. */
  readonly writeBytesWaitingMax: number
  /** Segments that are uploaded at the same time. Default 8. */
  readonly uploadsInFlightMax: number
  /** How often an upload is tried before its writes fail. Default 4. */
  readonly uploadAttemptsMax: number
  /** When one try of an upload counts as lost, milliseconds. Default 30,000. */
  readonly uploadTimeoutMs: number
  /** First pause before an upload is tried again, milliseconds; it doubles each time, less a random half. Default 100. */
  readonly uploadRetryDelayMs: number
  /** Calls of the handler under way at a time. Default 1,024. */
  readonly requestsMax: number
  /** Calls of one principal under way at a time. Default 256. */
  readonly requestsPerPrincipalMax: number
  /** How long a request body may take to arrive, milliseconds. Default 60,000. */
  readonly bodyMsMax: number
  /**
   * Bytes of the request bodies of all calls under way, most of which nobody has let in yet; a call that would go beyond that
   * is refused with `REQUESTS_TOO_MANY`. Default 128 MiB.
   */
  readonly bodiesBytesMax: number
  /** Ranged reads at the same time, over all requests. Default 64; a Worker may have 6 connections. */
  readonly getsInFlightMax: number
  /** Ranged reads at the same time of one request. Default 16. */
  readonly getsPerRequestMax: number
  /** Ranged reads that may wait for their turn; a request that would go further is refused with `PAGESTORE_BUSY`. Default 4,096. */
  readonly getsWaitingMax: number
  /** When a ranged read counts as lost, milliseconds. Default 30,000. */
  readonly getTimeoutMs: number
  /** When a read of the frame cache counts as lost, and the store is asked, milliseconds. Default 1,000. */
  readonly frameCacheTimeoutMs: number
  /**
   * Bytes that one answer holds at a time: frames that are being read for it, as they are stored and expanded, and pages that
   * its reader has not taken yet. A single frame may be more. Default 8 MiB.
   */
  readonly answerBytesMax: number
  /** Bytes that all answers under way hold; each counts for as much as it may hold. Default 128 MiB. */
  readonly readBytesInFlightMax: number
  /** Bytes of reads that may wait for room above that; what goes further is refused with `PAGESTORE_BUSY`. Default 128 MiB. */
  readonly readBytesWaitingMax: number
  /** Bytes of one ranged read, unless a single frame is longer. Default 2 MiB. */
  readonly rangeBytesMax: number
  /** Bytes between two frames that are read along rather than asked for in two ranged reads. Default 32 KiB. */
  readonly rangeGapBytesMax: number
}

/** The limits where the caller names none. */
export const DEFAULT_LIMITS: PagestoreLimits = {
  requestBytesMax: 8 * 2 ** 20,
  writePagesMax: 1024,
  readPagesMax: 1024,
  readBytesMax: 8 * 2 ** 20,
  usefulPagesMax: 256,
  segmentBytesMax: SEGMENT_BYTES_DEFAULT,
  segmentRunsMax: 4096,
  writeBytesInFlightMax: 64 * 2 ** 20,
  writeBytesWaitingMax: 64 * 2 ** 20,
  uploadsInFlightMax: 8,
  uploadAttemptsMax: 4,
  uploadTimeoutMs: 30_000,
  uploadRetryDelayMs: 100,
  requestsMax: 1024,
  requestsPerPrincipalMax: 256,
  bodyMsMax: 60_000,
  bodiesBytesMax: 128 * 2 ** 20,
  getsInFlightMax: 64,
  getsPerRequestMax: 16,
  getsWaitingMax: 4096,
  getTimeoutMs: 30_000,
  frameCacheTimeoutMs: 1000,
  answerBytesMax: 8 * 2 ** 20,
  readBytesInFlightMax: 128 * 2 ** 20,
  readBytesWaitingMax: 128 * 2 ** 20,
  rangeBytesMax: 2 * 2 ** 20,
  rangeGapBytesMax: 32 * 1024,
}

/**
 * Limits for a Worker, which has 128 MB for all it holds. What callers can make a page store hold with them comes to 56 MiB:
 * bodies of requests, what writes take beside them, and answers. Frames in memory (`cacheBytesMax`) and what the commit log keeps
 * come on top of that, 16 MiB each at most.
 *
 * A Worker's six connections are a matter of the stores: give them a bound with `limited(store, { inFlightMax: 6 })`.
 */
export const WORKER_LIMITS: Partial<PagestoreLimits> = {
  // A write of 1,024 pages of 4 KiB; what it takes is its request twice.
  requestBytesMax: 5 * 2 ** 20,
  bodiesBytesMax: 24 * 2 ** 20,
  segmentBytesMax: 8 * 2 ** 20,
  writeBytesInFlightMax: 16 * 2 ** 20,
  writeBytesWaitingMax: 16 * 2 ** 20,
  uploadsInFlightMax: 2,
  answerBytesMax: 4 * 2 ** 20,
  readBytesInFlightMax: 16 * 2 ** 20,
  readBytesWaitingMax: 64 * 2 ** 20,
  rangeBytesMax: 2 ** 20,
  getsInFlightMax: 4,
  getsPerRequestMax: 4,
}

// What the messages of `describe` can say, and what the timers of all runtimes can count to; they fire at once for more.
const LIMIT_MAX = 2 ** 31 - 1
// A write takes at most about 110 bytes of the index beside its own pages' share, and the index is one record of 8 MiB.
const SEGMENT_RUNS_MAX = 65_536

const MAY_BE_ZERO: ReadonlySet<string> = new Set<keyof PagestoreLimits>([
  'usefulPagesMax',
  'writeBytesWaitingMax',
  'readBytesWaitingMax',
  'getsWaitingMax',
  'rangeGapBytesMax',
  'uploadRetryDelayMs',
])

/**
 * Fills in the defaults and checks that the limits make sense together.
 *
 * @param objectBytesMax What the segment store takes in one object.
 * @throws {@link PagestoreError} `PAGESTORE_OPTIONS`.
 */
export function resolveLimits(given: Partial<PagestoreLimits> | undefined, objectBytesMax: number): PagestoreLimits {
  const limits = { ...DEFAULT_LIMITS, ...given }
  for (const [name, value] of Object.entries(limits)) {
    const most = name === 'segmentRunsMax' ? SEGMENT_RUNS_MAX : LIMIT_MAX
    if (!Number.isInteger(value) || value < (MAY_BE_ZERO.has(name) ? 0 : 1) || value > most) {
      throw new PagestoreError('PAGESTORE_OPTIONS', `limit is out of range, ${name}=${value}`)
    }
  }
  const ceiling = Math.min(SEGMENT_BYTES_MAX, objectBytesMax)
  if (limits.segmentBytesMax > ceiling || limits.segmentBytesMax <= SEGMENT_OVERHEAD_BYTES) {
    throw new PagestoreError(
      'PAGESTORE_OPTIONS',
      `segmentBytesMax is out of range, got=${limits.segmentBytesMax} most=${ceiling}`,
    )
  }
  return limits
}
