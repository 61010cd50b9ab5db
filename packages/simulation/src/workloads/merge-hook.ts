import type { MergePage, PageConflict } from '@graft-ts/client'
import { decodePage, encodePage, type PageContent } from '../model/page-content.ts'
import type { Transactions } from '../model/transactions.ts'
import type { Random } from '../random.ts'
import type { Tally } from '../tally.ts'
import { mustHold, Violation } from '../violation.ts'
import type { KnownVolume, Volumes } from '../volumes.ts'

/** How often the hook fails, and how often it gives something that is no page. */
const FAILED = 0.1

/** What a merge hook works with. */
export interface MergeHookOptions {
  /** Whose it is. */
  readonly client: string
  readonly volumes: Volumes
  readonly transactions: Transactions
  readonly tally: Tally
  readonly random: Random
  readonly onViolation: (violation: unknown) => void
}

/**
 * The merge hook of an application that keeps counters in pages: it adds what its transaction added to what others have made
 * of them. Other pages it does not merge.
 */
export function mergeHook(options: MergeHookOptions): MergePage {
  return (conflict) => {
    try {
      return merged(options, conflict)
    } catch (error) {
      // The client would take it for a hook that has failed.
      if (error instanceof Violation) options.onViolation(error)
      throw error
    }
  }
}

function merged(options: MergeHookOptions, conflict: PageConflict): Uint8Array | undefined {
  const { client, volumes, transactions, tally, random } = options
  const { volumeId, pageIndex } = conflict
  const volume = volumes.byId(volumeId)
  const { layout } = volume
  const [base, local, remote] = (['base', 'local', 'remote'] as const).map((side) =>
    decodePage(conflict[side], { volume: volume.number, pageIndex }, `the ${side} side of a merge of ${client}`),
  ) as [PageContent, PageContent, PageContent]
  const run = transactions.run(local.stamp)
  mustHold(
    run?.transaction.client === client && run.endedAt !== undefined,
    'merge',
    () => `${client} is to merge page ${pageIndex} as somebody else has left it, stamp=${local.stamp}`,
  )
  mustHold(
    remote.stamp !== base.stamp || remote.value !== base.value || isCutOff(volume, pageIndex),
    'merge',
    () => `${client} is to merge page ${pageIndex}, which nobody has changed, stamp=${base.stamp}`,
  )
  if (pageIndex !== layout.header && !layout.lists.includes(pageIndex)) return undefined
  const found = run.reads.get(pageIndex)
  const left = run.operations.find((operation) => operation.type === 'write' && operation.pageIndex === pageIndex)
  mustHold(
    found !== undefined && left?.type === 'write' && local.value - base.value === left.content.value - found.value,
    'merge',
    () => `${client} is to merge page ${pageIndex} as no run has found and left it, ${base.value} and ${local.value}`,
  )
  if (random.chance(FAILED)) {
    tally.add('application: merge hook failed')
    if (random.chance(0.5)) throw new Error('the merge hook failed, on purpose')
    return new Uint8Array(1)
  }
  tally.add('recovery: page merged')
  run.merged.add(pageIndex)
  const value = (remote.value + local.value - base.value) >>> 0
  return encodePage({ stamp: local.stamp, value }, { volume: volume.number, pageIndex }, volume.pageSize)
}

/** Whether others may have cut a page off and its content was none before. */
function isCutOff({ layout }: KnownVolume, pageIndex: number): boolean {
  return pageIndex >= layout.tail
}
