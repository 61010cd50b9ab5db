import {
  type Changes,
  type CommitRecord,
  encodeHeadHint,
  isTypedError,
  LSN_NONE,
  type Lsn,
  nextLsn,
  type PageSet,
  type RollupLayer,
  snapshotOf,
  storeKeys,
  type VolumeId,
} from '@graft-ts/volume'
import { abortable } from './abortable.ts'
import { type AppendOutcome, type CommitAttempt, checkAttempt } from './attempt.ts'
import { CommitLogError } from './errors.ts'
import { HeadFinder } from './head-finder.ts'
import { findRuns, findWriters, type PageLocation } from './locate.ts'
import type { LogContext } from './log-context.ts'
import { type ChangeOrder, oldestLayerStart } from './order/change-order.ts'
import { OrderKeeper } from './order/order-keeper.ts'
import { readSections } from './range-reader.ts'
import { buildLayers, layerSources, type NewCommit, type RangeSection, rollUp } from './rollup.ts'
import type { StoredCommit } from './stored-commit.ts'
import { searchByTime } from './time-search.ts'
import { writeCommit } from './write-commit.ts'

const HINT_INTERVAL = 64
// Rollup layers may take a record to about 1 MiB; beyond that the upper ones are left out.
const LAYER_BYTES_MAX = 2 ** 20

interface CallOptions {
  readonly signal?: AbortSignal
}

/** How new the head has to be. */
export interface HeadOptions extends CallOptions {
  /** The head is known to be this new; an older one is an error, not an answer. Overrides `maxStalenessMs`. */
  readonly atLeast?: Lsn
  /** The head as it was at most so many milliseconds ago will do, without asking the store. Default 0: as it is now. */
  readonly maxStalenessMs?: number
}

/** The newest commit, and what changed up to it. */
export interface PullOutcome {
  readonly head: CommitRecord
  readonly changes: Changes
}

/**
 * One volume's history on an object store. Holds nothing that matters: only the store does, and any number of
 * processes may have logs of the same volume.
 */
export class CommitLog {
  readonly volumeId: VolumeId
  readonly #context: LogContext
  readonly #heads: HeadFinder
  readonly #orders: OrderKeeper

  constructor(volumeId: VolumeId, context: LogContext) {
    this.volumeId = volumeId
    this.#context = context
    this.#heads = new HeadFinder(volumeId, context)
    this.#orders = new OrderKeeper(volumeId, context)
  }

