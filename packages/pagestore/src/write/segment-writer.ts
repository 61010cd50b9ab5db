import type { ObjectStore } from '@graft-ts/storage-adapters'
import {
  type FrameCodec,
  type IdSource,
  newSegmentId,
  type Run,
  runBytesMax,
  SEGMENT_OVERHEAD_BYTES,
  SegmentBuilder,
  type SegmentRef,
  storeKeys,
  type Timers,
  type VolumeId,
} from '@graft-ts/volume'
import { Budget } from '../budget.ts'
import { PagestoreError } from '../errors.ts'
import type { PagestoreLog } from '../events.ts'
import type { PagestoreLimits } from '../limits.ts'
import type { Counters } from '../metrics.ts'
import { SegmentGrouping, type WritePolicy } from './segment-grouping.ts'
import { uploadSegment } from './upload-segment.ts'

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

/** A group whose writes are being compressed, and later uploaded. */
interface Group {
  readonly builder: SegmentBuilder
  readonly key: string
  readonly adds: Promise<SegmentRef>[]
  readonly durable: PromiseWithResolver
  cancelTimer: () => void
}

interface PromiseWithResolver {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Writes that may share segments: all of them, or those of one volume. */
interface Lane {
  readonly volumeId: VolumeId | undefined
  readonly grouping: SegmentGrouping
  readonly groups: Map<number, Group>
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
  #isClosed = false

  constructor(options: SegmentWriterOptions) {
    const { limits } = options
    this.#options = options
    this.#bytes = new Budget({ max: limits.writeBytesInFlightMax, waitingMax: limits.writeBytesWaitingMax, retryAfterMs: 1000 })
    // Groups are already bounded by their bytes, so any number of them may wait for an upload slot.
    this.#uploads = new Budget({ max: limits.uploadsInFlightMax, waitingMax: Number.POSITIVE_INFINITY, retryAfterMs: 0 })
  }

  /** Bytes of accepted writes that are not durable yet. */
  get bytesInFlight(): number {
    return this.#bytes.used
  }

  /** Bytes of writes that wait for room. */
  get bytesWaiting(): number {
    return this.#bytes.waiting
  }

  /**
   * Stores a run.
   *
   * @param run Its data is borrowed until the promise settles.
   * @param signal Stops waiting for room; a write that was accepted runs on.
   * @returns The ref, once its segment is durable (I1).
   * @throws {@link PagestoreError} `PAGESTORE_BUSY`, `PAGESTORE_CLOSED`, `WRITE_BYTES`, `SEGMENT_UPLOAD`.
   */
  async write(run: Run, signal?: AbortSignal): Promise<SegmentRef> {
    const parts = runBytesMax(run.pages, run.pageSize)
    const bytes = parts.frames + parts.index
    const room = this.#options.limits.segmentBytesMax - SEGMENT_OVERHEAD_BYTES
    if (bytes > room)
      throw new PagestoreError('WRITE_BYTES', `the write does not fit into a segment, bytes=${bytes} most=${room}`)
    this.#checkOpen()
    const release = await this.#bytes.acquire(bytes, signal)
    const written = this.#accept(run, bytes).finally(release)
    this.#pending.add(written)
    try {
      return await written
    } finally {
      this.#pending.delete(written)
    }
  }

  /** Takes no further writes, uploads what has gathered, and waits until every accepted write is answered. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const lane of this.#lanes.values()) this.#start(lane, lane.grouping.drain().start)
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending)
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new PagestoreError('PAGESTORE_CLOSED', 'the page store is closed')
  }

  async #accept(run: Run, bytes: number): Promise<SegmentRef> {
    // It may have been closed while this write waited for room.
    this.#checkOpen()
    const lane = this.#lane(run.volumeId)
    const { group: number, isFirst, start } = lane.grouping.add(bytes)
    const group = isFirst ? this.#openGroup(lane, number) : (lane.groups.get(number) as Group)
    const added = group.builder.add(run)
    // Whether it fails is looked at below and by the upload; until then it must not count as unhandled.
    added.catch(() => undefined)
    group.adds.push(added)
    this.#start(lane, start)
    const [ref] = await Promise.all([added, group.durable.promise])
    return ref
  }

  #lane(volumeId: VolumeId): Lane {
    const { scope, policy, limits } = this.#options
    const name = scope === 'volume' ? volumeId : ''
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      const bytesMax = limits.segmentBytesMax - SEGMENT_OVERHEAD_BYTES
      const grouping = new SegmentGrouping({ policy, bytesMax, runsMax: limits.segmentRunsMax })
      lane = { volumeId: scope === 'volume' ? volumeId : undefined, grouping, groups: new Map() }
      this.#lanes.set(name, lane)
    }
    return lane
  }

  #openGroup(lane: Lane, number: number): Group {
    const { codec, idSource, limits, policy, timers } = this.#options
    const segmentId = newSegmentId(idSource)
    const builder = new SegmentBuilder({ segmentId, codec, bytesMax: limits.segmentBytesMax })
    const key = lane.volumeId === undefined ? storeKeys.segment(segmentId) : storeKeys.volumeSegment(lane.volumeId, segmentId)
    const group: Group = { builder, key, adds: [], durable: promiseWithResolver(), cancelTimer: () => undefined }
    lane.groups.set(number, group)
    if (policy.type === 'cost') {
      group.cancelTimer = timers.start(() => this.#start(lane, lane.grouping.intervalPassed(number).start), policy.intervalMs)
    }
    return group
  }

  #start(lane: Lane, groups: readonly number[]): void {
    for (const number of groups) {
      const group = lane.groups.get(number) as Group
      lane.groups.delete(number)
      group.cancelTimer()
      this.#upload(group)
        .then(group.durable.resolve, group.durable.reject)
        .finally(() => this.#uploadEnded(lane))
    }
  }

  #uploadEnded(lane: Lane): void {
    this.#start(lane, lane.grouping.uploadEnded().start)
    // A lane per volume must not stay for ever after the volume's last write.
    if (lane.grouping.isIdle) this.#lanes.delete(lane.volumeId ?? '')
  }

  async #upload(group: Group): Promise<void> {
    const { store, limits, timers, log, counters, idSource } = this.#options
    // A write that could not be encoded fails alone; the others of its group go on.
    await Promise.allSettled(group.adds)
    if (group.builder.runCount === 0) return
    const release = await this.#uploads.acquire(1)
    const { segmentId, runCount } = group.builder
    const startMs = idSource.nowMs()
    try {
      const bytes = group.builder.finish()
      const attempts = await uploadSegment(group.key, bytes, {
        store,
        timers,
        attemptsMax: limits.uploadAttemptsMax,
        timeoutMs: limits.uploadTimeoutMs,
        retryDelayMs: limits.uploadRetryDelayMs,
        random: () => (idSource.randomBytes(1)[0] as number) / 255,
        onRetry: (attempt, { kind, code }) => {
          counters.uploadRetries += 1
          log({ type: 'upload-retried', segmentId, attempt, kind, code })
        },
      })
      counters.segmentsWritten += 1
      counters.segmentBytesWritten += bytes.length
      const durationMs = idSource.nowMs() - startMs
      log({ type: 'segment-written', segmentId, byteLength: bytes.length, runs: runCount, attempts, durationMs })
    } catch (error) {
      counters.uploadsFailed += 1
      const { kind, code } = error as PagestoreError
      log({ type: 'upload-failed', segmentId, kind, code })
      throw error
    } finally {
      release()
    }
  }
}

function promiseWithResolver(): PromiseWithResolver {
  let resolve: () => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  // Each waiter handles the failure; a group whose waiters have all failed before has none left.
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}
