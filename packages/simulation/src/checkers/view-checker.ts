import type { VolumeSnapshot } from '@graft-ts/client'
import { decodePage, type PageContent } from '../model/page-content.ts'
import type { Run, Transaction, Transactions } from '../model/transactions.ts'
import { WorkingState } from '../model/working-state.ts'
import { mustHold } from '../violation.ts'
import type { KnownVolume } from '../volumes.ts'
import { JOURNAL_SLOTS } from '../workloads/layout.ts'

/** What a client must show, as it is known when a snapshot is opened. */
export interface ViewExpectation {
  /** Transactions that the client was told are committed: their marks must be there (I12). */
  readonly definite: readonly Transaction[]
  /** Transactions that may be there, or not. */
  readonly uncertain: readonly Transaction[]
}

/** What to expect of a snapshot of a client's head that is opened now. */
export function expectationOf(transactions: Transactions, client: string, volume: KnownVolume, epoch: number): ViewExpectation {
  const ofEpoch = transactions.of(client, volume.number).filter((each) => each.slot !== undefined && each.epoch === epoch)
  return {
    definite: ofEpoch.filter(({ state }) => state === 'local'),
    uncertain: ofEpoch.filter(({ state }) => state === 'uncertain'),
  }
}

/** All pages of a client's journal on a volume. */
export function journalPages(volume: KnownVolume, client: string): number[] {
  return Array.from({ length: JOURNAL_SLOTS }, (_, slot) => volume.layout.journalPage(client, slot))
}

/** Reads pages of a snapshot, each checked to be a whole page of its place. */
export async function readContents(
  snapshot: VolumeSnapshot,
  volume: KnownVolume,
  pages: readonly number[],
): Promise<Map<number, PageContent>> {
  const contents = new Map<number, PageContent>()
  for (const [pageIndex, bytes] of await snapshot.readMany(pages)) {
    contents.set(pageIndex, decodePage(bytes, { volume: volume.number, pageIndex }, `a snapshot at ${snapshot.lsn}`))
  }
  return contents
}

/**
 * Checks that a snapshot shows one commit of the log with its client's pending transactions on top, whole and in their
 * order, and nothing else (I4, I12).
 *
 * @param contents What was read: all journal pages of the client, and any others.
 * @returns The runs that are pending in it.
 */
export function checkView(
  snapshot: Pick<VolumeSnapshot, 'lsn' | 'pageCount' | 'pendingCommits'>,
  contents: ReadonlyMap<number, PageContent>,
  world: { readonly client: string; readonly volume: KnownVolume; readonly transactions: Transactions },
  expectation: ViewExpectation,
): readonly Run[] {
  const { client, volume, transactions } = world
  const who = `a snapshot of ${client} at ${snapshot.lsn}+${snapshot.pendingCommits}`
  const base = volume.model.state(snapshot.lsn)
  const pending: Run[] = []
  for (const pageIndex of journalPages(volume, client)) {
    const { stamp } = contents.get(pageIndex) as PageContent
    if (stamp === (base.pages.get(pageIndex)?.stamp ?? 0)) continue
    const run = transactions.run(stamp)
    mustHold(
      run?.transaction.client === client && run.endedAt !== undefined,
      'I4',
      () => `${who} shows journal page ${pageIndex} with stamp ${stamp}, which is none of its own`,
    )
    pending.push(run)
  }
  pending.sort((a, b) => (a.endedAt as number) - (b.endedAt as number))
  mustHold(pending.length === snapshot.pendingCommits, 'I4', () => `${who} shows ${pending.length} pending transactions`)
  const working = new WorkingState(base)
  for (const run of pending) working.apply(run)
  mustHold(
    working.pageCount === snapshot.pageCount,
    'I5',
    () => `${who} has ${snapshot.pageCount} pages, expected ${working.pageCount}`,
  )
  for (const [pageIndex, content] of contents) {
    const expected = pageIndex > working.pageCount ? { stamp: 0, value: 0 } : working.page(pageIndex)
    mustHold(
      content.stamp === expected.stamp && content.value === expected.value,
      'I4',
      () => `${who} shows page ${pageIndex} with stamp ${content.stamp}, expected ${expected.stamp}`,
    )
  }
  checkNothingMissing(who, snapshot.lsn, pending, expectation)
  return pending
}

function checkNothingMissing(who: string, lsn: number, pending: readonly Run[], { definite }: ViewExpectation): void {
  const shown = new Set(pending.map(({ transaction }) => transaction))
  for (const transaction of definite) {
    const isThere = shown.has(transaction) || (transaction.lsn !== undefined && transaction.lsn <= lsn)
    mustHold(
      isThere,
      'I12',
      () => `${who} lacks transaction ${transaction.id}, which was committed locally (in the log: ${transaction.lsn})`,
    )
  }
}