  /**
   * The newest commit. Asks the store, after this call began, unless older answers are allowed: one small read when nothing
   * is new, which all calls share that wait for one.
   *
   * @returns `undefined`: the volume has no commit.
   * @throws {@link CommitLogError} `LSN_FUTURE` below `atLeast`, `LOG_ABORTED`; whatever the store throws.
   */
  async head(options: HeadOptions = {}): Promise<CommitRecord | undefined> {
    return (await this.#head(options))?.record
  }

  /**
   * The newest commit, and what changed in (since, head] (I9). Costs what {@link head} does, and its own answer; one parallel
   * round of reads before that for what this process has not seen of the history yet, however long it is.
   *
   * @param since An LSN; 0: everything.
   * @throws {@link CommitLogError} `LSN_FUTURE` if the head is below `since` or `atLeast`, `VOLUME_UNKNOWN`, `LOG_ABORTED`.
   */
  async pull(since: Lsn, options: HeadOptions = {}): Promise<PullOutcome> {
    const atLeast = Math.max(since, options.atLeast ?? LSN_NONE) as Lsn
    const head = await this.#head({ ...options, atLeast })
    if (head === undefined) throw this.#unknownVolume()
    return this.#changesUpTo(head.record, since)
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
   * The newest commit that was made at or before a time, by the clocks of those who made them. A few rounds of reads.
   *
   * @param timeMs Milliseconds since 1970.
   * @returns `undefined`: there was none.
   * @throws {@link CommitLogError} `VOLUME_UNKNOWN`, `LOG_ABORTED`.
   */
  async recordAt(timeMs: number, options: CallOptions = {}): Promise<CommitRecord | undefined> {
    const head = await this.#heads.find(options.signal)
    if (head === undefined) throw this.#unknownVolume()
    const read = async (lsn: Lsn): Promise<CommitRecord> => (await this.#context.records.get(this.volumeId, lsn)).record
    return searchByTime(head.record, timeMs, read, options.signal)
  }

  /**
   * What changed in (since, until] (I9), from the records: one parallel round of reads however long the range is. For the
   * changes up to the head {@link pull} is cheaper.
   *
   * @param since An LSN, at most `until`; 0: everything.
   * @param until An existing commit.
   */
  async changes(since: Lsn, until: Lsn, options: CallOptions = {}): Promise<Changes> {
    return since >= until ? rollUp([]) : rollUp(await this.#sections({ since, until }, options.signal))
  }

  /**
   * Where pages are at an LSN. One parallel round of reads to learn who wrote them, one for the writers' records.
   *
   * @param pages Borrowed. Pages above the page count of that commit come out as never written.
   * @throws {@link CommitLogError} `LSN_FUTURE`, `VOLUME_UNKNOWN`.
   */
  async locate(lsn: Lsn, pages: PageSet, options: CallOptions = {}): Promise<PageLocation[]> {
    const { records } = this.#context
    const sections = await this.#sections({ since: LSN_NONE, until: lsn }, options.signal)
    const writers = [...findWriters(sections, pages)]
    const located = writers.map(async ([writer, found]): Promise<PageLocation[]> => {
      if (writer === LSN_NONE) return [{ pages: found, lsn: LSN_NONE, content: undefined }]
      return findRuns(await records.get(this.volumeId, writer), found)
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
    const { records, memory, codec, nowMs } = this.#context
    const lsn = nextLsn(attempt.baseLsn)
    const base = attempt.baseLsn === LSN_NONE ? undefined : await this.#stored(attempt.baseLsn, options.signal)
    if (this.#heads.seen >= lsn) return this.#outcomeAfter(attempt, await records.get(volumeId, lsn), options.signal)
    // Before an attempt is called invalid, a commit that it already made must be looked for: what was valid once may
    // be repeated later (I6). The record decides, so the check comes second only when it fails.
    try {
      checkAttempt(attempt, base?.record)
    } catch (error) {
      const taken = await this.outcomeOf(attempt, options)
      if (taken !== undefined) return taken
      throw error
    }
    const order = await this.#orders.cover(oldestLayerStart(lsn), base?.record)
    const layers = await this.#layersOf({ lsn, own: attempt.own, floor: attempt.floor }, order)
    const commit = await writeCommit(attempt, { volumeId, base, layers, nowMs: nowMs(), codec })
    const createdMs = nowMs()
    const whole = this.#heads.checkWhole()
    // What it says counts once the create is over.
    whole.catch(() => undefined)
    const isCreated = await this.#create(commit, options.signal)
    if (!isCreated) return this.#outcomeAfter(attempt, await this.#taken(lsn, options.signal, undefined), options.signal)
    await whole.catch((error: unknown) => {
      throw isHorizon(error) ? error : undecided(lsn, error)
    })
    memory.keepRecord({ record: commit.record, sealed: commit.sealed })
    if (order !== undefined) this.#orders.addCommit(order, commit.record)
    this.#heads.seeNewest(lsn, createdMs)
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
    const after = await this.#context.records.probe(this.volumeId, nextLsn(attempt.baseLsn), options.signal)
    if (after === undefined) return undefined
    this.#heads.see(after.record.lsn)
    return this.#outcomeAfter(attempt, after, options.signal)
  }

  async #outcomeAfter(
    attempt: Pick<CommitAttempt, 'baseLsn' | 'commitId'>,
    after: StoredCommit,
    signal: AbortSignal | undefined,
  ): Promise<AppendOutcome> {
    if (after.record.commitId === attempt.commitId) return { type: 'committed', snapshot: snapshotOf(after.record) }
    const found = (await this.#heads.find(signal)) ?? after
    const { head, changes } = await this.#changesUpTo(found.record, attempt.baseLsn)
    return { type: 'conflict', snapshot: snapshotOf(head), changes, commitIdAfterBase: after.record.commitId }
  }

  async #head({ atLeast = LSN_NONE, maxStalenessMs = 0, signal }: HeadOptions): Promise<StoredCommit | undefined> {
    const known = maxStalenessMs > 0 ? await this.#heads.known(maxStalenessMs) : undefined
    if (known !== undefined && known.record.lsn >= atLeast) return known
    const head = await this.#heads.find(signal)
    if ((head?.record.lsn ?? LSN_NONE) < atLeast) throw this.#future(atLeast, head?.record.lsn)
    return head
  }

  /** The changes since an LSN up to a commit, or up to a newer one if it is known what changed there. */
  async #changesUpTo(head: CommitRecord, since: Lsn): Promise<PullOutcome> {
    if (since === head.lsn) return { head, changes: rollUp([]) }
    const order = await this.#orders.cover(since, head)
    const changes = order?.changesSince(since)
    if (order?.head !== undefined && changes !== undefined) return { head: order.head, changes }
    return { head, changes: await this.#rolledUp(since, head.lsn) }
  }

  async #rolledUp(since: Lsn, until: Lsn): Promise<Changes> {
    return rollUp(await readSections(this.#context.records, this.volumeId, { since, until }))
  }

  /**
   * The sections of a range whose end may not exist. It is looked for in the same round as what it leads to: what was found
   * exists, and only if something was not is it asked what there is.
   */
  async #sections(range: { readonly since: Lsn; readonly until: Lsn }, signal: AbortSignal | undefined): Promise<RangeSection[]> {
    const { records } = this.#context
    const read = abortable(readSections(records, this.volumeId, range), signal)
    const sections = await read.catch((error: unknown) => {
      if (isTypedError(error) && error.code === 'COMMIT_MISSING') return undefined
      throw error
    })
    if (sections === undefined) await Promise.all([this.#stored(range.until, signal), this.#heads.checkWhole()])
    else this.#heads.see(range.until)
    return sections ?? readSections(records, this.volumeId, range)
  }

  async #layersOf(commit: NewCommit, order: ChangeOrder | undefined): Promise<readonly RollupLayer[]> {
    const layers = order?.lsn === commit.lsn - 1 ? order.layersOf(commit, LAYER_BYTES_MAX) : undefined
    if (layers !== undefined) return layers
    const { records } = this.#context
    const sources = await Promise.all(layerSources(commit.lsn).map((source) => records.get(this.volumeId, source)))
    return buildLayers(
      commit,
      sources.map(({ record }) => record),
      LAYER_BYTES_MAX,
    )
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
    const taken = await this.#context.records.probe(this.volumeId, lsn, signal).catch((error: unknown) => {
      throw undecided(lsn, error)
    })
    if (taken === undefined) throw undecided(lsn, cause)
    this.#heads.see(lsn)
    return taken
  }

  /** A commit that must exist; looks for it once when it was not seen yet. */
  async #stored(lsn: Lsn, signal: AbortSignal | undefined): Promise<StoredCommit> {
    const { records } = this.#context
    if (lsn > LSN_NONE) {
      const stored =
        lsn <= this.#heads.seen ? await records.get(this.volumeId, lsn) : await records.probe(this.volumeId, lsn, signal)
      if (stored !== undefined) {
        this.#heads.see(lsn)
        return stored
      }
    }
    const head = await this.#heads.find(signal)
    throw head === undefined ? this.#unknownVolume() : this.#future(lsn, head.record.lsn)
  }

  #unknownVolume(): CommitLogError {
    return new CommitLogError('VOLUME_UNKNOWN', `volume has no commit, volume=${this.volumeId}`)
  }

  #future(lsn: Lsn, head: Lsn | undefined): CommitLogError {
    if (head === undefined) return this.#unknownVolume()
    return new CommitLogError('LSN_FUTURE', `no such commit yet, lsn=${lsn} head=${head}`)
  }
}

/** Whether somebody may have deleted what was just created again: then it is no commit, and never will be. */
function isHorizon(error: unknown): boolean {
  return isTypedError(error) && error.code === 'HORIZON_UNSUPPORTED'
}

function undecided(lsn: Lsn, cause: unknown): CommitLogError {
  return new CommitLogError('COMMIT_UNDECIDED', `the store does not tell whether the commit was created, lsn=${lsn}`, { cause })
}
