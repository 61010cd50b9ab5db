import type { CommitLogs, PageLocation } from '@graft-ts/commit-log'
import { Splinter } from '@graft-ts/splinter'
import { type CommitRecord, isTypedError, LSN_NONE, type Lsn, type PageSet, type PageSize, type VolumeId } from '@graft-ts/volume'
import { Budget } from '../budget.ts'
import { PagestoreError } from '../errors.ts'
import type { PagestoreLimits } from '../limits.ts'
import type { Counters } from '../metrics.ts'
import { inOrderOfArrival, type Task } from './arrivals.ts'
import type { FrameReader } from './frame-reader.ts'
import type { RangeReader } from './range-reader.ts'
import {
  coalesceFrames,
  expandedBytes,
  type FrameTarget,
  hasWanted,
  type PlannedFrame,
  planRead,
  type ReadPlan,
  rangeLimits,
  withoutUsefulFrames,
} from './read-plan.ts'

// About what an answer takes to be read by those who read it.
const ROOM_RETRY_AFTER_MS = 250
// Without a reason each end of a read would make an exception, with its stack.
const READ_IS_OVER = 'the read is over'

/** Pages to read at a snapshot. */
export interface PageRead {
  readonly volumeId: VolumeId
  readonly lsn: Lsn
  /** Pages that must be answered. */
  readonly wanted: PageSet
  /** Pages that are welcome: they are left out when there are too many, when the store is busy, or when reading them fails. */
  readonly useful: PageSet
}

/** Some pages of an answer. */
export interface PageGroup {
  readonly pages: Splinter
  /** For each page in ascending order the LSN that wrote it; 0: a zero page, without bytes in `data`. */
  readonly writtenLsns: readonly Lsn[]
  /** The other pages in ascending order, concatenated; shared with other requests, not to be written to. */
  readonly data: Uint8Array
}

/** What a page reader works with. */
export interface PageReaderOptions {
  readonly logs: CommitLogs
  readonly frames: FrameReader
  readonly ranges: RangeReader
  readonly limits: PagestoreLimits
  readonly counters: Counters
}

/** Answers reads of pages at a snapshot (I4): what that commit's state holds, or an error. */
export class PageReader {
  readonly #options: PageReaderOptions
  readonly #room: Budget

  constructor(options: PageReaderOptions) {
    const { readBytesInFlightMax: max, readBytesWaitingMax: waitingMax } = options.limits
    this.#options = options
    this.#room = new Budget({ max, waitingMax, retryAfterMs: ROOM_RETRY_AFTER_MS })
  }

  /** Bytes that answers may hold which are not over. */
  get bytesInFlight(): number {
    return this.#room.used
  }

  /** Bytes that answers will hold which wait for room. */
  get bytesWaiting(): number {
    return this.#room.waiting
  }

  /**
   * Reads pages, and gives them in groups as they arrive. Every wanted page is in exactly one group, zero pages first.
   *
   * An answer holds no more than `answerBytesMax`, however slowly its groups are taken, and all together hold no more than
   * `readBytesInFlightMax`: what comes when that is used up waits, up to `readBytesWaitingMax`, then is refused.
   *
   * @throws {@link PagestoreError} `READ_LSN`, `READ_BYTES`, `PAGE_BEYOND_END`, `PAGESTORE_BUSY`; what the commit log throws
   * for an unknown volume or LSN, after it has looked for it once; what a damaged or missing object throws.
   */
  async *read(request: PageRead, signal: AbortSignal): AsyncGenerator<PageGroup, void, undefined> {
    const { volumeId, lsn, wanted } = request
    const { logs, counters, ranges } = this.#options
    if (lsn === LSN_NONE) throw new PagestoreError('READ_LSN', 'there is nothing to read before the first commit, lsn=0')
    const record = await logs.volume(volumeId).record(lsn, { signal })
    const useful = this.#usefulOf(request, record)
    const whole = await this.#plan(request, useful, record.pageSize, signal)
    const plan = ranges.isBusy ? withoutUsefulFrames(whole, wanted) : whole
    counters.usefulPagesDropped += pageCountOf(whole) - pageCountOf(plan)
    if (plan.zeroPages.length > 0) yield this.#zeroGroup(plan.zeroPages)
    if (plan.frames.length === 0) return
    const release = await this.#room.acquire(this.#bytesHeld(plan), signal)
    try {
      yield* this.#readFrames(plan.frames, wanted, record.pageSize, signal)
    } finally {
      release()
    }
  }

