import type { ConnectRouter } from '@connectrpc/connect'
import {
  type Action,
  type AdmitCall,
  type Authorize,
  type FetchHandlerOptions,
  PageService,
  PROTOCOL_VERSION,
  type Principal,
  type ReadPagesRequest,
  type RefSigner,
  requireAuthorize,
  type WritePagesRequest,
} from '@graft-ts/protocol'
import { admitArrivals, type Call, Calls, RequestSlots, safeLog } from '@graft-ts/protocol/service'
import {
  encodeSegmentRef,
  type FrameCodec,
  type SegmentId,
  systemIdSource,
  systemTimers,
  type Timers,
  type VolumeId,
  volumeIdFromBytes,
  webFrameCodec,
} from '@graft-ts/volume'
import { PagestoreError, storeFailure } from './errors.ts'
import type { PageMethod, PagestoreLog } from './events.ts'
import type { FrameCache } from './frame-cache.ts'
import { type PagestoreLimits, resolveLimits } from './limits.ts'
import { type Counters, newCounters, type PagestoreMetrics } from './metrics.ts'
import { type PagestoreOptions, resolveCacheBytes, resolvePolicy, resolveScope } from './options.ts'
import { FrameReader } from './read/frame-reader.ts'
import { type HedgedStores, hedgedStores } from './read/hedged-stores.ts'
import { KeptFrames } from './read/kept-frames.ts'
import { type PageGroup, PageReader } from './read/page-reader.ts'
import { RangeReader } from './read/range-reader.ts'
import { readFromWire, runFromWire } from './requests.ts'
import { Telemetry } from './telemetry.ts'
import { SegmentWriter } from './write/segment-writer.ts'

const FEATURES: readonly string[] = ['also-useful', 'deflate-raw']
// A request has four fields; the others are room for what newer clients send.
const FIELDS_MAX = 256
const COUNTER_OF = {
  writePages: 'writeRequests',
  readPages: 'readRequests',
} as const satisfies Record<PageMethod, keyof Counters>

/** The calls of the page service. */
export class PagestoreServer {
  readonly limits: PagestoreLimits
  readonly #authorize: Authorize
  readonly #refs: RefSigner
  readonly #log: PagestoreLog
  readonly #counters = newCounters()
  readonly #slots: RequestSlots
  readonly #admit: AdmitCall
  readonly #timers: Timers
  readonly #telemetry: Telemetry
  readonly #calls: Calls<PageMethod>
  readonly #writer: SegmentWriter
  readonly #stores: HedgedStores
  readonly #ranges: RangeReader
  readonly #frameCache: FrameCache | undefined
  readonly #frames: FrameReader
  readonly #reader: PageReader
  #isClosed = false

  constructor(options: PagestoreOptions) {
    const { segments, commits, logs, timers = systemTimers, codec = webFrameCodec, idSource = systemIdSource } = options
    if (!segments.capabilities.create) {
      throw new PagestoreError('PAGESTORE_CREATE', 'the segment store cannot create objects if absent')
    }
    const limits = resolveLimits(options.limits, segments.capabilities.objectBytesMax)
    const scope = resolveScope(options.segmentScope)
    const policy = resolvePolicy(options.policy)
    const cacheBytesMax = resolveCacheBytes(options.cacheBytesMax)
    const counters = this.#counters
    const log: PagestoreLog = safeLog(options.log)
    const slots = new RequestSlots(limits)
    this.limits = limits
    this.#authorize = requireAuthorize(options.authorize)
    this.#refs = options.refs
    this.#log = log
    this.#slots = slots
    this.#timers = timers
    this.#admit = this.#admitting(options.admit)
    this.#telemetry = new Telemetry(options.telemetry ?? {}, () => idSource.nowMs())
    this.#calls = this.#newCalls()
    this.#stores = hedgedStores({ segments, commits }, options.hedge)
    this.#ranges = new RangeReader({ ...this.#stores, scope, limits, timers, counters })
    this.#writer = new SegmentWriter({ store: segments, policy, scope, limits, codec, idSource, timers, log, counters })
    this.#frameCache = options.frameCache
    const kept = this.#frameCache && this.#keptFrames(this.#frameCache, codec)
    this.#frames = new FrameReader({ ranges: this.#ranges, codec, limits, cacheBytesMax, kept, log, counters })
    this.#reader = new PageReader({ logs, frames: this.#frames, ranges: this.#ranges, limits, counters })
    this.#telemetry.observeMetrics(() => this.metrics(), options.telemetry?.storeRequests)
  }

