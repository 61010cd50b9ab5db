import { decodeFrame, type FrameCodec, isTypedError, SegmentError } from '@graft-ts/volume'
import { LRUCache } from 'lru-cache'
import { requestAborted, throwIfAborted } from '../errors.ts'
import type { PagestoreLog } from '../events.ts'
import type { PagestoreLimits } from '../limits.ts'
import type { Counters } from '../metrics.ts'
import type { KeptFrames } from './kept-frames.ts'
import type { RangeReader } from './range-reader.ts'
import { coalesceFrames, type FrameRange, type FrameTarget, rangeLimits } from './read-plan.ts'

// What an entry costs beside its bytes: its key, and the cache's own records.
const ENTRY_OVERHEAD_BYTES = 512
// Without a reason each read that is given up would make an exception, with its stack.
const NOBODY_WAITS = 'nobody waits for the frames any more'

/** What a frame reader works with. */
export interface FrameReaderOptions {
  readonly ranges: RangeReader
  readonly codec: FrameCodec
  readonly limits: PagestoreLimits
  /** Bytes of expanded frames that are kept; 0: none. */
  readonly cacheBytesMax: number
  /** Where frames are looked for before the object store is asked, if there is such a place. */
  readonly kept: KeptFrames | undefined
  readonly log: PagestoreLog
  readonly counters: Counters
}

/** One read of some frames and those who wait for it; it is abandoned when nobody does any more. */
interface Fetch {
  readonly controller: AbortController
  readonly targets: readonly FrameTarget[]
  /** How many frames have come. */
  arrived: number
  /** How many requests wait for a frame; one that waits for two counts twice. */
  waiters: number
}

interface Flight {
  readonly fetch: Fetch
  readonly pages: Promise<Uint8Array>
}

/**
 * Expanded, verified frames: from memory, from a read that is already under way, from where frames are kept, or from the
 * object store.
 *
 * However many requests want a frame at the same time, it is read and expanded once.
 */
export class FrameReader {
  readonly #options: FrameReaderOptions
  readonly #cache: LRUCache<string, Uint8Array> | undefined
  readonly #flights = new Map<string, Flight>()

  constructor(options: FrameReaderOptions) {
    this.#options = options
    const maxSize = options.cacheBytesMax
    const sizeCalculation = (pages: Uint8Array): number => pages.length + ENTRY_OVERHEAD_BYTES
    this.#cache = maxSize > 0 ? new LRUCache({ maxSize, sizeCalculation }) : undefined
  }

  /** Bytes of expanded frames in memory. */
  get cacheBytes(): number {
    return this.#cache?.calculatedSize ?? 0
  }

  /** Whether a frame is in memory now. */
  isInMemory(target: FrameTarget): boolean {
    return this.#cache?.has(target.cacheKey) === true
  }

  /** The pages of a frame that is in memory, shared with other requests; `undefined`: it is not. */
  fromMemory(target: FrameTarget): Uint8Array | undefined {
    const pages = this.#cache?.get(target.cacheKey)
    if (pages !== undefined) this.#options.counters.framesCached += 1
    return pages
  }

  /**
   * Reads frames. Those that are neither in memory nor under way are asked for at once, neighbours together.
   *
   * @returns For each target, in the same order, its pages, concatenated: shared with other requests, not to be written to.
   * Each promise fails on its own, with a {@link SegmentError} when its frame is not what was asked for (I11).
   * @throws `PagestoreError` `REQUEST_ABORTED` at once, with nothing read, if the request is over already.
   */
  read(targets: readonly FrameTarget[], signal: AbortSignal): Promise<Uint8Array>[] {
    // The first one to join a read would leave it again, and nothing would be left for the second one to join.
    throwIfAborted(signal)
    const { counters, limits } = this.#options
    const cached = targets.map((target) => this.#cache?.get(target.cacheKey))
    const absent = targets.filter((target, i) => cached[i] === undefined && !this.#flights.has(target.cacheKey))
    counters.framesCached += cached.filter((pages) => pages !== undefined).length
    // Nothing waits between looking and registering, so no two requests can miss each other.
    const missing = absent.filter((target) => !this.#recall(target))
    for (const range of coalesceFrames(missing, rangeLimits(limits))) this.#fetch(range)
    const isOwn = new Set(absent)
    return targets.map((target, i) => {
      const pages = cached[i]
      if (pages !== undefined) return Promise.resolve(pages)
      if (!isOwn.has(target)) counters.framesShared += 1
      return this.#join(this.#flights.get(target.cacheKey) as Flight, signal)
    })
  }

  /** Starts to read a frame from where frames are kept; `false`: it is not there. */
  #recall(target: FrameTarget): boolean {
    const finding = this.#options.kept?.find(target)
    if (finding === undefined) return false
    const fetch: Fetch = { controller: new AbortController(), targets: [target], arrived: 0, waiters: 0 }
    const { signal } = fetch.controller
    this.#fly(
      fetch,
      target,
      finding.then((pages) => pages ?? this.#readAlone(target, signal)),
    )
    return true
  }

  #fetch(range: FrameRange): void {
    const { targets } = range
    const fetch: Fetch = { controller: new AbortController(), targets, arrived: 0, waiters: 0 }
    const { signal } = fetch.controller
    const volumeId = (targets[0] as FrameTarget).expected.volumeId
    const bytes = this.#options.ranges.read(range.object, volumeId, { offset: range.offset, length: range.byteLength }, signal)
    for (const target of targets) {
      this.#fly(
        fetch,
        target,
        bytes.then((read) => this.#expand(target, read, range.offset, signal)),
      )
    }
  }

  /** Registers what brings a frame, so that others can join. */
  #fly(fetch: Fetch, target: FrameTarget, expanding: Promise<Uint8Array>): void {
    const pages = expanding.then(
      (expanded) => {
        this.#cache?.set(target.cacheKey, expanded)
        fetch.arrived += 1
        this.#land(target, flight)
        return expanded
      },
      (error: unknown) => {
        this.#land(target, flight)
        throw error
      },
    )
    const flight: Flight = { fetch, pages }
    // Those who wait look at the outcome; when all have left there is nobody to tell.
    flight.pages.catch(() => undefined)
    this.#flights.set(target.cacheKey, flight)
  }

