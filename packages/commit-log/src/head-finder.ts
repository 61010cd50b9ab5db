import { decodeHeadHint, isTypedError, LSN_NONE, type Lsn, nextLsn, storeKeys, type VolumeId } from '@graft-ts/volume'
import { abortable } from './abortable.ts'
import { CommitLogError } from './errors.ts'
import { type HeadBounds, narrow, nextProbes } from './head-search.ts'
import type { LogContext } from './log-context.ts'
import { SharedRefresh } from './shared-refresh.ts'
import type { StoredCommit } from './stored-commit.ts'

/** How far a search has come. */
interface Search {
  readonly bounds: HeadBounds
  /** The highest commit that was found, so that it need not be read again. */
  readonly newest: StoredCommit | undefined
}

/** Finds the newest commit of one volume. */
export class HeadFinder {
  readonly #volumeId: VolumeId
  readonly #context: LogContext
  readonly #refresh = new SharedRefresh(() => this.#search())
  // The highest commit seen; a place to start looking, never the answer.
  #seen: Lsn = LSN_NONE
  #hasHint = false
  // When the head was last known not to be above #seen, by a read or a create that began then.
  #knownAtMs = Number.NEGATIVE_INFINITY
  // Whether the log is whole is asked once.
  #wholeness: Promise<void> | undefined

  constructor(volumeId: VolumeId, context: LogContext) {
    this.#volumeId = volumeId
    this.#context = context
  }

  /** The highest commit seen so far; all up to it exist. */
  get seen(): Lsn {
    return this.#seen
  }

  /** Notes that a commit exists. */
  see(lsn: Lsn): void {
    if (lsn <= this.#seen) return
    this.#seen = lsn
    this.#context.onAdvance(this.#volumeId, lsn)
  }

  /** Notes that a commit was the newest at some time, because it was just made. */
  seeNewest(lsn: Lsn, atMs: number): void {
    this.see(lsn)
    // A time that has not come yet is of a clock that went back: kept, it would pass for a fresh one once it comes.
    const isOfAnotherClock = this.#knownAtMs > this.#context.nowMs()
    if (isOfAnotherClock || atMs > this.#knownAtMs) this.#knownAtMs = atMs
  }

  /**
   * The newest commit, by a read of the store that begins after this call; one that other calls share.
   *
   * @returns `undefined`: there is none.
   */
  find(signal: AbortSignal | undefined): Promise<StoredCommit | undefined> {
    return abortable(this.#refresh.get(), signal)
  }

  /** The newest commit as it was known at most so long ago, if it was and is. Costs at most the read of that record. */
  async known(maxStalenessMs: number): Promise<StoredCommit | undefined> {
    const ageMs = this.#context.nowMs() - this.#knownAtMs
    // A clock that went back says nothing about age.
    if (this.#seen === LSN_NONE || ageMs < 0 || ageMs > maxStalenessMs) return undefined
    return this.#context.records.get(this.#volumeId, this.#seen)
  }

  /**
   * Refuses a log that has a horizon: older commits of it may have been deleted, and nothing here knows how to read what is left,
   * nor that an empty place is no free place. Asks the store once.
   *
   * @throws {@link CommitLogError} `HORIZON_UNSUPPORTED`.
   */
  checkWhole(): Promise<void> {
    this.#wholeness ??= this.#refuseHorizon().catch((error: unknown) => {
      this.#wholeness = undefined
      throw error
    })
    return this.#wholeness
  }

  async #search(): Promise<StoredCommit | undefined> {
    const startMs = this.#context.nowMs()
    let [search] = await Promise.all([this.#begin(), this.checkWhole()])
    for (let gallops = 0; search.bounds.absent !== search.bounds.present + 1; ) {
      const probes = nextProbes(search.bounds, gallops)
      if (search.bounds.absent === undefined) gallops++
      search = await this.#probe(search, probes)
    }
    const { bounds, newest } = search
    if (bounds.present === LSN_NONE) return undefined
    this.seeNewest(bounds.present, startMs)
    return newest ?? this.#context.records.get(this.#volumeId, bounds.present)
  }

  /**
   * The first round. A node that is up to date learns so from one read, be it that there is no commit at all; one that knows
   * nothing reads the hint too, and one that has forgotten the record reads that again beside it.
   */
  #begin(): Promise<Search> {
    const seen = this.#seen
    const newest = this.#context.memory.record(this.#volumeId, seen)
    const search: Search = { bounds: { present: seen, absent: undefined }, newest }
    if (seen === LSN_NONE && !this.#hasHint) return this.#startFromHint(search)
    return this.#probe(search, seen === LSN_NONE || newest !== undefined ? [nextLsn(seen)] : [seen, nextLsn(seen)])
  }

  async #startFromHint(search: Search): Promise<Search> {
    const first = this.#probe(search, [nextLsn(LSN_NONE)])
    // Its outcome counts only if there is no hint.
    first.catch(() => undefined)
    const hint = await this.#readHint()
    this.#hasHint = true
    // What may come behind the hint is looked for in the same round.
    return hint === undefined ? first : this.#probe(search, [hint, ...nextProbes({ present: hint, absent: undefined }, 0)])
  }

  async #readHint(): Promise<Lsn | undefined> {
    const object = await this.#context.store.get(storeKeys.head(this.#volumeId))
    try {
      const hint = object === undefined ? LSN_NONE : decodeHeadHint(object.bytes)
      return hint === LSN_NONE ? undefined : hint
    } catch (error) {
      // A damaged hint costs a longer search, nothing else.
      if (isTypedError(error) && (error.kind === 'corrupt' || error.kind === 'unsupported')) return undefined
      throw error
    }
  }

  async #refuseHorizon(): Promise<void> {
    const horizon = await this.#context.store.get(storeKeys.horizon(this.#volumeId))
    if (horizon === undefined) return
    const volume = this.#volumeId
    throw new CommitLogError('HORIZON_UNSUPPORTED', `the log has a horizon, which this version cannot read, volume=${volume}`)
  }

  async #probe({ bounds, newest }: Search, lsns: readonly Lsn[]): Promise<Search> {
    const found = await Promise.all(lsns.map((lsn) => this.#context.records.probe(this.#volumeId, lsn)))
    const next = narrow(bounds, new Map(lsns.map((lsn, i) => [lsn, found[i] !== undefined])))
    if (next.present > LSN_NONE) this.see(next.present)
    return { bounds: next, newest: found.find((commit) => commit?.record.lsn === next.present) ?? newest }
  }
}
