import type { ConnectRouter, HandlerContext } from '@connectrpc/connect'
import type { CommitLogs } from '@graft-ts/commit-log'
import {
  type Action,
  type Authorize,
  PageService,
  PROTOCOL_VERSION,
  type Principal,
  type ReadPagesRequest,
  type RefSigner,
  requireAuthorize,
  toConnectError,
  toFetchHandler,
  type WritePagesRequest,
} from '@graft-ts/protocol'
import type { ObjectStore } from '@graft-ts/storage-adapters'
import {
  encodeSegmentRef,
  type FrameCodec,
  type IdSource,
  isTypedError,
  systemIdSource,
  systemTimers,
  type Timers,
  type VolumeId,
  volumeIdFromBytes,
  webFrameCodec,
} from '@graft-ts/volume'
import { PagestoreError, storeFailure } from './errors.ts'
import { type PagestoreLog, safeLog } from './events.ts'
import { type PagestoreLimits, resolveLimits } from './limits.ts'
import { newCounters, type PagestoreMetrics } from './metrics.ts'
import { FrameReader } from './read/frame-reader.ts'
import { type PageGroup, PageReader } from './read/page-reader.ts'
import { RangeReader } from './read/range-reader.ts'
import { readFromWire, runFromWire } from './requests.ts'
import type { WritePolicy } from './write/segment-grouping.ts'
import { type SegmentScope, SegmentWriter } from './write/segment-writer.ts'

const FEATURES: readonly string[] = ['also-useful', 'deflate-raw']
/** Memory for expanded frames where the caller names none: 64 MiB. */
const CACHE_BYTES_DEFAULT = 64 * 2 ** 20
const INTERVAL_MS_MAX = 60_000

/** What a page store is made of. Everything that touches the world comes in here. */
export interface PagestoreOptions {
  /** Where pages are at an LSN. */
  readonly logs: CommitLogs
  /** Holds the segments; must be able to create objects if absent. */
  readonly segments: ObjectStore
  /** Holds the commit objects, in which inline frames lie; may be the same store. */
  readonly commits: ObjectStore
  /** Asked before anything tells whether a volume exists. There is no default. */
  readonly authorize: Authorize
  /** Signs the refs that writes are answered with. */
  readonly refs: RefSigner
  readonly limits?: Partial<PagestoreLimits>
  /** When gathered writes are uploaded. Default: `{ type: 'latency' }`. */
  readonly policy?: WritePolicy
  /** Whether volumes share segments (default), or each has its own under its own prefix. Reading finds both. */
  readonly segmentScope?: SegmentScope
  /** Clock and randomness for segment ids and pauses. Default: the system's. */
  readonly idSource?: IdSource
  /** Default: the web's compression streams. */
  readonly codec?: FrameCodec
  /** Memory for expanded frames in bytes; 0: none are kept. Default 64 MiB. */
  readonly cacheBytesMax?: number
  /** Default: the runtime's timers. */
  readonly timers?: Timers
  /** Told what happens; holds no page contents and no secrets. */
  readonly log?: PagestoreLog
}

/** A page store: functions to be mounted somewhere. */
export interface Pagestore {
  /** Adds the page service to a Connect router. */
  readonly routes: (router: ConnectRouter) => void
  /** Answers one HTTP request. */
  readonly handler: (request: Request) => Promise<Response>
  /** A copy of the counters. */
  readonly metrics: () => PagestoreMetrics
  /**
   * Refuses new requests, uploads what has gathered, and settles when every accepted write has been answered. Reads that
   * are running go on; they change nothing.
   */
  readonly close: () => Promise<void>
}

/**
 * Makes a page store.
 *
 * @throws {@link PagestoreError} `PAGESTORE_OPTIONS` if the limits or the policy make no sense, `PAGESTORE_CREATE` if the
 * segment store cannot create objects if absent; `ProtocolError` `OPTIONS_INVALID` without an `authorize`.
 */
export function createPagestore(options: PagestoreOptions): Pagestore {
  const service = new PagestoreService(options)
  const routes = (router: ConnectRouter): void => service.mount(router)
  const handler = toFetchHandler(routes, { requestBytesMax: service.limits.requestBytesMax })
  return { routes, handler, metrics: () => service.metrics(), close: () => service.close() }
}

class PagestoreService {
  readonly limits: PagestoreLimits
  readonly #authorize: Authorize
  readonly #refs: RefSigner
  readonly #log: PagestoreLog
  readonly #counters = newCounters()
  readonly #writer: SegmentWriter
  readonly #frames: FrameReader
  readonly #reader: PageReader
  #isClosed = false

