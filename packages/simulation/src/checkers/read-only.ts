import type { Run, Transaction, Transactions } from '../model/transactions.ts'
import { mustHold } from '../violation.ts'
import type { KnownVolume } from '../volumes.ts'
import { readableAt } from './isolation.ts'

/** What is known of a read-only run's client when it begins. */
export interface ReadOnlyExpectation {
  /** Stamps of all runs of its client. */
  readonly own: ReadonlySet<number>
  /** Transactions that its client was told are committed. */
  readonly definite: readonly Transaction[]
  /** The oldest state that earlier read-only runs of this life can have seen, so that none may be older. */
  readonly least: number
  readonly transactions: Pick<Transactions, 'run'>
}

/**
 * Checks that what a read-only run saw of the log is one state of it, not older than what was seen before, and that it saw
 * what its own client has committed.
 *
 * @returns The oldest state that it can have seen.
 */
export function checkReadOnly(run: Run, volume: KnownVolume, expectation: ReadOnlyExpectation): number {
  const { own, definite, least, transactions } = expectation
  const { client } = run.transaction
  const foreign: Run = { ...run, reads: new Map([...run.reads].filter(([, { stamp }]) => stamp !== 0 && !own.has(stamp))) }
  const ranges = readableAt(foreign, volume.model)
  mustHold(ranges.length > 0, 'I4', () => `a read-only run of ${client} read from no single state`)
  const newest = ranges.reduce((most, { to }) => Math.max(most, to), 0)
  mustHold(newest >= least, 'monotonic reads', () => `a read-only run of ${client} saw ${newest} at most, after ${least}`)
  for (const transaction of definite) {
    const seen = run.reads.get(volume.layout.journalPage(client, transaction.slot))
    if (seen === undefined) continue
    const last = transactions.run(seen.stamp)?.transaction
    mustHold(
      last !== undefined && last.id >= transaction.id,
      'I12',
      () => `a read-only run of ${client} does not see its transaction ${transaction.id}`,
    )
  }
  return Math.max(
    least,
    ranges.reduce((oldest, { from }) => Math.min(oldest, from), newest),
  )
}
