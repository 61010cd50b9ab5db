import type { Transaction as ClientTransaction } from '@graft-ts/client'
import { journalPages } from '../checkers/view-checker.ts'
import { decodePage, encodePage, type PageContent } from '../model/page-content.ts'
import type { Run, Transaction, Transactions } from '../model/transactions.ts'
import type { Random } from '../random.ts'
import type { Tally } from '../tally.ts'
import { Violation } from '../violation.ts'
import type { KnownVolume } from '../volumes.ts'

/** How often a function fails that runs again. */
const FAILED_AGAIN = 0.01

/** What a function of the application throws, on purpose. */
class ApplicationError extends Error {
  override readonly name = 'ApplicationError'
  readonly kind = 'conflict'
  readonly code = 'APPLICATION'

  constructor() {
    super('the application does not want to do it again')
  }
}

/** A transaction as a workload sees it: values instead of bytes, and everything is written down. */
export class InstrumentedTransaction {
  readonly #inner: ClientTransaction
  readonly #volume: KnownVolume
  readonly #run: Run
  readonly #written = new Map<number, PageContent>()
  #hasCutOff = false

  constructor(inner: ClientTransaction, volume: KnownVolume, run: Run) {
    this.#inner = inner
    this.#volume = volume
    this.#run = run
  }

  /** The value of a page; 0 if nobody wrote it. */
  async read(pageIndex: number): Promise<number> {
    const place = { volume: this.#volume.number, pageIndex }
    const written = this.#written.get(pageIndex)
    const content = decodePage(await this.#inner.read(pageIndex), place, `a transaction of ${this.#run.transaction.client}`)
    if (written === undefined && !this.#hasCutOff && !this.#run.reads.has(pageIndex)) this.#run.reads.set(pageIndex, content)
    return content.value
  }

  write(pageIndex: number, value: number): void {
    const content = { stamp: this.#run.stamp, value }
    this.#inner.write(pageIndex, encodePage(content, { volume: this.#volume.number, pageIndex }, this.#volume.pageSize))
    this.#written.set(pageIndex, content)
    this.#run.operations.push({ type: 'write', pageIndex, content })
  }

  /** The page count; to be asked for before anything is written. */
  get pageCount(): number {
    const { pageCount } = this.#inner
    if (this.#run.operations.length === 0) this.#run.pageCountRead ??= pageCount
    return pageCount
  }

  setPageCount(pageCount: number): void {
    this.#inner.setPageCount(pageCount)
    this.#hasCutOff = true
    this.#run.operations.push({ type: 'page-count', pageCount })
  }
}

/** What is noted of transactions, and where. */
export interface Instruments {
  readonly transactions: Transactions
  readonly tally: Tally
  readonly random: Random
  readonly onViolation: (violation: unknown) => void
}

/** A transaction function for the client, that notes each of its runs. Now and then it fails when it has to run again. */
export function instrumented<T>(
  { transactions, tally, random, onViolation }: Instruments,
  transaction: Transaction,
  volume: KnownVolume,
  work: (tx: InstrumentedTransaction) => Promise<T>,
): (inner: ClientTransaction) => Promise<T> {
  const { slot, client } = transaction
  return async (inner) => {
    const run = transactions.beginRun(transaction, volume.model.head)
    const tx = new InstrumentedTransaction(inner, volume, run)
    if (transaction.runs.length > 1 && random.chance(FAILED_AGAIN)) {
      tally.add('application: function failed when it ran again')
      throw new ApplicationError()
    }
    try {
      const value = await work(tx)
      if (slot === undefined) for (const page of journalPages(volume, client)) await tx.read(page)
      else tx.write(volume.layout.journalPage(client, slot), transaction.id)
      transactions.endRun(run)
      return value
    } catch (error) {
      // The client would take it for a transaction that cannot run again.
      if (error instanceof Violation) onViolation(error)
      throw error
    }
  }
}
