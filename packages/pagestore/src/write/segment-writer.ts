import type { ObjectStore } from '@graft-ts/storage-adapters'
import {
  type FrameCodec,
  type IdSource,
  newSegmentId,
  type Run,
  runBytesMax,
  SEGMENT_OVERHEAD_BYTES,
  SegmentBuilder,
  type SegmentId,
  type SegmentRef,
  storeKeys,
  type Timers,
  type VolumeId,
} from '@graft-ts/volume'
import { Budget } from '../budget.ts'
import { PagestoreError, throwIfAborted } from '../errors.ts'
import type { PagestoreLog } from '../events.ts'
import type { PagestoreLimits } from '../limits.ts'
import type { Counters } from '../metrics.ts'
import { type AssembledSegment, SegmentGroup } from './segment-group.ts'
import { SegmentGrouping, type WritePolicy } from './segment-grouping.ts'
import { type UploadOptions, uploadSegment } from './upload-segment.ts'

/** Whether writes of different volumes may share a segment, or each volume's segments lie under its own prefix. */
export type SegmentScope = 'shared' | 'volume'

/** What a segment writer works with. */
export interface SegmentWriterOptions {
  readonly store: ObjectStore
  readonly policy: WritePolicy
  readonly scope: SegmentScope
  readonly limits: PagestoreLimits
  readonly codec: FrameCodec
  readonly idSource: IdSource
  readonly timers: Timers
  readonly log: PagestoreLog
  readonly counters: Counters
}

/** When an upload is late, where the caller does not say: at three to four times what one in a hundred takes on S3. */
const LATE_AFTER_MS_DEFAULT = 250
/** How long writes gather under policy `cost`, where the caller does not say. */
const INTERVAL_MS_DEFAULT = 1000

/** A group that has not started. */
interface GatheringGroup {
  readonly group: SegmentGroup
  readonly cancelTimer: () => void
}

/** Writes that may share segments: all of them, or those of one volume. */
interface Lane {
  readonly volumeId: VolumeId | undefined
  readonly grouping: SegmentGrouping
  readonly gathering: Map<number, GatheringGroup>
}

