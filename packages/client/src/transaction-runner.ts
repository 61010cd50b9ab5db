import type { Durability } from './context.ts'
import { ClientError, throwIfAborted } from './errors.ts'
import type { View } from './local/pins.ts'
import { Nesting } from './push/nesting.ts'
import type { PendingTransaction, PendingTransactions, Replayable, TransactionOutcome } from './push/transactions.ts'
import type { VolumeSnapshot } from './snapshot.ts'
import type { Isolation } from './state/local-commit.ts'
import { type Transaction, type TransactionEffects, TransactionRun } from './transaction.ts'
import { Turns } from './turns.ts'
import type { VolumeCore } from './volume-core.ts'

// How often a transaction runs while others are faster each time; from when on those who lose go one after the other.
const TRIES_MAX = 16
const TRIES_AT_ONCE = 8

/** What an application gives a volume to run. */
export type TransactionFunction<T> = (transaction: Transaction) => Promise<T> | T

/** How one transaction is run. */
export interface RunOptions {
  readonly isolation: Isolation
  readonly durability: Durability
  readonly signal: AbortSignal | undefined
}

/** A transaction that was committed locally, or only read. */
export interface Committed<T> {
  /** Of the run that counts: another one once it has run again. */
  value: T
  /** `undefined`: it only read. */
  readonly sequence: number | undefined
  /** `undefined`: it only read. */
  readonly pending: PendingTransaction | undefined
}

/** Runs transaction functions of one volume: on its newest local state, and again when a push has to. */
export class TransactionRunner {
  readonly #core: VolumeCore
  readonly #transactions: PendingTransactions
  readonly #openView: (view: View) => VolumeSnapshot
  readonly #nesting = new Nesting()
  readonly #turns = new Turns()

  constructor(options: { core: VolumeCore; transactions: PendingTransactions; openView: (view: View) => VolumeSnapshot }) {
    this.#core = options.core
    this.#transactions = options.transactions
    this.#openView = options.openView
  }

  /**
   * Refuses a call that waits for transactions to end, if one of them makes it: it would wait for itself.
   *
   * @throws {@link ClientError} `CALL_IN_TRANSACTION`.
   */
  checkOutside(call: string): void {
    if (!this.#nesting.isInside) return
    throw new ClientError('CALL_IN_TRANSACTION', `a transaction function would wait for itself, call=${call}`)
  }

  /**
   * Runs a function until no other transaction of this client was faster, and commits locally what it wrote.
   *
   * @throws What the function throws; {@link ClientError} `TRANSACTION_CONFLICT`, `LOCAL_STORE_…`.
   */
  async commit<T>(run: TransactionFunction<T>, options: RunOptions): Promise<Committed<T>> {
    const { closing } = this.#core.client
    const { signal } = options
    const call = this.#turns.begin()
    let endTurn = (): void => undefined
    try {
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        throwIfAborted(signal)
        throwIfAborted(closing)
        // A function that takes its time, for the network say, keeps nobody waiting before that.
        if (tries === TRIES_AT_ONCE)
          endTurn = await this.#turns.take(call, signal === undefined ? closing : AbortSignal.any([signal, closing]))
        const committed = await this.#run(run, options)
        if (committed !== undefined) return committed
      }
    } finally {
      endTurn()
    }
    throw new ClientError('TRANSACTION_CONFLICT', 'other transactions were faster each time')
  }

  /**
   * Runs a function once, and commits locally what it wrote.
   *
   * @returns `undefined`: what it stands on has changed meanwhile, it has to run again.
   */
  async #run<T>(run: TransactionFunction<T>, options: RunOptions): Promise<Committed<T> | undefined> {
    const { isolation, durability, signal } = options
    const view = this.#core.view()
    const running = this.#core.running.begin(view)
    try {
      const { value, effects } = await this.#runOn(view, run, isolation, signal)
      if (effects.isReadOnly) return { value, sequence: undefined, pending: undefined }
      const commit = await this.#core.commitLocally(running, effects, durability !== 'memory')
      if (commit === undefined) return undefined
      const runAgain: Replayable['run'] = async (again, isolationAgain, signalAgain) => {
        const ranAgain = await this.#runOn(again, run, isolationAgain, signalAgain)
        committed.value = ranAgain.value
        return ranAgain.effects
      }
      const pending = this.#transactions.add(commit.sequence, { isolation, run: runAgain })
      const committed: Committed<T> = { value, sequence: commit.sequence, pending }
      return committed
    } finally {
      this.#core.running.end(running)
    }
  }

  /** What became of a transaction; where pushing has stopped, that it was rejected. */
  async outcomeOf(pending: PendingTransaction): Promise<TransactionOutcome> {
    const { divergence } = this.#core.state
    if (divergence !== undefined && pending.isUnsettled) return { type: 'rejected', reason: divergence.reason }
    return pending.outcome()
  }

  async #runOn<T>(
    view: View,
    run: TransactionFunction<T>,
    isolation: Isolation,
    signal: AbortSignal | undefined,
  ): Promise<{ value: T; effects: TransactionEffects }> {
    const snapshot = this.#openView(view)
    const transaction = new TransactionRun({ snapshot, signal, bytesMax: this.#core.client.transactionBytesMax })
    try {
      const value = await this.#nesting.run(() => run(transaction))
      return { value, effects: transaction.end(isolation) }
    } finally {
      transaction.end(isolation)
      snapshot.close()
    }
  }
}
