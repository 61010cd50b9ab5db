/** When the writes that have gathered are uploaded. */
export type WritePolicy =
  /**
   * At once when no upload is in flight; what arrives meanwhile gathers, and starts early only as a full group. An upload
   * that takes longer than `lateAfterMs` (0 to 60,000, default 250) is late, and from then on holds nothing back.
   */
  | { readonly type: 'latency'; readonly lateAfterMs?: number }
  /**
   * When the oldest write has waited for `intervalMs` (0 to 60,000, default 1,000), or the group is full: fewer, larger
   * segments.
   */
  | { readonly type: 'cost'; readonly intervalMs?: number }

/** What has to be done after an event. */
export interface GroupingStep {
  /** Groups to upload now, in order. They take no further writes. */
  readonly start: readonly number[]
}

/** What has to be done after a write has arrived. */
export interface GroupingAdmission extends GroupingStep {
  /** The group that the write belongs to. */
  readonly group: number
  /** Whether this write opened the group, so that a timer for it has to run (policy `cost`). */
  readonly isFirst: boolean
}

/**
 * Decides which writes share a segment, and when it is uploaded. Pure: it holds no bytes, does no I/O and knows no clock;
 * whoever drives it reports what happens and carries out what it answers.
 *
 * Every write belongs to exactly one group, every group starts exactly once, and after `drain` nothing stays behind.
 */
export class SegmentGrouping {
  readonly #policy: WritePolicy
  readonly #bytesMax: number
  readonly #runsMax: number
  readonly #inFlight = new Set<number>()
  // Those in flight that are not late.
  readonly #timely = new Set<number>()
  #open: { group: number; bytes: number; runs: number } | undefined
  #lastGroup = 0
  #isDraining = false

  constructor(options: { policy: WritePolicy; bytesMax: number; runsMax: number }) {
    this.#policy = options.policy
    this.#bytesMax = options.bytesMax
    this.#runsMax = options.runsMax
  }

  /** Whether there is neither a gathering group nor an upload. */
  get isIdle(): boolean {
    return this.#open === undefined && this.#inFlight.size === 0
  }

  /** A write of at most `bytes` bytes arrived; `bytes` is not above `bytesMax`. */
  add(bytes: number): GroupingAdmission {
    const start: number[] = []
    if (this.#open !== undefined && this.#open.bytes + bytes > this.#bytesMax) start.push(this.#close(this.#open))
    const isFirst = this.#open === undefined
    this.#open ??= { group: ++this.#lastGroup, bytes: 0, runs: 0 }
    this.#open.bytes += bytes
    this.#open.runs += 1
    const { group } = this.#open
    if (this.#isFull(this.#open) || this.#isReady()) start.push(this.#close(this.#open))
    return { group, isFirst, start }
  }

  /** The upload of a group ended, well or badly. */
  uploadEnded(group: number): GroupingStep {
    this.#inFlight.delete(group)
    this.#timely.delete(group)
    return this.#startIf(this.#isReady())
  }

  /** The upload of a group takes long. Nothing happens if it has already ended. */
  uploadLate(group: number): GroupingStep {
    this.#timely.delete(group)
    return this.#startIf(this.#isReady())
  }

  /** The interval of a group has passed. Nothing happens if that group has already started. */
  intervalPassed(group: number): GroupingStep {
    return this.#startIf(this.#open?.group === group)
  }

  /** Starts what has gathered, and from now on every write at once. */
  drain(): GroupingStep {
    this.#isDraining = true
    return this.#startIf(true)
  }

  #isFull(open: { bytes: number; runs: number }): boolean {
    return open.bytes >= this.#bytesMax || open.runs >= this.#runsMax
  }

  #isReady(): boolean {
    return this.#isDraining || (this.#policy.type === 'latency' && this.#timely.size === 0)
  }

  #startIf(isDue: boolean): GroupingStep {
    return { start: isDue && this.#open !== undefined ? [this.#close(this.#open)] : [] }
  }

  #close(open: { group: number }): number {
    this.#open = undefined
    this.#inFlight.add(open.group)
    this.#timely.add(open.group)
    return open.group
  }
}