  /** What a handler lets strangers have before anybody has decided about their calls. */
  get handlerOptions(): FetchHandlerOptions {
    const { requestBytesMax, bodyMsMax, bodiesBytesMax } = this.limits
    return { requestBytesMax, fieldsMax: FIELDS_MAX, admit: this.#admit, bodyMsMax, bodiesBytesMax, timers: this.#timers }
  }

  mount(router: ConnectRouter): void {
    const calls = this.#calls
    router.service(PageService, {
      describe: () => this.#describe(),
      writePages: (request, context) => calls.answer('writePages', context, (call) => this.#writePages(call, request)),
      readPages: (request, context) => calls.stream('readPages', context, (call) => this.#readPages(call, request)),
    })
  }

  metrics(): PagestoreMetrics {
    const { sent, won } = this.#stores.hedges()
    return {
      ...this.#counters,
      hedgesSent: sent,
      hedgesWon: won,
      requestsInFlightNow: this.#slots.count,
      writeBytesInFlightNow: this.#writer.bytesInFlight,
      writeBytesWaitingNow: this.#writer.bytesWaiting,
      readBytesInFlightNow: this.#reader.bytesInFlight,
      readBytesWaitingNow: this.#reader.bytesWaiting,
      getsInFlightNow: this.#ranges.inFlight,
      getsWaitingNow: this.#ranges.waiting,
      cacheBytesNow: this.#frames.cacheBytes,
      ...this.#frameCacheMetrics(),
    }
  }

  async close(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#isClosed = true
    this.#telemetry.stop()
    await this.#writer.close(options)
  }

  #frameCacheMetrics() {
    const kept = this.#frameCache?.metrics()
    return {
      frameCacheFailures: this.#counters.frameCacheFailures + (kept?.failures ?? 0),
      frameCacheWrites: kept?.framesWritten ?? 0,
      frameCacheDropped: kept?.framesDropped ?? 0,
      frameCacheBytesNow: kept?.bytesNow ?? 0,
    }
  }

  #keptFrames(cache: FrameCache, codec: FrameCodec): KeptFrames {
    const timeoutMs = this.limits.frameCacheTimeoutMs
    return new KeptFrames({ cache, codec, timers: this.#timers, timeoutMs, log: this.#log, counters: this.#counters })
  }

  #admitting(admit: AdmitCall | undefined): AdmitCall {
    return admitArrivals({
      slots: this.#slots,
      admit,
      onRefused: (refused) => {
        this.#counters.refusedRequests += 1
        this.#log({ type: 'request-refused', ...refused })
      },
    })
  }

  #newCalls(): Calls<PageMethod> {
    const counters = this.#counters
    return new Calls({
      telemetry: this.#telemetry,
      onBegin: (method) => void (counters[COUNTER_OF[method]] += 1),
      onFailed: (failure) => {
        counters.failedRequests += 1
        this.#log({ type: 'request-failed', ...failure })
      },
      told: storeFailure,
    })
  }

  #describe() {
    const { requestBytesMax, writePagesMax, readPagesMax, readBytesMax } = this.limits
    return {
      protocolVersions: [PROTOCOL_VERSION],
      features: [...FEATURES],
      requestBytesMax,
      writePagesMax,
      readPagesMax,
      readBytesMax,
    }
  }

  async #writePages(call: Call<PageMethod>, request: WritePagesRequest) {
    const counters = this.#counters
    const { volumeId, principal } = await this.#enter(call, 'write', request.volumeId)
    const run = runFromWire(volumeId, request, this.limits)
    const pages = run.pages.size
    const pageBytes = run.data.length
    const ref = await this.#writer.write(run, call.signal)
    // The ref leaves only now: its segment is durable (I1).
    const signed = await this.#refs.sign(encodeSegmentRef(ref), { volumeId, principal: principal.id })
    counters.pagesWritten += pages
    counters.pageBytesWritten += pageBytes
    // Only frames in commits have no segment.
    const segmentId = ref.segmentId as SegmentId
    call.observed.describe({ 'graft.pages': pages, 'graft.segment.id': segmentId })
    this.#log({ type: 'pages-written', volumeId, principal: principal.id, segmentId, pages, pageBytes })
    return { refs: [signed] }
  }

  async *#readPages(call: Call<PageMethod>, request: ReadPagesRequest) {
    const { volumeId, principal } = await this.#enter(call, 'read', request.volumeId)
    const read = readFromWire(volumeId, request, this.limits)
    let pages = 0
    for await (const group of this.#reader.read(read, call.signal)) {
      pages += group.writtenLsns.length
      yield groupToWire(group)
    }
    call.observed.describe({ 'graft.pages': pages, 'graft.lsn': read.lsn })
    this.#log({ type: 'pages-read', volumeId, principal: principal.id, lsn: read.lsn, pages })
  }

  /** Who is asking, and whether they may: before anything depends on the volume. */
  async #enter(
    call: Call<PageMethod>,
    action: Action,
    volumeIdBytes: Uint8Array,
  ): Promise<{ readonly volumeId: VolumeId; readonly principal: Principal }> {
    if (this.#isClosed) throw new PagestoreError('PAGESTORE_CLOSED', 'the page store is closed')
    const volumeId = volumeIdFromBytes(volumeIdBytes)
    call.about(volumeId)
    const principal = await this.#authorize({ headers: call.headers, action, volumeId })
    call.principal = principal.id
    call.onEnd(this.#slots.enterAs(principal.id))
    return { volumeId, principal }
  }
}

function groupToWire(group: PageGroup) {
  // Messages are declared with bytes that nobody shares, and are only read.
  const data = group.data as Uint8Array<ArrayBuffer>
  return { pages: group.pages.toBytes(), writtenLsns: group.writtenLsns.map(BigInt), data }
}