  constructor(options: PagestoreOptions) {
    const { segments, commits, logs } = options
    if (!segments.capabilities.create) {
      throw new PagestoreError('PAGESTORE_CREATE', 'the segment store cannot create objects if absent')
    }
    const limits = resolveLimits(options.limits, segments.capabilities.objectBytesMax)
    const counters = this.#counters
    const log = safeLog(options.log)
    const timers = options.timers ?? systemTimers
    const codec = options.codec ?? webFrameCodec
    const scope = checkScope(options.segmentScope ?? 'shared')
    const policy = checkPolicy(options.policy ?? { type: 'latency' })
    const idSource = options.idSource ?? systemIdSource
    const cacheBytesMax = checkCacheBytes(options.cacheBytesMax ?? CACHE_BYTES_DEFAULT)
    const ranges = new RangeReader({ segments, commits, scope, limits, timers, counters })
    this.limits = limits
    this.#authorize = requireAuthorize(options.authorize)
    this.#refs = options.refs
    this.#log = log
    this.#writer = new SegmentWriter({ store: segments, policy, scope, limits, codec, idSource, timers, log, counters })
    this.#frames = new FrameReader({ ranges, codec, limits, cacheBytesMax, log, counters })
    this.#reader = new PageReader({ logs, frames: this.#frames, ranges, limits, counters })
  }

  mount(router: ConnectRouter): void {
    router.service(PageService, {
      describe: () => this.#describe(),
      writePages: (request, context) => this.#writePages(request, context),
      readPages: (request, context) => this.#readPages(request, context),
    })
  }

  metrics(): PagestoreMetrics {
    return { ...this.#counters, writeBytesInFlightNow: this.#writer.bytesInFlight, cacheBytesNow: this.#frames.cacheBytes }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#writer.close()
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

  async #writePages(request: WritePagesRequest, context: HandlerContext) {
    const counters = this.#counters
    counters.writeRequests += 1
    try {
      const { volumeId, principal } = await this.#admit(request.volumeId, 'write', context)
      const run = runFromWire(volumeId, request, this.limits)
      const ref = await this.#writer.write(run, context.signal)
      // The ref leaves only now: its segment is durable (I1).
      const signed = await this.#refs.sign(encodeSegmentRef(ref), { volumeId, principal: principal.id })
      counters.pagesWritten += run.pages.size
      counters.pageBytesWritten += run.data.length
      return { refs: [signed] }
    } catch (error) {
      throw this.#failed('writePages', error)
    }
  }

  async *#readPages(request: ReadPagesRequest, context: HandlerContext) {
    this.#counters.readRequests += 1
    try {
      const { volumeId } = await this.#admit(request.volumeId, 'read', context)
      for await (const group of this.#reader.read(readFromWire(volumeId, request, this.limits), context.signal))
        yield groupToWire(group)
    } catch (error) {
      throw this.#failed('readPages', error)
    }
  }

  /** Who is asking, and whether they may: before anything depends on the volume. */
  async #admit(
    volumeIdBytes: Uint8Array,
    action: Action,
    context: HandlerContext,
  ): Promise<{ volumeId: VolumeId; principal: Principal }> {
    if (this.#isClosed) throw new PagestoreError('PAGESTORE_CLOSED', 'the page store is closed')
    const volumeId = volumeIdFromBytes(volumeIdBytes)
    return { volumeId, principal: await this.#authorize({ headers: context.requestHeader, action, volumeId }) }
  }

  #failed(method: 'writePages' | 'readPages', error: unknown) {
    this.#counters.failedRequests += 1
    const told = storeFailure(error)
    const { kind, code } = isTypedError(told) ? told : { kind: 'untyped', code: 'UNTYPED' }
    this.#log({ type: 'request-failed', method, kind, code })
    return toConnectError(told)
  }
}

function groupToWire(group: PageGroup) {
  return { pages: group.pages.toBytes(), writtenLsns: group.writtenLsns.map(BigInt), data: group.data }
}

// Callers without types get an error too: an option that is not understood must not be ignored.
function checkPolicy(policy: WritePolicy): WritePolicy {
  if (policy.type === 'latency') return policy
  if (policy.type === 'cost' && policy.intervalMs >= 0 && policy.intervalMs <= INTERVAL_MS_MAX) return policy
  throw optionError(`policy must be latency, or cost with an interval of 0 to ${INTERVAL_MS_MAX} ms`)
}

function checkScope(scope: SegmentScope): SegmentScope {
  if (scope === 'shared' || scope === 'volume') return scope
  throw optionError('segmentScope must be shared or volume')
}

function checkCacheBytes(bytes: number): number {
  if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes
  throw optionError(`cacheBytesMax must be a whole number of bytes, got=${bytes}`)
}

function optionError(message: string): PagestoreError {
  return new PagestoreError('PAGESTORE_OPTIONS', message)
}
