import type { ConnectRouter, HandlerContext } from '@connectrpc/connect'
import { type AppendOutcome, CommitLogError, type CommitLogs } from '@graft-ts/commit-log'
import {
  type Authorize,
  type CommitProposal,
  type CommitRequest,
  checked,
  commitAnswerToWire,
  commitNamesFromWire,
  type HistoryEntry,
  type HistoryRequest,
  historyEntryToWire,
  MetaService,
  metaDescriptionToWire,
  type Principal,
  type PullRequest,
  pullAnswerToWire,
  type RefSigner,
  requireAuthorize,
  type SnapshotRequest,
  snapshotToWire,
  toConnectError,
  toFetchHandler,
} from '@graft-ts/protocol'
import {
  type CommitRecord,
  isTypedError,
  LSN_NONE,
  type Lsn,
  parseLsn,
  snapshotOf,
  type VolumeId,
  volumeIdFromBytes,
} from '@graft-ts/volume'
import { attemptFromWire } from './attempt.ts'
import { MetastoreError, storeFailure, throwIfAborted } from './errors.ts'
import { type MetaMethod, type MetastoreLog, safeLog } from './events.ts'
import { historyRange, readHistory } from './history.ts'
import { type MetastoreLimits, resolveLimits } from './limits.ts'
import { type MetastoreMetrics, newCounters } from './metrics.ts'

const FEATURES: readonly string[] = ['history']

/** What a meta store is made of. Everything that touches the world comes in here. */
export interface MetastoreOptions {
  /** The commit logs; they hold the store, the clock and the cache. */
  readonly logs: CommitLogs
  /** Asked before anything tells whether a volume exists. There is no default. */
  readonly authorize: Authorize
  /** Checks the segment refs of commits; made with the same keys as the page store's. */
  readonly refs: RefSigner
  readonly limits?: Partial<MetastoreLimits>
  /** Told what happens; holds no page contents and no secrets. */
  readonly log?: MetastoreLog
}

/** A meta store: functions to be mounted somewhere. */
export interface Metastore {
  /** Adds the meta service to a Connect router. */
  readonly routes: (router: ConnectRouter) => void
  /** Answers one HTTP request. */
  readonly handler: (request: Request) => Promise<Response>
  /** A copy of the counters. */
  readonly metrics: () => MetastoreMetrics
  /**
   * Refuses new requests with `METASTORE_CLOSED`, and settles when every commit that was let in has been decided. Pulls
   * and histories that are running go on; they change nothing.
   */
  readonly close: () => Promise<void>
}

/**
 * Makes a meta store. It keeps nothing that matters: any number of them may serve the same volumes.
 *
 * @throws {@link MetastoreError} `METASTORE_OPTIONS` if the limits make no sense; `ProtocolError` `OPTIONS_INVALID` without an
 * `authorize`.
 */
export function createMetastore(options: MetastoreOptions): Metastore {
  const service = new MetastoreService(options)
  const routes = (router: ConnectRouter): void => service.mount(router)
  const handler = toFetchHandler(routes, { requestBytesMax: service.limits.requestBytesMax })
  return { routes, handler, metrics: () => service.metrics(), close: () => service.close() }
}

/** {@link createMetastore} for those who only need to answer requests. */
export function createMetastoreHandler(options: MetastoreOptions): (request: Request) => Promise<Response> {
  return createMetastore(options).handler
}

/** What is known of a request by the time it fails. */
interface Call {
  readonly method: MetaMethod
  volumeId?: VolumeId
  principal?: string
}

class MetastoreService {
  readonly limits: MetastoreLimits
  readonly #logs: CommitLogs
  readonly #authorize: Authorize
  readonly #refs: RefSigner
  readonly #log: MetastoreLog
  readonly #counters = newCounters()
  readonly #committing = new Set<Promise<unknown>>()
  #isClosed = false

  constructor(options: MetastoreOptions) {
    this.limits = resolveLimits(options.limits)
    this.#logs = options.logs
    this.#authorize = requireAuthorize(options.authorize)
    this.#refs = options.refs
    this.#log = safeLog(options.log)
  }

  mount(router: ConnectRouter): void {
    router.service(MetaService, {
      describe: () => metaDescriptionToWire({ limits: this.limits, features: FEATURES }),
      pull: (request, context) => this.#answer({ method: 'pull' }, (call) => this.#pull(call, request, context)),
      commit: (request, context) =>
        this.#untilDecided(this.#answer({ method: 'commit' }, (call) => this.#commit(call, request, context))),
      getSnapshot: (request, context) =>
        this.#answer({ method: 'getSnapshot' }, (call) => this.#getSnapshot(call, request, context)),
      history: (request, context) => this.#history(request, context),
    })
  }

  metrics(): MetastoreMetrics {
    return { ...this.#counters, commitsInFlightNow: this.#committing.size }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(this.#committing)
  }

  async #pull(call: Call, request: PullRequest, context: HandlerContext) {
    this.#counters.pulls += 1
    const volumeId = await this.#admitReader(call, request.volumeId, context)
    const { since, atLeast } = checked('pull', () => ({ since: parseLsn(request.since), atLeast: parseLsn(request.atLeast) }))
    const { signal } = context
    const { head, changes } = await this.#logs.volume(volumeId).pull(since, { atLeast, signal })
    this.#counters.changedPagesSent += changes.pages.size
    return pullAnswerToWire({ snapshot: snapshotOf(head), changes })
  }

