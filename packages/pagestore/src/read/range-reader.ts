import type { ObjectStore, StoredObject } from '@graft-ts/storage-adapters'
import { isTypedError, SegmentError, storeKeys, type Timers, type VolumeId } from '@graft-ts/volume'
import { Budget } from '../budget.ts'
import { PagestoreError, storeFailure } from '../errors.ts'
import { inTime } from '../in-time.ts'
import type { PagestoreLimits } from '../limits.ts'
import type { Counters } from '../metrics.ts'
import type { SegmentScope } from '../write/segment-writer.ts'
import { type FrameObject, objectName } from './read-plan.ts'

/** What a range reader works with. */
export interface RangeReaderOptions {
  readonly segments: ObjectStore
  readonly commits: ObjectStore
  readonly scope: SegmentScope
  readonly limits: PagestoreLimits
  readonly timers: Timers
  readonly counters: Counters
}

/** Ranged reads of segments and commits, a bounded number at a time. */
export class RangeReader {
  readonly #options: RangeReaderOptions
  readonly #gets: Budget

  constructor(options: RangeReaderOptions) {
    const { getsInFlightMax, getsWaitingMax } = options.limits
    this.#options = options
    this.#gets = new Budget({ max: getsInFlightMax, waitingMax: getsWaitingMax, retryAfterMs: 100 })
  }

  /** Reads under way. */
  get inFlight(): number {
    return this.#gets.used
  }

  /** Reads that wait for their turn. */
  get waiting(): number {
    return this.#gets.waiting
  }

  /** Whether reads are waiting for their turn. */
  get isBusy(): boolean {
    return this.#gets.waiting > 0
  }

  /**
   * Reads a range of an object.
   *
   * @param volumeId Whose segment it is, for segments that lie under their volume's prefix.
   * @returns The bytes; fewer than asked for if the object ends early.
   * @throws {@link PagestoreError} `SEGMENT_MISSING` (a commit refers to it, so it is no ordinary absence),
   * `STORE_FAILED`, `PAGESTORE_BUSY`; {@link SegmentError} `SEGMENT_TRUNCATED` if the object ends before the range.
   */
  async read(
    object: FrameObject,
    volumeId: VolumeId,
    range: { offset: number; length: number },
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const release = await this.#gets.acquire(1, signal)
    try {
      for (const { store, key } of this.#places(object, volumeId)) {
        const found = await this.#get(store, key, range, signal)
        if (found !== undefined) return found.bytes
      }
    } finally {
      release()
    }
    throw new PagestoreError('SEGMENT_MISSING', `a commit refers to an object that is not there, object=${objectName(object)}`)
  }

  /** Where an object may be. The scope may have changed since a segment was written, so both places are looked at. */
  #places(object: FrameObject, volumeId: VolumeId): { store: ObjectStore; key: string }[] {
    const { segments, commits, scope } = this.#options
    if (object.type === 'commit') return [{ store: commits, key: object.key }]
    const keys = [storeKeys.segment(object.segmentId), storeKeys.volumeSegment(volumeId, object.segmentId)]
    if (scope === 'volume') keys.reverse()
    return keys.map((key) => ({ store: segments, key }))
  }

  async #get(
    store: ObjectStore,
    key: string,
    range: { offset: number; length: number },
    signal: AbortSignal,
  ): Promise<StoredObject | undefined> {
    const { counters, limits, timers } = this.#options
    counters.gets += 1
    const ms = limits.getTimeoutMs
    const error = (): PagestoreError => new PagestoreError('STORE_FAILED', `the store did not answer in time, ms=${ms}`)
    try {
      // The limit ends the wait, for a store may be deaf to the signal; the signal fires when the last waiter has left.
      const found = await inTime(store.get(key, { range, signal }), { timers, ms, error })
      counters.getBytes += found?.bytes.length ?? 0
      // An answer with the whole object is what a store sends that does not know ranges.
      if (found !== undefined && found.bytes.length > range.length) throw tooLong(found.bytes.length, range.length)
      return found
    } catch (failure) {
      throw readFailed(failure)
    }
  }
}

function tooLong(bytes: number, asked: number): PagestoreError {
  return new PagestoreError('STORE_FAILED', `the store sent more than it was asked for, bytes=${bytes} asked=${asked}`)
}

/**
 * What a failed read of the store means to the caller of the page store: a store that refuses us or a range beyond an
 * object's end is not the caller's mistake, and must not look like one.
 */
function readFailed(error: unknown): unknown {
  if (!isTypedError(error)) return new PagestoreError('STORE_FAILED', 'the store failed', { cause: error })
  if (error.code === 'STORE_RANGE')
    return new SegmentError('SEGMENT_TRUNCATED', 'the object ends before the frame', { cause: error })
  return storeFailure(error)
}
