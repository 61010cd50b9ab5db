import { DeltaHistory } from './delta-history.ts'
import { checkOption } from './errors.ts'
import type { Prefetcher, PrefetcherContext, PrefetcherFactory } from './prefetcher.ts'

const FIRST_PAGE = 1
const HISTORY_MAX = 4096
const WINDOW_PAGES_MAX = 1024
/** Prefetched pages that are remembered until they are read, in windows. */
const OUTSTANDING_WINDOWS = 8

/** How {@link leap} looks for trends, and how far ahead it reads. */
export interface LeapOptions {
  /** Differences between reads that are remembered, 1 to 4,096. Default 32. */
  readonly history?: number
  /** The first window in which a trend is looked for is the history divided by this. Default 4. */
  readonly split?: number
  /** Most pages of one answer, 1 to 1,024. Default 8. */
  readonly windowPagesMax?: number
  /** The trend that is assumed before there is one: 1 expects a forward scan. `'none'`: nothing is assumed. Default 1. */
  readonly firstTrend?: number | 'none'
}

/** The options of {@link leap} where the caller names none. */
export const LEAP_DEFAULTS: Required<LeapOptions> = { history: 32, split: 4, windowPagesMax: 8, firstTrend: 1 }

/**
 * Prefetches along the difference that most of the newest reads have in common, the further ahead the more of what it
 * prefetched is read, and not at all when nothing is.
 *
 * The algorithm is that of Al Maruf and Chowdhury, "Effectively Prefetching Remote Memory with Leap", USENIX ATC 2020,
 * sections 3.2 and 3.3, Algorithms 1 and 2. Where the paper is silent or inconsistent:
 *
 * - The trend is looked for before the window is sized, and without a new one the last one stays, or a prefetcher that was
 *   suspended would never wake up.
 * - A window shrinks to half of the previous one, rounded down, or suspension would never be reached.
 * - Prefetched pages are remembered up to eight windows, and each counts as a hit once.
 * - Reading the same page again at once is no new read, unless it has to be fetched again.
 * - Before there is any trend, `firstTrend` is assumed.
 *
 * @throws {@link PrefetchError} `PREFETCH_OPTIONS`.
 */
export function leap(options: LeapOptions = {}): PrefetcherFactory {
  const { history, split, windowPagesMax, firstTrend } = { ...LEAP_DEFAULTS, ...options }
  checkOption('history', history, { min: 1, max: HISTORY_MAX })
  checkOption('split', split, { min: 1, max: HISTORY_MAX })
  checkOption('windowPagesMax', windowPagesMax, { min: 1, max: WINDOW_PAGES_MAX })
  if (firstTrend !== 'none') checkOption('firstTrend', firstTrend, { min: -(2 ** 32), max: 2 ** 32 })
  // A difference of 0 would predict the page itself.
  const trend = firstTrend === 'none' || firstTrend === 0 ? undefined : firstTrend
  return (context) => new LeapPrefetcher(context, new DeltaHistory(history, split), windowPagesMax, trend)
}

class LeapPrefetcher implements Prefetcher {
  readonly #context: PrefetcherContext
  readonly #history: DeltaHistory
  readonly #windowPagesMax: number
  /** Prefetched and not read yet, oldest first. */
  readonly #outstanding = new Set<number>()
  #lastPageRead: number | undefined
  #lastTrend: number | undefined
  #hits = 0
  #previousWindow = 0

  constructor(context: PrefetcherContext, history: DeltaHistory, windowPagesMax: number, firstTrend: number | undefined) {
    this.#context = context
    this.#history = history
    this.#windowPagesMax = windowPagesMax
    this.#lastTrend = firstTrend
  }

  onMiss(pageIndex: number): number[] {
    // It was prefetched and is gone again: reading it now is no hit.
    this.#outstanding.delete(pageIndex)
    this.#record(pageIndex)
    this.#lastTrend = this.#history.findTrend() ?? this.#lastTrend
    const window = this.#sizeWindow()
    const candidates = this.#lastTrend === undefined ? [] : this.#candidates(pageIndex, this.#lastTrend, window)
    this.#remember(candidates)
    return candidates
  }

  onHit(pageIndex: number): void {
    if (pageIndex === this.#lastPageRead) return
    if (this.#outstanding.delete(pageIndex)) this.#hits += 1
    this.#record(pageIndex)
  }

  #record(pageIndex: number): void {
    if (this.#lastPageRead !== undefined) this.#history.push(pageIndex - this.#lastPageRead)
    this.#lastPageRead = pageIndex
  }

  /** How many pages to look ahead this time. Every decision starts the count of hits anew (Algorithm 2). */
  #sizeWindow(): number {
    const max = this.#windowPagesMax
    const isOnTrend = this.#history.newest === this.#lastTrend
    const earned = this.#hits > 0 ? Math.min(powerOfTwoAtLeast(Math.min(this.#hits, max) + 1), max) : Number(isOnTrend)
    // Shrinks smoothly: one stray read must not cost the whole window.
    const window = Math.max(earned, Math.floor(this.#previousWindow / 2))
    this.#hits = 0
    this.#previousWindow = window
    return window
  }

  #candidates(pageIndex: number, trend: number, window: number): number[] {
    const { lastPage } = this.#context
    const candidates: number[] = []
    for (let step = 1; step <= window; step++) {
      const candidate = pageIndex + step * trend
      if (candidate < FIRST_PAGE || candidate > lastPage) break
      if (!this.#context.isLocal(candidate)) candidates.push(candidate)
    }
    return candidates
  }

  #remember(candidates: readonly number[]): void {
    for (const candidate of candidates) {
      // What is prefetched again counts as new, so that it is not the first to be forgotten.
      this.#outstanding.delete(candidate)
      this.#outstanding.add(candidate)
    }
    for (const oldest of this.#outstanding) {
      if (this.#outstanding.size <= OUTSTANDING_WINDOWS * this.#windowPagesMax) return
      this.#outstanding.delete(oldest)
    }
  }
}

function powerOfTwoAtLeast(value: number): number {
  return 2 ** Math.ceil(Math.log2(value))
}
