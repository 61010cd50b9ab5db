import { decodeFrame, type FrameCodec, isTypedError, type Timers } from '@graft-ts/volume'
import type { PagestoreLog } from '../events.ts'
import type { FrameCache } from '../frame-cache.ts'
import { inTime } from '../in-time.ts'
import type { Counters } from '../metrics.ts'
import type { FrameTarget } from './read-plan.ts'

/** What {@link KeptFrames} work with. */
export interface KeptFramesOptions {
  readonly cache: FrameCache
  readonly codec: FrameCodec
  readonly timers: Timers
  /** When a read of the cache counts as lost, milliseconds. */
  readonly timeoutMs: number
  readonly log: PagestoreLog
  readonly counters: Counters
}

/** Frames out of a {@link FrameCache}, verified. Whatever goes wrong with it is a miss. */
export class KeptFrames {
  readonly #options: KeptFramesOptions

  constructor(options: KeptFramesOptions) {
    this.#options = options
  }

  /**
   * Looks for a frame.
   *
   * @returns `undefined` at once if the cache does not have it. Else a promise that never rejects: of the expanded pages,
   * which nobody else has and which keep little more than themselves alive; or of `undefined`, if there was no use in
   * looking.
   */
  find(target: FrameTarget): Promise<Uint8Array | undefined> | undefined {
    const { cache, counters } = this.#options
    const reading = this.#guarded(() => cache.read(target.cacheKey))
    if (reading === undefined) counters.frameCacheMisses += 1
    return reading && this.#verified(target, reading)
  }

  /** Hands over a frame that was read from the object store and has passed its checks. */
  keep(target: FrameTarget, frame: Uint8Array): void {
    this.#guarded(() => this.#options.cache.write(target.cacheKey, frame))
  }

  async #verified(target: FrameTarget, reading: Promise<Uint8Array | undefined>): Promise<Uint8Array | undefined> {
    const { cache, codec, counters, log } = this.#options
    const frame = await this.#inTime(reading)
    if (frame !== undefined) {
      try {
        const pages = await decodeFrame(frame, target.expected, codec)
        counters.frameCacheHits += 1
        return pages
      } catch (error) {
        const { volumeId, ownerId } = target.expected
        const code = isTypedError(error) ? error.code : 'FRAME_CONTENT'
        counters.frameCacheRejected += 1
        log({ type: 'kept-frame-rejected', volumeId, ownerId, code })
        this.#guarded(() => cache.remove(target.cacheKey))
      }
    }
    counters.frameCacheMisses += 1
    return undefined
  }

  /** What the cache gives; `undefined` if it fails, or takes longer than the object store would. */
  async #inTime(reading: Promise<Uint8Array | undefined>): Promise<Uint8Array | undefined> {
    const { counters, timers, timeoutMs } = this.#options
    try {
      return await inTime(reading, { timers, ms: timeoutMs, error: () => new Error('the frame cache is late') })
    } catch {
      counters.frameCacheFailures += 1
      return undefined
    }
  }

  /** A cache that throws is no reason for a read to fail. */
  #guarded<T>(call: () => T): T | undefined {
    try {
      return call()
    } catch {
      this.#options.counters.frameCacheFailures += 1
      return undefined
    }
  }
}