  /** What an answer holds at most: all that it reads, or what one may hold. */
  #bytesHeld(plan: ReadPlan): number {
    return Math.min(
      this.#options.limits.answerBytesMax,
      plan.frames.reduce((bytes, { target }) => bytes + bytesOf(target), 0),
    )
  }

  /** What has to be read. Useful pages whose place cannot be found out are left out, which wanted ones never are. */
  async #plan({ volumeId, lsn, wanted }: PageRead, useful: Splinter, pageSize: PageSize, signal: AbortSignal): Promise<ReadPlan> {
    const log = this.#options.logs.volume(volumeId)
    const locateUseful = async (): Promise<PageLocation[]> => {
      if (useful.size === 0) return []
      try {
        const located = await log.locate(lsn, useful, { signal })
        planRead(volumeId, pageSize, located)
        return located
      } catch (error) {
        if (signal.aborted || !isTypedError(error)) throw error
        this.#options.counters.usefulPagesDropped += useful.size
        return []
      }
    }
    // Both share the records that they read, so that the second one costs no round of its own.
    const [located, welcome] = await Promise.all([log.locate(lsn, wanted, { signal }), locateUseful()])
    return planRead(volumeId, pageSize, [...located, ...welcome])
  }

  /** The useful pages that are read: none beyond the end, no more than the limits leave room for. */
  #usefulOf(request: PageRead, record: CommitRecord): Splinter {
    const { wanted, useful } = request
    const { limits, counters } = this.#options
    const lastWanted = wanted.last() ?? 0
    if (lastWanted > record.pageCount) {
      throw new PagestoreError('PAGE_BEYOND_END', `no such page in that snapshot, page=${lastWanted} pages=${record.pageCount}`)
    }
    const pagesMax = Math.floor(limits.readBytesMax / record.pageSize)
    if (wanted.size > pagesMax) {
      throw new PagestoreError(
        'READ_BYTES',
        `too many bytes, pages=${wanted.size} pageSize=${record.pageSize} most=${limits.readBytesMax}`,
      )
    }
    const welcome = useful.difference(wanted)
    const room = Math.min(limits.usefulPagesMax, pagesMax - wanted.size)
    const chosen = new Splinter()
    // A set may name four billion pages in a few bytes, so it is never walked to its end.
    if (room > 0) {
      for (const pageIndex of welcome.range(1, record.pageCount)) {
        chosen.add(pageIndex)
        if (chosen.size === room) break
      }
    }
    counters.usefulPagesDropped += welcome.size - chosen.size
    return chosen
  }

  async *#readFrames(
    planned: readonly PlannedFrame[],
    wanted: PageSet,
    pageSize: PageSize,
    signal: AbortSignal,
  ): AsyncGenerator<PageGroup, void, undefined> {
    const { frames } = this.#options
    let done = 0
    // Where all is in memory there is nothing to start, to wait for or to give up.
    if (planned.every(({ target }) => frames.isInMemory(target))) {
      for (const frame of planned) {
        const pages = frames.fromMemory(frame.target)
        // A slow reader may find that others have pushed it out meanwhile.
        if (pages === undefined) break
        yield this.#groupOf(frame, pages, pageSize)
        done += 1
      }
    }
    if (done < planned.length) yield* this.#fetchFrames(planned.slice(done), wanted, pageSize, signal)
  }

  async *#fetchFrames(
    planned: readonly PlannedFrame[],
    wanted: PageSet,
    pageSize: PageSize,
    signal: AbortSignal,
  ): AsyncGenerator<PageGroup, void, undefined> {
    const { limits } = this.#options
    const byKey = new Map(planned.map((frame) => [frame.target.cacheKey, frame]))
    const targets = planned.map((frame) => frame.target)
    const batches = coalesceFrames(targets, rangeLimits(limits)).map((range) => framesOf(range.targets, byKey))
    // Pages that somebody waits for go first.
    batches.sort(
      (a, b) => Number(b.some((frame) => hasWanted(frame, wanted))) - Number(a.some((frame) => hasWanted(frame, wanted))),
    )
    const leaving = new AbortController()
    const leave = (): void => leaving.abort(signal.reason)
    if (signal.aborted) leave()
    // Not `AbortSignal.any`: what that makes is kept by its sources until the collector comes by.
    signal.addEventListener('abort', leave, { once: true })
    const tasks = batches.map(
      (batch): Task<PageGroup | 'dropped'> => ({
        bytes: batch.reduce((bytes, { target }) => bytes + bytesOf(target), 0),
        start: () => this.#startBatch(batch, wanted, pageSize, leaving.signal),
      }),
    )
    try {
      // What a request cannot do at once waits here, not for its turn: or one alone could be too much for the room there is.
      const inFlightMax = Math.min(limits.getsPerRequestMax, limits.getsInFlightMax)
      const options = { inFlightMax, bytesMax: limits.answerBytesMax }
      for await (const group of inOrderOfArrival(tasks, options)) if (group !== 'dropped') yield group
    } finally {
      signal.removeEventListener('abort', leave)
      // A consumer that went away, or a failure: what is still being read is wanted by nobody here.
      leaving.abort(READ_IS_OVER)
    }
  }

  #startBatch(
    batch: readonly PlannedFrame[],
    wanted: PageSet,
    pageSize: PageSize,
    signal: AbortSignal,
  ): Promise<PageGroup | 'dropped'>[] {
    const reads = this.#options.frames.read(
      batch.map((frame) => frame.target),
      signal,
    )
    return batch.map(async (frame, i) => {
      try {
        return this.#groupOf(frame, await (reads[i] as Promise<Uint8Array>), pageSize)
      } catch (error) {
        if (hasWanted(frame, wanted) || !isTypedError(error)) throw error
        this.#options.counters.usefulPagesDropped += frame.pages.length
        return 'dropped'
      }
    })
  }

  #groupOf(frame: PlannedFrame, raw: Uint8Array, pageSize: PageSize): PageGroup {
    const data = dataOf(frame, raw, pageSize)
    this.#options.counters.pagesRead += frame.pages.length
    const pages = Splinter.from(frame.pages.map((page) => page.pageIndex))
    return { pages, writtenLsns: frame.pages.map((page) => page.lsn), data }
  }

  #zeroGroup(zeroPages: readonly number[]): PageGroup {
    this.#options.counters.zeroPagesRead += zeroPages.length
    return { pages: Splinter.from(zeroPages), writtenLsns: zeroPages.map(() => LSN_NONE), data: new Uint8Array(0) }
  }
}

function dataOf(frame: PlannedFrame, raw: Uint8Array, pageSize: PageSize): Uint8Array {
  const byteLength = frame.pages.length * pageSize
  // Pages ascend in both, so that as many pages are the same pages.
  if (byteLength === raw.length) return raw
  const data = new Uint8Array(byteLength)
  for (const [i, { position }] of frame.pages.entries()) {
    data.set(raw.subarray(position * pageSize, (position + 1) * pageSize), i * pageSize)
  }
  return data
}

/** What a frame takes while it is read: as it is stored, and expanded. */
function bytesOf(target: FrameTarget): number {
  return target.byteLength + expandedBytes(target)
}

function framesOf(targets: readonly FrameTarget[], byKey: ReadonlyMap<string, PlannedFrame>): PlannedFrame[] {
  return targets.map((target) => byKey.get(target.cacheKey) as PlannedFrame)
}

function pageCountOf(plan: ReadPlan): number {
  return plan.frames.reduce((count, frame) => count + frame.pages.length, 0)
}
