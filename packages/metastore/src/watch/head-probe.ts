import { LSN_NONE, type Lsn, type Timers } from '@graft-ts/volume'
import type { Turns } from './turns.ts'

/** What a {@link HeadProbe} needs. */
export interface HeadProbeOptions {
  /** Reads the newest LSN from the store; 0: there is none. */
  readonly ask: () => Promise<Lsn>
  /** Told of each newer LSN. */
  readonly onAdvance: (lsn: Lsn) => void
  /** A failed look: there will be another one. */
  readonly onFailure: (error: unknown) => void
  /** Bounds the looks of all probes together. */
  readonly turns: Turns
  readonly timers: Timers
  readonly nowMs: () => number
  readonly probeMs: number
  readonly probeMsMax: number
}

/**
 * Knows the head of one volume as well as one look per interval allows. The interval grows while nothing happens. At most
 * one look is under way, and at most one more is waiting for it, however often one is asked for.
 */
export class HeadProbe {
  readonly #options: HeadProbeOptions
  #head: Lsn = LSN_NONE
  #quietLooks = 0
  #lookedMs = Number.NEGATIVE_INFINITY
  #isLooking = false
  #mustLookAgain = false
  #isStopped = false
  #timer: { readonly dueMs: number; readonly cancel: () => void } | undefined

  constructor(options: HeadProbeOptions) {
    this.#options = options
  }

  /** The newest LSN that is known to exist; 0: none is. */
  get head(): Lsn {
    return this.#head
  }

  /** Notes a commit that exists. */
  see(lsn: Lsn): void {
    if (lsn <= this.#head || this.#isStopped) return
    this.#head = lsn
    this.#expectMore()
    this.#options.onAdvance(lsn)
  }

  /** Somebody says that there is a newer commit. Only the store knows. */
  hear(lsn: Lsn): void {
    if (lsn <= this.#head) return
    this.#quietLooks = 0
    this.look()
  }

  /** Looks, unless that was done within the shortest interval. */
  lookIfOld(): void {
    if (this.#options.nowMs() - this.#lookedMs >= this.#options.probeMs) this.look()
    else this.#expectMore()
  }

  /** Looks now, or once more when the look under way is over. */
  look(): void {
    if (this.#isStopped) return
    this.#mustLookAgain = true
    if (this.#isLooking) return
    this.#isLooking = true
    this.#cancelTimer()
    void this.#lookUntilDone()
  }

  /** Looks no more. A look under way changes nothing any more. */
  stop(): void {
    this.#isStopped = true
    this.#cancelTimer()
  }

  async #lookUntilDone(): Promise<void> {
    while (this.#mustLookAgain && !this.#isStopped) await this.#options.turns.take(() => this.#lookOnce())
    this.#isLooking = false
    if (!this.#isStopped) this.#schedule(this.#intervalMs())
  }

  async #lookOnce(): Promise<void> {
    if (this.#isStopped) return
    // Whoever asks from here on wants a look that begins after this.
    this.#mustLookAgain = false
    this.#lookedMs = this.#options.nowMs()
    this.#quietLooks++
    try {
      this.see(await this.#options.ask())
    } catch (error) {
      this.#options.onFailure(error)
    }
  }

  /** A look that finds something is followed by the shortest interval, and so is the first. */
  #intervalMs(): number {
    const { probeMs, probeMsMax } = this.#options
    return Math.min(probeMs * 2 ** Math.max(this.#quietLooks - 1, 0), probeMsMax)
  }

  /** Makes the interval short again. The next look may come earlier by that, never later. */
  #expectMore(): void {
    this.#quietLooks = Math.min(this.#quietLooks, 1)
    const { nowMs, probeMs } = this.#options
    if (this.#timer !== undefined && this.#timer.dueMs > nowMs() + probeMs) this.#schedule(probeMs)
  }

  #schedule(delayMs: number): void {
    this.#cancelTimer()
    const { timers, nowMs } = this.#options
    this.#timer = { dueMs: nowMs() + delayMs, cancel: timers.start(() => this.look(), delayMs) }
  }

  #cancelTimer(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
