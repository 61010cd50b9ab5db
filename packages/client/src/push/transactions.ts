import type { Lsn } from '@graft-ts/volume'
import type { View } from '../local/pins.ts'
import type { DivergenceReason } from '../state/divergence.ts'
import type { Isolation } from '../state/local-commit.ts'
import type { TransactionEffects } from '../transaction.ts'

/** A transaction function that is still in memory, so that it can run again. */
export interface Replayable {
  readonly isolation: Isolation
  /** Runs it on a view, with nothing but its effects. */
  readonly run: (view: View, isolation: Isolation, signal: AbortSignal | undefined) => Promise<TransactionEffects>
}

/** What became of a local transaction (I12). */
export type TransactionOutcome =
  /** It is part of that commit of the remote log. */
  | {
      readonly type: 'pushed'
      readonly lsn: Lsn
      /** How often it ran again on what others had committed. */
      readonly replays: number
    }
  /** It wrote nothing, at first or when it ran again, so there was nothing to push. */
  | { readonly type: 'unchanged'; readonly replays: number }
  /** It did not get into the remote log. */
  | {
      readonly type: 'rejected'
      /** `reset`: dropped by that call. Everything else: pushing has stopped for this reason, and it is still there. */
      readonly reason: DivergenceReason | 'reset'
    }

interface Waiting {
  readonly tell: (outcome: TransactionOutcome) => void
  readonly fail: (error: unknown) => void
}

/** One local transaction whose outcome is not settled. */
export class PendingTransaction {
  /** Absent after a restart. */
  readonly replayable: Replayable | undefined
  replays = 0
  #outcome: TransactionOutcome | undefined
  #waiting: Waiting[] = []

  constructor(replayable: Replayable | undefined) {
    this.replayable = replayable
  }

  get isUnsettled(): boolean {
    return this.#outcome === undefined
  }

  /** Settles with what became of it; at once where that is known. */
  outcome(): Promise<TransactionOutcome> {
    const outcome = this.#outcome
    if (outcome !== undefined) return Promise.resolve(outcome)
    return new Promise((tell, fail) => this.#waiting.push({ tell, fail }))
  }

  /** Tells those who wait; for good, unless `isKept`. */
  settle(outcome: TransactionOutcome, isKept = false): void {
    if (!isKept) this.#outcome = outcome
    for (const { tell } of this.#takeWaiting()) tell(outcome)
  }

  /** Nobody can wait any longer here. */
  abandon(error: unknown): void {
    for (const { fail } of this.#takeWaiting()) fail(error)
  }

  #takeWaiting(): Waiting[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }
}

/** The local transactions of a volume that are not in the remote log yet, by sequence: their functions, and who waits for them. */
export class PendingTransactions {
  readonly #bySequence = new Map<number, PendingTransaction>()

  /** One more. */
  add(sequence: number, replayable: Replayable | undefined): PendingTransaction {
    const transaction = new PendingTransaction(replayable)
    this.#bySequence.set(sequence, transaction)
    return transaction
  }

  /** The one of a pending commit; after a restart one without its function. */
  get(sequence: number): PendingTransaction {
    return this.#bySequence.get(sequence) ?? this.add(sequence, undefined)
  }

  /**
   * A pending commit took the place of another.
   *
   * @param now `undefined`: it ran again and found nothing to write.
   */
  move(was: number, now: number | undefined, ranAgain: boolean): void {
    const transaction = this.get(was)
    this.#bySequence.delete(was)
    if (ranAgain) transaction.replays++
    if (now === undefined) transaction.settle({ type: 'unchanged', replays: transaction.replays })
    else this.#bySequence.set(now, transaction)
  }

  /** Pending commits are in the remote log now. */
  pushed(sequences: Iterable<number>, lsn: Lsn): void {
    for (const sequence of sequences) {
      const transaction = this.get(sequence)
      this.#bySequence.delete(sequence)
      transaction.settle({ type: 'pushed', lsn, replays: transaction.replays })
    }
  }

  /** Pushing has stopped: those who wait learn why, and everything stays. */
  stopped(reason: DivergenceReason): void {
    for (const transaction of this.#bySequence.values()) transaction.settle({ type: 'rejected', reason }, true)
  }

  /** All pending commits were dropped. */
  dropped(): void {
    for (const transaction of this.#bySequence.values()) transaction.settle({ type: 'rejected', reason: 'reset' })
    this.#bySequence.clear()
  }

  /** The client is closed. What is pending stays in the local store. */
  abandon(error: unknown): void {
    for (const transaction of this.#bySequence.values()) transaction.abandon(error)
  }
}
