import type { ObjectStore } from '@graft-ts/storage-adapters'
import {
  type Changes,
  type CommitRecord,
  decodeHeadHint,
  encodeHeadHint,
  type FrameCodec,
  isTypedError,
  LSN_NONE,
  type Lsn,
  nextLsn,
  type PageSet,
  snapshotOf,
  storeKeys,
  type VolumeId,
} from '@graft-ts/volume'
import { type AppendOutcome, type CommitAttempt, checkAttempt } from './attempt.ts'
import { CommitLogError } from './errors.ts'
import { type HeadBounds, narrow, nextProbes } from './head-search.ts'
import { findRuns, findWriters, type PageLocation } from './locate.ts'
import type { RecordCache, StoredCommit } from './record-cache.ts'
import { decomposeRange, layerSources, type RangeSection, rollUp, sectionsOf } from './rollup.ts'
import { writeCommit } from './write-commit.ts'

const HINT_INTERVAL = 64

/** What a log needs of its surroundings. */
export interface LogContext {
  readonly store: ObjectStore
  readonly cache: RecordCache
  readonly nowMs: () => number
  readonly codec: FrameCodec
}

interface CallOptions {
  readonly signal?: AbortSignal
}

/**
 * One volume's history on an object store. Holds nothing that matters: only the store does, and any number of
 * processes may have logs of the same volume.
 */
export class CommitLog {
  readonly volumeId: VolumeId
  readonly #context: LogContext
  // The highest commit seen; a place to start looking, never the answer.
  #seen: Lsn = LSN_NONE
  #hasHint = false

  constructor(volumeId: VolumeId, context: LogContext) {
    this.volumeId = volumeId
    this.#context = context
  }

  /**
   * The newest commit. Always asks the store, after this call began: one small read when nothing is new.
   *
   * @param options.atLeast The head is known to be this new; an older one is an error, not an answer.
   * @returns `undefined`: the volume has no commit.
   * @throws {@link CommitLogError} `LSN_FUTURE` below `atLeast`; whatever the store throws.
   */
  async head(options: CallOptions & { readonly atLeast?: Lsn } = {}): Promise<CommitRecord | undefined> {
    const head = await this.#findHead(options.signal)
    const atLeast = options.atLeast ?? LSN_NONE
    if ((head?.record.lsn ?? LSN_NONE) < atLeast) throw this.#future(atLeast, head?.record.lsn)
    return head?.record
  }

