import { decodeHeadHint, isTypedError, LSN_NONE, type Lsn, nextLsn, storeKeys, type VolumeId } from '@graft-ts/volume'
import { abortable } from './abortable.ts'
import { type HeadBounds, narrow, nextProbes } from './head-search.ts'
import type { LogContext } from './log-context.ts'
import { SharedRefresh } from './shared-refresh.ts'
import type { StoredCommit } from './stored-commit.ts'

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
    this.#knownAtMs = Math.max(this.#knownAtMs, atMs)
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

  async #search(): Promise<StoredCommit | undefined> {
    const startMs = this.#context.nowMs()
    let bounds: HeadBounds = { present: this.#seen, absent: undefined }
    let gallops = 0
    // A node that is up to date learns so from one read, be it that there is no commit at all; one that knows nothing reads
    // the hint too.
    if (this.#seen > LSN_NONE || this.#hasHint) bounds = await this.#probe(bounds, [nextLsn(this.#seen)])
    else bounds = await this.#startFromHint(bounds)
    while (bounds.absent !== bounds.present + 1) {
      const probes = nextProbes(bounds, gallops)
      if (bounds.absent === undefined) gallops++
      bounds = await this.#probe(bounds, probes)
    }
    if (bounds.present === LSN_NONE) return undefined
    this.seeNewest(bounds.present, startMs)
    return this.#context.records.get(this.#volumeId, bounds.present)
  }

  async #startFromHint(bounds: HeadBounds): Promise<HeadBounds> {
    const first = this.#probe(bounds, [nextLsn(LSN_NONE)])
    // Its outcome counts only if there is no hint.
    first.catch(() => undefined)
    const hint = await this.#readHint()
    this.#hasHint = true
    // What may come behind the hint is looked for in the same round.
    return hint === undefined ? first : this.#probe(bounds, [hint, ...nextProbes({ present: hint, absent: undefined }, 0)])
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

  async #probe(bounds: HeadBounds, lsns: readonly Lsn[]): Promise<HeadBounds> {
    const found = await Promise.all(lsns.map((lsn) => this.#context.records.probe(this.#volumeId, lsn)))
    const next = narrow(bounds, new Map(lsns.map((lsn, i) => [lsn, found[i] !== undefined])))
    if (next.present > LSN_NONE) this.see(next.present)
    return next
  }
}