  async #getSnapshot(call: Call, request: SnapshotRequest, context: HandlerContext) {
    this.#counters.snapshots += 1
    const volumeId = await this.#admitReader(call, request.volumeId, context)
    const lsn = checked('snapshot', () => parseLsn(request.lsn))
    const { signal } = context
    const record =
      lsn === LSN_NONE ? await this.#head(volumeId, LSN_NONE, signal) : await this.#logs.volume(volumeId).record(lsn, { signal })
    return snapshotToWire(snapshotOf(record))
  }

  async *#history(request: HistoryRequest, context: HandlerContext): AsyncGenerator<HistoryEntry, void, undefined> {
    this.#counters.histories += 1
    const call: Call = { method: 'history' }
    const { signal } = context
    try {
      const volumeId = await this.#admitReader(call, request.volumeId, context)
      const { from, to } = checked('history', () => ({ from: parseLsn(request.from), to: parseLsn(request.to) }))
      const head = await this.#head(volumeId, to, signal)
      const range = historyRange(from, to === LSN_NONE ? undefined : to, head.lsn, this.limits.historyCommitsMax)
      for await (const record of readHistory(this.#logs.volume(volumeId), range, signal)) {
        this.#counters.historyEntriesSent += 1
        yield historyEntryToWire(record)
      }
    } catch (error) {
      throw this.#failed(call, error)
    }
  }

  async #commit(call: Call, request: CommitRequest, context: HandlerContext) {
    this.#counters.commits += 1
    this.#checkOpen()
    const names = commitNamesFromWire(request)
    call.volumeId = names.volumeId
    const principal = await this.#admitWriter(names, context)
    call.principal = principal.id
    throwIfAborted(context.signal)
    // From here on nobody's signal counts: a commit that is given up half way is one whose outcome nobody knows.
    const outcome = await this.#decide(request, names, principal)
    this.#reportOutcome(outcome, request, { ...names, principal: principal.id })
    return commitAnswerToWire(outcome)
  }

  /**
   * The happy path costs the log's one write. Only a request that is about to be refused is looked up first: an attempt
   * that landed is answered with its commit although its refs are old by now or the limits smaller (I6), and one whose
   * place is taken learns that, with all it needs to go on (I7).
   */
  async #decide(request: CommitRequest, names: CommitNames, principal: Principal): Promise<AppendOutcome> {
    const log = this.#logs.volume(names.volumeId)
    const scope = { limits: this.limits, refs: this.#refs, principal: principal.id }
    const refused = async (refusal: unknown): Promise<AppendOutcome> => {
      const outcome = await log.outcomeOf(names)
      if (outcome === undefined) throw refusal
      return outcome
    }
    const attempt = await attemptFromWire(request, scope).catch((refusal: unknown) => ({ refusal }))
    if ('refusal' in attempt) return refused(attempt.refusal)
    try {
      return await log.append(attempt)
    } catch (error) {
      // A store without room refuses a repeated commit too, which may have landed while there was some.
      if (isTypedError(error) && error.kind === 'exhausted') return refused(error)
      throw error
    }
  }

  #reportOutcome(outcome: AppendOutcome, request: CommitRequest, facts: CommitNames & { readonly principal: string }): void {
    const { snapshot } = outcome
    if (outcome.type === 'conflict') {
      this.#counters.commitsConflicted += 1
      this.#counters.changedPagesSent += outcome.changes.pages.size
      this.#log({ type: 'commit-conflicted', ...facts, headLsn: snapshot.lsn })
      return
    }
    this.#counters.commitsAccepted += 1
    const inlineBytes = request.inline?.data.length ?? 0
    this.#log({ type: 'commit-accepted', ...facts, lsn: snapshot.lsn, refs: request.refs.length, inlineBytes })
  }

  /** The newest commit, as the store has it now. */
  async #head(volumeId: VolumeId, atLeast: Lsn, signal: AbortSignal): Promise<CommitRecord> {
    const head = await this.#logs.volume(volumeId).head({ atLeast, signal })
    if (head === undefined) throw new CommitLogError('VOLUME_UNKNOWN', `volume has no commit, volume=${volumeId}`)
    return head
  }

  async #admitReader(call: Call, volumeIdBytes: Uint8Array, context: HandlerContext): Promise<VolumeId> {
    this.#checkOpen()
    const volumeId = checked('volume', () => volumeIdFromBytes(volumeIdBytes))
    call.volumeId = volumeId
    const principal = await this.#authorize({ headers: context.requestHeader, action: 'read', volumeId, isMetadata: true })
    call.principal = principal.id
    return volumeId
  }

  /** Who commits. The first commit of a volume needs both `create` and `write`. */
  async #admitWriter(names: CommitNames, context: HandlerContext): Promise<Principal> {
    const { volumeId, baseLsn } = names
    const headers = context.requestHeader
    if (baseLsn === LSN_NONE) await this.#authorize({ headers, action: 'create', volumeId })
    return this.#authorize({ headers, action: 'write', volumeId })
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

  #checkOpen(): void {
    if (this.#isClosed) throw new MetastoreError('METASTORE_CLOSED', 'the meta store is closed')
  }

  async #answer<T>(call: Call, run: (call: Call) => Promise<T>): Promise<T> {
    try {
      return await run(call)
    } catch (error) {
      throw this.#failed(call, error)
    }
  }

  #failed(call: Call, error: unknown) {
    this.#counters.failedRequests += 1
    const told = storeFailure(error)
    const { kind, code } = isTypedError(told) ? told : { kind: 'untyped', code: 'UNTYPED' }
    const { method, volumeId, principal } = call
    this.#log({ type: 'request-failed', method, volumeId, principal, kind, code, error })
    return toConnectError(told)
  }
}

type CommitNames = Pick<CommitProposal, 'volumeId' | 'baseLsn' | 'commitId' | 'clientId'>