/**
 * Packs the writes of many clients into few segments and makes them durable.
 *
 * A write is compressed while earlier ones are being uploaded, and answered when its segment is durable (I1).
 */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions
  readonly #lanes = new Map<string, Lane>()
  readonly #bytes: Budget
  readonly #uploads: Budget
  readonly #pending = new Set<Promise<unknown>>()
  // Groups whose writes have not been answered.
  readonly #groups = new Set<SegmentGroup>()
  readonly #stop = new AbortController()
  #isClosed = false

  constructor(options: SegmentWriterOptions) {
    const { limits } = options
    this.#options = options
    this.#bytes = new Budget({ max: limits.writeBytesInFlightMax, waitingMax: limits.writeBytesWaitingMax, retryAfterMs: 1000 })
    // Groups are already bounded by their bytes, so any number of them may wait for an upload slot.
    this.#uploads = new Budget({ max: limits.uploadsInFlightMax, waitingMax: Number.POSITIVE_INFINITY, retryAfterMs: 0 })
  }

  /** Bytes that accepted writes hold in memory: each its request, and its room in a segment. */
  get bytesInFlight(): number {
    return this.#bytes.used
  }

  /** Bytes of writes that wait for room. */
  get bytesWaiting(): number {
    return this.#bytes.waiting
  }

  /** Segments that are not durable yet, and the lanes in which they are: what is kept here beside the writes themselves. */
  get open(): { readonly segments: number; readonly lanes: number } {
    return { segments: this.#groups.size, lanes: this.#lanes.size }
  }

  /**
   * Stores a run.
   *
   * @param run Its data is borrowed until the promise settles; the buffer around it counts as held for as long.
   * @param signal Stops waiting for room, or for the others of a segment; a write whose segment has been put together runs on.
   * @returns The ref, once its segment is durable (I1).
   * @throws {@link PagestoreError} `PAGESTORE_BUSY`, `PAGESTORE_CLOSED`, `WRITE_BYTES`, `SEGMENT_UPLOAD`, `REQUEST_ABORTED`.
   */
  async write(run: Run, signal?: AbortSignal): Promise<SegmentRef> {
    const { segmentBytesMax, requestBytesMax } = this.#options.limits
    const parts = runBytesMax(run.pages, run.pageSize)
    const bytes = parts.frames + parts.index
    const room = segmentBytesMax - SEGMENT_OVERHEAD_BYTES
    if (bytes > room)
      throw new PagestoreError('WRITE_BYTES', `the write does not fit into a segment, bytes=${bytes} most=${room}`)
    this.#checkOpen()
    // The data is a view of the request's body, and keeps all of it: also what is in it beside the pages.
    const bodyBytes = Math.min(run.data.buffer.byteLength, requestBytesMax)
    const release = await this.#bytes.acquire(bodyBytes + bytes, signal)
    const written = this.#accept(run, bytes, signal).finally(release)
    this.#pending.add(written)
    try {
      return await written
    } finally {
      this.#pending.delete(written)
    }
  }

  /**
   * Takes no further writes, uploads what has gathered, and waits until every accepted write is answered.
   *
   * @param options.signal When it fires, uploads are given up, and the writes that are left fail; whether their segments are
   * durable is then not known, but nothing refers to them.
   */
  async close(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options
    this.#isClosed = true
    for (const lane of this.#lanes.values()) this.#start(lane, lane.grouping.drain().start)
    const giveUp = (): void => this.#giveUp()
    if (signal?.aborted === true) giveUp()
    signal?.addEventListener('abort', giveUp)
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending)
    signal?.removeEventListener('abort', giveUp)
  }

  #giveUp(): void {
    this.#stop.abort()
    for (const group of this.#groups) group.fail(closed())
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closed()
  }

  async #accept(run: Run, bytes: number, signal: AbortSignal | undefined): Promise<SegmentRef> {
    // Both may have happened while this write waited for room.
    this.#checkOpen()
    throwIfAborted(signal)
    const lane = this.#lane(run.volumeId)
    const { group: number, isFirst, start } = lane.grouping.add(bytes)
    const { group } = isFirst ? this.#openGroup(lane, number) : (lane.gathering.get(number) as GatheringGroup)
    const written = group.add(run, signal)
    this.#start(lane, start)
    return written
  }

  #lane(volumeId: VolumeId): Lane {
    const { scope, policy, limits } = this.#options
    const name = scope === 'volume' ? volumeId : ''
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      const bytesMax = limits.segmentBytesMax - SEGMENT_OVERHEAD_BYTES
      const grouping = new SegmentGrouping({ policy, bytesMax, runsMax: limits.segmentRunsMax })
      lane = { volumeId: scope === 'volume' ? volumeId : undefined, grouping, gathering: new Map() }
      this.#lanes.set(name, lane)
    }
    return lane
  }

  #openGroup(lane: Lane, number: number): GatheringGroup {
    const { codec, idSource, limits, policy } = this.#options
    const segmentId = newSegmentId(idSource)
    const group = new SegmentGroup(new SegmentBuilder({ segmentId, codec, bytesMax: limits.segmentBytesMax }))
    const cancelTimer = policy.type === 'cost' ? this.#watchInterval(lane, number, policy.intervalMs) : () => undefined
    const gathering = { group, cancelTimer }
    lane.gathering.set(number, gathering)
    this.#groups.add(group)
    return gathering
  }

  #watchInterval(lane: Lane, number: number, intervalMs: number = INTERVAL_MS_DEFAULT): () => void {
    return this.#options.timers.start(() => this.#start(lane, lane.grouping.intervalPassed(number).start), intervalMs)
  }

  #start(lane: Lane, numbers: readonly number[]): void {
    for (const number of numbers) {
      const { group, cancelTimer } = lane.gathering.get(number) as GatheringGroup
      lane.gathering.delete(number)
      cancelTimer()
      this.#upload(lane, number, group)
        .then(
          () => group.succeed(),
          (error: unknown) => group.fail(error),
        )
        .finally(() => this.#uploadEnded(lane, number, group))
    }
  }

  #uploadEnded(lane: Lane, number: number, group: SegmentGroup): void {
    this.#groups.delete(group)
    this.#start(lane, lane.grouping.uploadEnded(number).start)
    // A lane per volume must not stay for ever after the volume's last write.
    if (lane.grouping.isIdle) this.#lanes.delete(lane.volumeId ?? '')
  }

  async #upload(lane: Lane, number: number, group: SegmentGroup): Promise<void> {
    const release = await this.#uploads.acquire(1)
    const assembled = await group.assemble()
    const stopWatching = this.#watchLate(lane, number)
    try {
      if (assembled !== undefined) await this.#makeDurable(lane, group.segmentId, assembled)
    } finally {
      stopWatching()
      release()
    }
  }

  /** Lets the next group go when this upload takes long: others must not wait for a store that hangs. */
  #watchLate(lane: Lane, number: number): () => void {
    const { policy, timers } = this.#options
    if (policy.type !== 'latency') return () => undefined
    const { lateAfterMs = LATE_AFTER_MS_DEFAULT } = policy
    return timers.start(() => this.#start(lane, lane.grouping.uploadLate(number).start), lateAfterMs)
  }

  async #makeDurable(lane: Lane, segmentId: SegmentId, { bytes, runs }: AssembledSegment): Promise<void> {
    const { log, counters, idSource } = this.#options
    const { volumeId } = lane
    const key = volumeId === undefined ? storeKeys.segment(segmentId) : storeKeys.volumeSegment(volumeId, segmentId)
    const startMs = idSource.nowMs()
    try {
      const attempts = await uploadSegment(key, bytes, this.#uploadOptions(segmentId))
      counters.segmentsWritten += 1
      counters.segmentBytesWritten += bytes.length
      const durationMs = idSource.nowMs() - startMs
      log({ type: 'segment-written', segmentId, byteLength: bytes.length, runs, attempts, durationMs })
    } catch (error) {
      counters.uploadsFailed += 1
      const { kind, code } = error as PagestoreError
      log({ type: 'upload-failed', segmentId, kind, code })
      throw error
    }
  }

  #uploadOptions(segmentId: SegmentId): UploadOptions {
    const { store, limits, timers, log, counters, idSource } = this.#options
    return {
      store,
      timers,
      attemptsMax: limits.uploadAttemptsMax,
      timeoutMs: limits.uploadTimeoutMs,
      retryDelayMs: limits.uploadRetryDelayMs,
      signal: this.#stop.signal,
      random: () => (idSource.randomBytes(1)[0] as number) / 255,
      onRetry: (attempt, { kind, code }) => {
        counters.uploadRetries += 1
        log({ type: 'upload-retried', segmentId, attempt, kind, code })
      },
    }
  }
}

function closed(): PagestoreError {
  return new PagestoreError('PAGESTORE_CLOSED', 'the page store is closed')
}