  /**
   * One commit.
   *
   * @throws {@link CommitLogError} `LSN_FUTURE` if it does not exist yet, `VOLUME_UNKNOWN` if the volume has no commit.
   */
  async record(lsn: Lsn, options: CallOptions = {}): Promise<CommitRecord> {
    return (await this.#stored(lsn, options.signal)).record
  }

  /**
   * What changed in (since, until] (I9): one parallel round of reads however long the range is.
   *
   * @param since An LSN, at most `until`; 0: everything.
   * @param until An existing commit.
   */
  async changes(since: Lsn, until: Lsn, options: CallOptions = {}): Promise<Changes> {
    if (since >= until) return rollUp([])
    await this.#stored(until, options.signal)
    return rollUp(await this.#sections(since, until))
  }

  /**
   * Where pages are at an LSN. One parallel round of reads to learn who wrote them, one for the writers' records.
   *
   * @param pages Borrowed. Pages above the page count of that commit come out as never written.
   * @throws {@link CommitLogError} `LSN_FUTURE`, `VOLUME_UNKNOWN`.
   */
  async locate(lsn: Lsn, pages: PageSet, options: CallOptions = {}): Promise<PageLocation[]> {
    await this.#stored(lsn, options.signal)
    const writers = [...findWriters(await this.#sections(LSN_NONE, lsn), pages)]
    const located = writers.map(async ([writer, found]): Promise<PageLocation[]> => {
      if (writer === LSN_NONE) return [{ pages: found, lsn: LSN_NONE, content: undefined }]
      return findRuns(await this.#context.cache.get(this.volumeId, writer), found)
    })
    return (await Promise.all(located)).flat()
  }

  /**
   * Appends a commit by creating its record if absent: of several attempts on one base exactly one wins (I2).
   * May be called again with the same attempt after any failure (I6).
   *
   * @throws {@link CommitLogError} of kind `invalid` if the attempt contradicts its base, `LSN_FUTURE` if the base does
   * not exist, `COMMIT_UNDECIDED` (kind `unknown`) if the store did not tell whether the record was created.
   */
  async append(attempt: CommitAttempt, options: CallOptions = {}): Promise<AppendOutcome> {
    const { volumeId } = this
    const { cache, codec, nowMs } = this.#context
    const lsn = nextLsn(attempt.baseLsn)
    const base = attempt.baseLsn === LSN_NONE ? undefined : await this.#stored(attempt.baseLsn, options.signal)
    if (this.#seen >= lsn) return this.#outcomeAfter(attempt, await cache.get(volumeId, lsn), options.signal)
    // Before an attempt is called invalid, a commit that it already made must be looked for: what was valid once may
    // be repeated later (I6). The record decides, so the check comes second only when it fails.
    try {
      checkAttempt(attempt, base?.record)
    } catch (error) {
      const taken = await this.outcomeOf(attempt, options)
      if (taken !== undefined) return taken
      throw error
    }
    const sources = await Promise.all(layerSources(lsn).map(async (source) => (await cache.get(volumeId, source)).record))
    const commit = await writeCommit(attempt, { volumeId, base, sources, nowMs: nowMs(), codec })
    const isCreated = await this.#create(commit, options.signal)
    if (!isCreated) return this.#outcomeAfter(attempt, await this.#taken(lsn, options.signal, undefined), options.signal)
    cache.keep({ record: commit.record, sealed: commit.sealed })
    this.#see(lsn)
    return { type: 'committed', snapshot: snapshotOf(commit.record) }
  }

  /**
   * What became of an attempt that may have been sent before: `undefined` while the place after its base is free.
   * Reads that place from the store, unless it is known.
   */
  async outcomeOf(
    attempt: Pick<CommitAttempt, 'baseLsn' | 'commitId'>,
    options: CallOptions = {},
  ): Promise<AppendOutcome | undefined> {
    const after = await this.#context.cache.probe(this.volumeId, nextLsn(attempt.baseLsn), options.signal)
    if (after === undefined) return undefined
    this.#see(after.record.lsn)
    return this.#outcomeAfter(attempt, after, options.signal)
  }

  async #outcomeAfter(
    attempt: Pick<CommitAttempt, 'baseLsn' | 'commitId'>,
    after: StoredCommit,
    signal: AbortSignal | undefined,
  ): Promise<AppendOutcome> {
    if (after.record.commitId === attempt.commitId) return { type: 'committed', snapshot: snapshotOf(after.record) }
    const head = (await this.#findHead(signal)) ?? after
    const changes = rollUp(await this.#sections(attempt.baseLsn, head.record.lsn))
    return { type: 'conflict', snapshot: snapshotOf(head.record), changes, commitIdAfterBase: after.record.commitId }
  }

  /** Whether this call created the record; `false`: it exists, made by somebody, perhaps by this call. */
  async #create(commit: StoredCommit & { body: Uint8Array }, signal: AbortSignal | undefined): Promise<boolean> {
    const { store } = this.#context
    const { lsn, volumeId } = commit.record
    const withSignal = signal === undefined ? {} : { signal }
    // The hint goes out beside the record, so that it costs no round trip; it may fail, and it may be wrong.
    const hint =
      lsn % HINT_INTERVAL === 0
        ? store.put(storeKeys.head(volumeId), encodeHeadHint(lsn), withSignal).catch(() => undefined)
        : undefined
    try {
      await store.create(storeKeys.commit(volumeId, lsn), commit.body, withSignal)
      return true
    } catch (error) {
      if (isTypedError(error) && error.kind === 'conflict') return false
      // A reply that was lost says nothing. Only the record itself does.
      if (!isTypedError(error) || error.kind !== 'unknown') throw error
      await this.#taken(lsn, signal, error)
      return false
    } finally {
      await hint
    }
  }

  /**
   * The record at the place of a create that was refused, or whose reply was lost. While nobody can say what is there, the
   * attempt is undecided: not even a failed read may look like a failed write.
   */
  async #taken(lsn: Lsn, signal: AbortSignal | undefined, cause: unknown): Promise<StoredCommit> {
    const taken = await this.#context.cache.probe(this.volumeId, lsn, signal).catch((error: unknown) => {
      throw undecided(lsn, error)
    })
    if (taken === undefined) throw undecided(lsn, cause)
    this.#see(lsn)
    return taken
  }

  /** A commit that must exist; looks for it once when it was not seen yet. */
  async #stored(lsn: Lsn, signal: AbortSignal | undefined): Promise<StoredCommit> {
    if (lsn > LSN_NONE) {
      const stored =
        lsn <= this.#seen
          ? await this.#context.cache.get(this.volumeId, lsn)
          : await this.#context.cache.probe(this.volumeId, lsn, signal)
      if (stored !== undefined) {
        this.#see(lsn)
        return stored
      }
    }
    const head = await this.#findHead(signal)
    throw head === undefined ? this.#unknownVolume() : this.#future(lsn, head.record.lsn)
  }

  /** The sections of (since, until], newest first: one round of reads, more only where layers were left out. */
  async #sections(since: Lsn, until: Lsn): Promise<RangeSection[]> {
    const sections: RangeSection[] = []
    for (let position: number = until; position > since; ) {
      const steps = decomposeRange(since, position as Lsn)
      const commits = await Promise.all(steps.map((step) => this.#context.cache.get(this.volumeId, step.lsn)))
      for (const [i, step] of steps.entries()) {
        const { record } = commits[i] as StoredCommit
        const layers = Math.min(step.layers, record.layers.length)
        for (const section of sectionsOf(record, layers)) sections.push(section)
        position -= 2 ** layers
        if (layers < step.layers) break
      }
    }
    return sections
  }

  async #findHead(signal: AbortSignal | undefined): Promise<StoredCommit | undefined> {
    let bounds: HeadBounds = { present: this.#seen, absent: undefined }
    let gallops = 0
    // A node that is up to date learns so from one read; one that knows nothing reads the hint first.
    if (this.#seen > LSN_NONE) bounds = await this.#probe(bounds, [nextLsn(this.#seen)], signal)
    else if (!this.#hasHint) bounds = await this.#startFromHint(bounds, signal)
    while (bounds.absent !== bounds.present + 1) {
      const probes = nextProbes(bounds, gallops)
      if (bounds.absent === undefined) gallops++
      bounds = await this.#probe(bounds, probes, signal)
    }
    if (bounds.present === LSN_NONE) return undefined
    this.#see(bounds.present)
    return this.#context.cache.get(this.volumeId, bounds.present)
  }

  async #startFromHint(bounds: HeadBounds, signal: AbortSignal | undefined): Promise<HeadBounds> {
    const object = await this.#context.store.get(storeKeys.head(this.volumeId), signal === undefined ? {} : { signal })
    this.#hasHint = true
    if (object === undefined) return bounds
    try {
      const hint = decodeHeadHint(object.bytes)
      return hint === LSN_NONE ? bounds : await this.#probe(bounds, [hint], signal)
    } catch (error) {
      // A damaged hint costs a longer search, nothing else.
      if (isTypedError(error) && (error.kind === 'corrupt' || error.kind === 'unsupported')) return bounds
      throw error
    }
  }

  async #probe(bounds: HeadBounds, lsns: readonly Lsn[], signal: AbortSignal | undefined): Promise<HeadBounds> {
    const found = await Promise.all(lsns.map((lsn) => this.#context.cache.probe(this.volumeId, lsn, signal)))
    const next = narrow(bounds, new Map(lsns.map((lsn, i) => [lsn, found[i] !== undefined])))
    if (next.present > LSN_NONE) this.#see(next.present)
    return next
  }

  #see(lsn: Lsn): void {
    if (lsn > this.#seen) this.#seen = lsn
  }

  #unknownVolume(): CommitLogError {
    return new CommitLogError('VOLUME_UNKNOWN', `volume has no commit, volume=${this.volumeId}`)
  }

  #future(lsn: Lsn, head: Lsn | undefined): CommitLogError {
    if (head === undefined) return this.#unknownVolume()
    return new CommitLogError('LSN_FUTURE', `no such commit yet, lsn=${lsn} head=${head}`)
  }
}

function undecided(lsn: Lsn, cause: unknown): CommitLogError {
  return new CommitLogError('COMMIT_UNDECIDED', `the store does not tell whether the commit was created, lsn=${lsn}`, { cause })
}
