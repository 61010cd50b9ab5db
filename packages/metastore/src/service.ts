import type { ConnectRouter } from '@connectrpc/connect'
import { CommitLogError, type CommitLogs } from '@graft-ts/commit-log'
import {
  type AdmitCall,
  checked,
  commitAnswerToWire,
  type FetchHandlerOptions,
  type HistoryEntry,
  type HistoryRequest,
  historyEntryToWire,
  MetaService,
  metaDescriptionToWire,
  ProtocolError,
  type PullRequest,
  type PullResponse,
  pullAnswerToWire,
  requireAuthorize,
  type Snapshot,
  type SnapshotRequest,
  snapshotToWire,
  type WatchEvent,
  type WatchRequest,
  watchEventToWire,
  watchRequestFromWire,
} from '@graft-ts/protocol'
import { admitArrivals, type Call, Calls, kindAndCode, type RefusedCall, RequestSlots, safeLog } from '@graft-ts/protocol/service'
import {
  type CommitRecord,
  LSN_NONE,
  type Lsn,
  parseLsn,
  snapshotOf,
  systemTimers,
  type Timers,
  type VolumeId,
} from '@graft-ts/volume'
import { Admission, metastoreClosed } from './admission.ts'
import { Committer } from './committer.ts'
import { MetastoreError, requestAborted, storeFailure, throwIfAborted } from './errors.ts'
import type { MetaMethod, MetastoreLog } from './events.ts'
import { historyRange, readHistory } from './history.ts'
import { fieldsMaxOf, type MetastoreLimits, resolveLimits } from './limits.ts'
import { type Counters, type MetastoreMetrics, newCounters } from './metrics.ts'
import { type MetastoreOptions, resolveStaleness } from './options.ts'
import { Telemetry } from './telemetry.ts'
import { resolveWatchSettings, type WatchSettings } from './watch/settings.ts'
import { Watches } from './watch/watches.ts'

const FEATURES: readonly string[] = ['history', 'watch']
const COUNTER_OF = {
  pull: 'pulls',
  commit: 'commits',
  getSnapshot: 'snapshots',
  history: 'histories',
  watch: 'watches',
} as const satisfies Record<MetaMethod, keyof Counters>

/** The calls of the meta service. */
export class MetastoreServer {
  readonly limits: MetastoreLimits
  readonly #settings: WatchSettings
  readonly #logs: CommitLogs
  readonly #maxStalenessMs: number
  readonly #log: MetastoreLog
  readonly #counters: Counters = newCounters()
  readonly #slots: RequestSlots
  readonly #admit: AdmitCall
  readonly #timers: Timers
  readonly #telemetry: Telemetry
  readonly #calls: Calls<MetaMethod>
  readonly #admission: Admission
  readonly #committer: Committer
  readonly #watches: Watches
  readonly #committing = new Set<Promise<unknown>>()

