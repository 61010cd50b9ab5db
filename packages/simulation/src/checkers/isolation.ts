import type { ClientId } from '@graft-ts/volume'
import type { Run } from '../model/transactions.ts'
import type { VolumeModel } from '../model/volume-model.ts'
import { WorkingState } from '../model/working-state.ts'
import { mustHold, Violation } from '../violation.ts'

/**
 * Checks that a committed run would have read the same, had it run alone at its place in the log: everything that it saw is
 * what the commits before it, and its client's own before it in the same commit, left behind.
 */
export function checkSerializable(run: Run, before: WorkingState): void {
  for (const [pageIndex, seen] of run.reads) {
    // What it added was added to what stands there, by the merge hook.
    if (run.merged.has(pageIndex)) continue
    const there = before.page(pageIndex)
    mustHold(
      seen.stamp === there.stamp && seen.value === there.value,
      'serializability',
      () =>
        `run ${run.stamp} of ${run.transaction.client} read page ${pageIndex} as stamp ${seen.stamp}, but it stands after ${there.stamp}`,
    )
  }
  mustHold(
    run.pageCountRead === undefined || run.pageCountRead === before.pageCount,
    'serializability',
    () =>
      `run ${run.stamp} of ${run.transaction.client} read ${run.pageCountRead} pages, but it stands after ${before.pageCount}`,
  )
}

/** The LSNs at which a state can be from which a run read, as ranges; its client's own pending writes say nothing. */
export function readableAt(run: Run, model: VolumeModel): { readonly from: number; readonly to: number }[] {
  let possible = [{ from: 0, to: model.head }]
  for (const [pageIndex, { stamp }] of run.reads) {
    const ranges = model.intervals(pageIndex, stamp)
    // A page that its client had written and not pushed, or that this very commit brings, is of no commit before.
    if (stamp !== 0 && ranges.length === 0) continue
    possible = possible.flatMap((a) =>
      ranges.flatMap((b) => {
        const [from, to] = [Math.max(a.from, b.from), Math.min(a.to, b.to)]
        return from <= to ? [{ from, to }] : []
      }),
    )
  }
  return possible
}

/**
 * Checks a run with isolation `snapshot` that was committed right after the model's head: it read from one state, and
 * nobody else has changed what it wrote since.
 *
 * @param own Stamps of its client's transactions that were pending below it.
 * @param clientId Its client, whose own commits it stands on.
 */
export function checkSnapshotIsolation(run: Run, model: VolumeModel, own: ReadonlySet<number>, clientId?: ClientId): void {
  const isForeign = (pageIndex: number, stamp: number): boolean => !own.has(stamp) && !run.merged.has(pageIndex)
  const reads = new Map([...run.reads].filter(([pageIndex, { stamp }]) => isForeign(pageIndex, stamp)))
  const foreign: Run = { ...run, reads }
  // Zeros may be what its own pending transactions cut off.
  if (own.size > 0) for (const [pageIndex, { stamp }] of foreign.reads) if (stamp === 0) foreign.reads.delete(pageIndex)
  const ranges = readableAt(foreign, model)
  mustHold(
    ranges.length > 0,
    'snapshot isolation',
    () => `run ${run.stamp} of ${run.transaction.client} read from no single state`,
  )
  const newest = Math.min(
    run.baseLsnMax,
    ranges.reduce((most, { to }) => Math.max(most, to), 0),
  )
  // What it wrote and then cut off itself overwrites nothing.
  const left = new WorkingState({ pageCount: run.pageCountRead ?? Number.POSITIVE_INFINITY, pages: new Map() })
  left.apply(run)
  checkCutOff(run, left.floor, { model, clientId, newest })
  for (const pageIndex of left.written.keys()) {
    if (run.merged.has(pageIndex)) continue
    const changedAt = model.lastChange(pageIndex, clientId)
    mustHold(
      changedAt <= newest,
      'snapshot isolation',
      () =>
        `run ${run.stamp} of ${run.transaction.client} overwrote page ${pageIndex}, changed at ${changedAt}, and stood on ${newest} at most`,
    )
  }
}

/** What a run cut off it has overwritten, with nothing. */
function checkCutOff(
  { stamp, transaction }: Run,
  floor: number | undefined,
  { model, clientId, newest }: { readonly model: VolumeModel; readonly clientId: ClientId | undefined; readonly newest: number },
): void {
  if (floor === undefined) return
  for (const [pageIndex, { lsn }] of model.state(model.head).pages) {
    if (pageIndex <= floor || lsn <= newest || model.commit(lsn)?.clientId === clientId) continue
    throw new Violation(
      'snapshot isolation',
      `run ${stamp} of ${transaction.client} cut off page ${pageIndex}, written at ${lsn}, and stood on ${newest} at most`,
    )
  }
}
