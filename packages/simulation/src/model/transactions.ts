import type { Isolation } from '@graft-ts/client'
import type { PageContent } from './page-content.ts'

/** One thing that a run did to the volume. */
export type RunOperation =
  | { readonly type: 'write'; readonly pageIndex: number; readonly content: PageContent }
  | { readonly type: 'page-count'; readonly pageCount: number }

/** One run of a transaction function: what it saw and what it did. */
export interface Run {
  /** Names it, and every page that it wrote. */
  readonly stamp: number
  readonly transaction: Transaction
  /** Pages as it read them before it wrote them itself. */
  readonly reads: Map<number, PageContent>
  /** The page count as it found it, if it asked before it did anything. */
  pageCountRead: number | undefined
  readonly operations: RunOperation[]
  /** Pages that it added something to, and that the merge hook has settled a conflict about: it is added to what is there. */
  readonly merged: Set<number>
  /** The newest commit that it can stand on. */
  readonly baseLsnMax: number
  /** Position among the ends of all runs; `undefined`: it has not come to its end. */
  endedAt: number | undefined
}

/** What is known of a transaction: by what its client was told, and by the log. */
export interface Transaction {
  readonly id: number
  readonly client: string
  readonly volume: number
  /** Which of its client's journal pages it writes; `undefined`: it only reads. */
  readonly slot: number | undefined
  /** Counts the resets of its volume on its client. */
  readonly epoch: number
  readonly isolation: Isolation
  /** The commit that its first run stands on, at most. */
  readonly baseLsn: number
  /** Whether a crash of the machine may lose it. */
  readonly mayBeLost: boolean
  readonly runs: Run[]
  /**
   * - `running`: its call has not ended.
   * - `local`: its client was told that it is committed.
   * - `uncertain`: its call failed or was cut off in a way that leaves it open.
   * - `failed`: it is not committed, and its client knows.
   * - `lost`: a crash took it, as it may.
   * - `dropped`: by a reset; what was sent of it may still turn up.
   */
  state: 'running' | 'local' | 'uncertain' | 'failed' | 'lost' | 'dropped'
  /** Its local sequence, where its client was told. */
  sequence: number | undefined
  /** Where it is in the log. */
  lsn: number | undefined
  /** The run that is in the log. */
  committed: Run | undefined
}

/** All transactions of a run of the simulation. */
export class Transactions {
  readonly #runs = new Map<number, Run>()
  readonly #all: Transaction[] = []
  readonly #byOwner = new Map<string, Transaction[]>()
  #ends = 0

  begin(options: Omit<Transaction, 'id' | 'runs' | 'state' | 'sequence' | 'lsn' | 'committed'>): Transaction {
    const transaction: Transaction = {
      ...options,
      id: this.#all.length,
      runs: [],
      state: 'running',
      sequence: undefined,
      lsn: undefined,
      committed: undefined,
    }
    this.#all.push(transaction)
    const owner = ownerOf(options.client, options.volume)
    const others = this.#byOwner.get(owner)
    if (others === undefined) this.#byOwner.set(owner, [transaction])
    else others.push(transaction)
    return transaction
  }

  /** @param headLsn The newest commit that there is: it stands on none that comes later. */
  beginRun(transaction: Transaction, headLsn: number): Run {
    const run: Run = {
      stamp: this.#runs.size + 1,
      transaction,
      reads: new Map(),
      pageCountRead: undefined,
      operations: [],
      merged: new Set(),
      baseLsnMax: transaction.runs.length === 0 ? transaction.baseLsn : headLsn,
      endedAt: undefined,
    }
    this.#runs.set(run.stamp, run)
    transaction.runs.push(run)
    return run
  }

  endRun(run: Run): void {
    run.endedAt = ++this.#ends
  }

  /** The run that wrote a page; `undefined`: there is none with that stamp. */
  run(stamp: number): Run | undefined {
    return this.#runs.get(stamp)
  }

  get count(): number {
    return this.#all.length
  }

  /** The transactions of one client on one volume, in the order in which they began. */
  of(client: string, volume: number): readonly Transaction[] {
    return this.#byOwner.get(ownerOf(client, volume)) ?? []
  }

  [Symbol.iterator](): IterableIterator<Transaction> {
    return this.#all.values()
  }
}

function ownerOf(client: string, volume: number): string {
  return `${client}|${volume}`
}