  constructor(options: MetastoreOptions) {
    const { logs, bus, timers = systemTimers, nowMs = Date.now } = options
    this.limits = resolveLimits(options.limits)
    this.#settings = resolveWatchSettings(options.watch)
    this.#maxStalenessMs = resolveStaleness(options.maxStalenessMs)
    this.#logs = logs
    const log = safeLog(options.log)
    this.#log = log
    const counters = this.#counters
    const slots = new RequestSlots(this.limits)
    this.#slots = slots
    this.#timers = timers
    const onRefused = (refused: RefusedCall): void => {
      counters.refusedRequests += 1
      log({ type: 'request-refused', ...refused })
    }
    this.#admit = admitArrivals({ slots, admit: options.admit, onRefused })
    const telemetry = new Telemetry(options.telemetry ?? {}, nowMs)
    this.#telemetry = telemetry
    this.#calls = new Calls({
      telemetry,
      onBegin: (method) => void (counters[COUNTER_OF[method]] += 1),
      onFailed: (failure) => {
        counters.failedRequests += 1
        log({ type: 'request-failed', ...failure })
      },
      told: storeFailure,
    })
    const admission = new Admission(requireAuthorize(options.authorize), slots)
    this.#admission = admission
    const { limits } = this
    this.#committer = new Committer({ logs, admission, limits, refs: options.refs, bus, log, counters, telemetry })
    const onProbeFailed = (volumeId: VolumeId, error: unknown): void => {
      counters.failedProbes += 1
      log({ type: 'probe-failed', volumeId, ...kindAndCode(error), error })
    }
    this.#watches = new Watches({ settings: this.#settings, logs, bus, timers, nowMs, onProbeFailed })
    telemetry.observeSizes(() => this.metrics(), options.telemetry?.storeRequests)
  }

  /** What a handler lets strangers have before anybody has decided about their calls. */
  get handlerOptions(): FetchHandlerOptions {
    return {
      requestBytesMax: this.limits.requestBytesMax,
      fieldsMax: fieldsMaxOf(this.limits, this.#settings),
      admit: this.#admit,
      bodyMsMax: this.limits.bodyMsMax,
      bodiesBytesMax: this.limits.bodiesBytesMax,
      timers: this.#timers,
    }
  }

  mount(router: ConnectRouter): void {
    const calls = this.#calls
    router.service(MetaService, {
      describe: () => metaDescriptionToWire({ limits: this.limits, features: FEATURES, watch: this.#settings }),
      pull: (request, context) => calls.answer('pull', context, (call) => this.#pull(call, request)),
      commit: async (request, context) => {
        const committing = calls.answer('commit', context, (call) => this.#committer.commit(call, request))
        return commitAnswerToWire(await this.#untilDecided(committing))
      },
      getSnapshot: (request, context) => calls.answer('getSnapshot', context, (call) => this.#getSnapshot(call, request)),
      history: (request, context) => calls.stream('history', context, (call) => this.#history(call, request)),
      watch: (request, context) => calls.stream('watch', context, (call) => this.#watch(call, request)),
    })
  }

  metrics(): MetastoreMetrics {
    return {
      ...this.#counters,
      commitsInFlightNow: this.#committing.size,
      requestsInFlightNow: this.#slots.count,
      watchesOpenNow: this.#watches.count,
      volumesWatchedNow: this.#watches.volumeCount,
      cacheBytesNow: this.#logs.memoryBytes,
    }
  }

  async close(): Promise<void> {
    this.#admission.close()
    this.#watches.end(metastoreClosed())
    this.#telemetry.stop()
    await Promise.allSettled(this.#committing)
  }

  async #pull(call: Call<MetaMethod>, request: PullRequest): Promise<PullResponse> {
    const volumeId = await this.#admission.reader(call, request.volumeId)
    const { since, atLeast } = checked('pull', () => ({ since: parseLsn(request.since), atLeast: parseLsn(request.atLeast) }))
    const { signal } = call
    const maxStalenessMs = this.#maxStalenessMs
    const { head, changes } = await this.#logs.volume(volumeId).pull(since, { atLeast, maxStalenessMs, signal })
    this.#counters.changedPagesSent += changes.pages.size
    this.#answered(call, 'pull', head.lsn)
    return pullAnswerToWire({ snapshot: snapshotOf(head), changes })
  }

  async #getSnapshot(call: Call<MetaMethod>, request: SnapshotRequest): Promise<Snapshot> {
    const volumeId = await this.#admission.reader(call, request.volumeId)
    const { lsn, timeMs } = checked('snapshot', () => ({
      lsn: parseLsn(request.lsn),
      // Times have the same range as positions.
      timeMs: request.timestampMs === undefined ? undefined : parseLsn(request.timestampMs),
    }))
    const record = await this.#recordAt(call, volumeId, lsn, timeMs)
    this.#answered(call, 'getSnapshot', record.lsn)
    return snapshotToWire(snapshotOf(record))
  }

  async #recordAt({ signal }: Call<MetaMethod>, volumeId: VolumeId, lsn: Lsn, timeMs: number | undefined): Promise<CommitRecord> {
    const log = this.#logs.volume(volumeId)
    if (timeMs === undefined) return lsn === LSN_NONE ? this.#head(volumeId, LSN_NONE, signal) : log.record(lsn, { signal })
    if (lsn !== LSN_NONE) throw new ProtocolError('MESSAGE_INVALID', 'a snapshot at an LSN and at a time')
    const record = await log.recordAt(timeMs, { signal })
    if (record !== undefined) return record
    throw new MetastoreError('SNAPSHOT_TOO_EARLY', `the volume had no commit then, timestamp_ms=${timeMs}`)
  }

  async *#history(call: Call<MetaMethod>, request: HistoryRequest): AsyncGenerator<HistoryEntry, void, undefined> {
    const { signal } = call
    const volumeId = await this.#admission.reader(call, request.volumeId)
    const { from, to } = checked('history', () => ({ from: parseLsn(request.from), to: parseLsn(request.to) }))
    const head = await this.#head(volumeId, to, signal)
    const range = historyRange(from, to === LSN_NONE ? undefined : to, head.lsn, this.limits.historyCommitsMax)
    for await (const record of readHistory(this.#logs.volume(volumeId), range, signal)) {
      this.#counters.historyEntriesSent += 1
      yield historyEntryToWire(record)
    }
    this.#answered(call, 'history', range.last)
  }

  async *#watch(call: Call<MetaMethod>, request: WatchRequest): AsyncGenerator<WatchEvent, void, undefined> {
    const { signal } = call
    this.#admission.checkOpen()
    const known = watchRequestFromWire(request, this.#settings)
    const volumeIds = [...known.keys()]
    const owner = await this.#admission.watcher(call, volumeIds)
    // It may have been closed, or left, while that was found out.
    this.#admission.checkOpen()
    throwIfAborted(signal)
    const watcher = this.#watches.open(known, owner)
    const leave = (): void => watcher.end(requestAborted(signal))
    signal.addEventListener('abort', leave, { once: true })
    this.#log({ type: 'watch-opened', principal: owner.id, volumeIds })
    try {
      for (;;) {
        const advance = await watcher.next()
        if (advance !== undefined) this.#counters.watchEventsSent += 1
        yield watchEventToWire(advance)
      }
    } catch (error) {
      // Nobody is left to be told that the client has gone.
      if (!signal.aborted) throw error
    } finally {
      signal.removeEventListener('abort', leave)
      leave()
      this.#log({ type: 'watch-ended', principal: owner.id, volumeIds, code: watcher.endReason?.code ?? 'REQUEST_ABORTED' })
    }
  }

  #answered(call: Call<MetaMethod>, method: 'pull' | 'getSnapshot' | 'history', lsn: Lsn): void {
    const { volumeId, principal } = call as { readonly volumeId: VolumeId; readonly principal: string }
    this.#log({ type: 'read-answered', method, volumeId, principal, lsn })
  }

  /** The newest commit, as the store has it now. */
  async #head(volumeId: VolumeId, atLeast: Lsn, signal: AbortSignal): Promise<CommitRecord> {
    const head = await this.#logs.volume(volumeId).head({ atLeast, signal })
    if (head === undefined) throw new CommitLogError('VOLUME_UNKNOWN', `volume has no commit, volume=${volumeId}`)
    return head
  }

  /** Makes {@link close} wait for a commit, from the moment at which it was let in. */
  async #untilDecided<T>(committing: Promise<T>): Promise<T> {
    this.#committing.add(committing)
    try {
      return await committing
    } finally {
      this.#committing.delete(committing)
    }
  }
}
