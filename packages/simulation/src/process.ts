import type { IdSource, Timers } from '@graft-ts/volume'
import type { Random } from './random.ts'
import type { Owner, Scheduler } from './scheduler.ts'

/** Where the clocks of a run begin, in milliseconds since 1970. */
export const EPOCH_MS = 1_700_000_000_000

/**
 * One life of a node: from its start to its crash. When it dies, whatever it was waiting for never comes, and it does
 * nothing any more. Its clock may be wrong, and it may be paused; it does not notice either.
 */
export class Process implements Owner {
  /** Such as `client2`. */
  readonly name: string
  readonly random: Random
  readonly scheduler: Scheduler
  readonly timers: Timers
  readonly idSource: IdSource
  isAlive = true
  pausedUntilMs = 0
  /** How far its clock is off. */
  clockOffsetMs: number
  /** How many times slower than others it is to answer and to be answered. */
  slowness: number
  /** How slow it is when nothing strikes it: more than 1 for one that is far away. */
  readonly usualSlowness: number
  /** Requests that it has sent. */
  requests = 0
  readonly #onDeath = new Set<() => void>()

  constructor(options: { name: string; random: Random; scheduler: Scheduler; clockOffsetMs: number; usualSlowness?: number }) {
    const { scheduler, random } = options
    this.name = options.name
    this.random = random
    this.scheduler = scheduler
    this.clockOffsetMs = options.clockOffsetMs
    this.usualSlowness = options.usualSlowness ?? 1
    this.slowness = this.usualSlowness
    this.timers = { start: (run, delayMs) => scheduler.after(this, delayMs, '', run) }
    this.idSource = { nowMs: () => this.nowMs(), randomBytes: (length) => random.bytes(length) }
  }

  /** What its clock shows, milliseconds since 1970. */
  nowMs(): number {
    return Math.floor(EPOCH_MS + this.scheduler.nowMs + this.clockOffsetMs)
  }

  /** Nothing of it happens after this. */
  die(): void {
    if (!this.isAlive) return
    this.isAlive = false
    for (const tell of this.#onDeath) tell()
  }

  /** Calls a function when it dies. Returns the end of that. */
  onDeath(tell: () => void): () => void {
    this.#onDeath.add(tell)
    return () => this.#onDeath.delete(tell)
  }
}
