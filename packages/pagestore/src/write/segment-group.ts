import { type EncodedRun, type Run, SegmentBuilder, type SegmentId, type SegmentRef } from '@graft-ts/volume'
import { requestAborted } from '../errors.ts'

// A reason of our own, or each segment would cost an exception with its stack.
const BOUND = 'the segment has been put together'

/** A write that waits for its segment. */
interface Waiter {
  readonly run: Run
  readonly resolve: (ref: SegmentRef) => void
  readonly reject: (error: unknown) => void
  encoded: EncodedRun | undefined
  /** Set when the segment has been put together. */
  ref: SegmentRef | undefined
}

/** What a group becomes. */
export interface AssembledSegment {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly runs: number
}

/**
 * Writes that become one segment. They are compressed when they arrive, put together when the group starts, and answered
 * when the segment is durable.
 */
export class SegmentGroup {
  readonly segmentId: SegmentId
  readonly #waiters = new Set<Waiter>()
  readonly #encodings: Promise<void>[] = []
  /** Fires when callers can no longer take their writes out. */
  readonly #isBound = new AbortController()
  #builder: SegmentBuilder | undefined

  constructor(builder: SegmentBuilder) {
    this.segmentId = builder.segmentId
    this.#builder = builder
  }

  /**
   * Takes a write in; not to be called once the group has started.
   *
   * @param signal Takes it out again, until the segment is put together; from then on the write goes on without its caller.
   * @returns Its ref, when the segment is durable (I1).
   */
  add(run: Run, signal?: AbortSignal): Promise<SegmentRef> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { run, resolve, reject, encoded: undefined, ref: undefined }
      const leave = (error: unknown): void => {
        this.#waiters.delete(waiter)
        reject(error)
      }
      const keep = (encoded: EncodedRun): void => {
        waiter.encoded = encoded
      }
      this.#waiters.add(waiter)
      signal?.addEventListener('abort', () => leave(requestAborted(signal)), { signal: this.#isBound.signal })
      // A write that cannot be encoded fails alone, and at once.
      this.#encodings.push((this.#builder as SegmentBuilder).encode(run).then(keep, leave))
    })
  }

  /** Waits until all writes are compressed, and puts together what is left of them; `undefined`: nothing. */
  async assemble(): Promise<AssembledSegment | undefined> {
    await Promise.all(this.#encodings)
    this.#isBound.abort(BOUND)
    const builder = this.#builder as SegmentBuilder
    // Compressed pages are in the segment from here on, and need not be kept twice.
    this.#builder = undefined
    for (const waiter of this.#waiters) {
      waiter.ref = builder.append(waiter.run, waiter.encoded as EncodedRun)
      waiter.encoded = undefined
    }
    return builder.runCount === 0 ? undefined : { bytes: builder.finish(), runs: builder.runCount }
  }

  /** Answers the writes: the segment is durable. */
  succeed(): void {
    for (const waiter of this.#waiters) waiter.resolve(waiter.ref as SegmentRef)
  }

  /** Fails the writes that have not been answered; those that have not been put together will not be. */
  fail(error: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(error)
    this.#waiters.clear()
  }
}