  #land(target: FrameTarget, flight: Flight): void {
    if (this.#flights.get(target.cacheKey) === flight) this.#flights.delete(target.cacheKey)
  }

  /** Waits for a flight, or until the request is aborted; the last one to leave cancels what has not come yet. */
  #join(flight: Flight, signal: AbortSignal): Promise<Uint8Array> {
    const { fetch } = flight
    fetch.waiters += 1
    return new Promise((resolve, reject) => {
      let isWaiting = true
      const leave = (): void => {
        if (!isWaiting) return
        isWaiting = false
        signal.removeEventListener('abort', abort)
        fetch.waiters -= 1
        if (fetch.waiters === 0 && fetch.arrived < fetch.targets.length) this.#abandon(fetch)
      }
      const abort = (): void => {
        leave()
        reject(requestAborted(signal))
      }
      signal.addEventListener('abort', abort)
      flight.pages.then(
        (pages) => {
          leave()
          resolve(pages)
        },
        (error: unknown) => {
          leave()
          reject(error)
        },
      )
    })
  }

  /** Nobody waits for this read any more. Whoever wants its frames from now on starts another. */
  #abandon(fetch: Fetch): void {
    for (const { cacheKey } of fetch.targets) {
      if (this.#flights.get(cacheKey)?.fetch === fetch) this.#flights.delete(cacheKey)
    }
    fetch.controller.abort(NOBODY_WAITS)
  }

  async #expand(target: FrameTarget, read: Uint8Array, readOffset: number, signal: AbortSignal): Promise<Uint8Array> {
    try {
      return await this.#decode(target, read, readOffset)
    } catch (error) {
      if (!isTypedError(error) || error.kind !== 'corrupt') throw error
      this.#reject(target, error.code, false)
    }
    // A reply can be damaged or cut short on its way; what is damaged at rest looks the same a second time.
    const again = await this.#read(target, signal)
    try {
      return await this.#decode(target, again, target.offset)
    } catch (error) {
      if (isTypedError(error)) this.#reject(target, error.code, true)
      throw error
    }
  }

  async #readAlone(target: FrameTarget, signal: AbortSignal): Promise<Uint8Array> {
    return this.#expand(target, await this.#read(target, signal), target.offset, signal)
  }

  async #read(target: FrameTarget, signal: AbortSignal): Promise<Uint8Array> {
    throwIfAborted(signal)
    const range = { offset: target.offset, length: target.byteLength }
    return this.#options.ranges.read(target.object, target.expected.volumeId, range, signal)
  }

  async #decode(target: FrameTarget, read: Uint8Array, readOffset: number): Promise<Uint8Array> {
    const start = target.offset - readOffset
    const bytes = read.subarray(start, start + target.byteLength)
    if (bytes.length !== target.byteLength) {
      throw new SegmentError(
        'SEGMENT_TRUNCATED',
        `the object ends within the frame, bytes=${bytes.length} expected=${target.byteLength}`,
      )
    }
    const pages = await decodeFrame(bytes, target.expected, this.#options.codec)
    this.#options.counters.framesRead += 1
    this.#options.kept?.keep(target, bytes)
    // A raw frame is a view over the whole reply, which the cache must not keep alive.
    return pages.buffer.byteLength > pages.byteLength ? pages.slice() : pages
  }

  #reject(target: FrameTarget, code: string, isFinal: boolean): void {
    const { volumeId, ownerId } = target.expected
    if (isFinal) this.#options.counters.framesRejected += 1
    this.#options.log({ type: 'frame-rejected', volumeId, ownerId, code, isFinal })
  }
}
