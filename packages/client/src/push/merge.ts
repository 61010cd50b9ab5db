import type { Splinter } from '@graft-ts/splinter'
import { ClientError } from '../errors.ts'
import type { View } from '../local/pins.ts'
import type { VolumeSnapshot } from '../snapshot.ts'
import type { MergePage, PageConflict } from './merge-hook.ts'

/** The merge hook could not be used. */
export class MergeFailure {
  readonly cause: unknown

  constructor(cause: unknown) {
    this.cause = cause
  }
}

// Pages that are in memory three times at once.
const MERGE_STEP = 256

/** What the pages of one transaction are merged from. */
export interface MergeSides {
  /** What it found, what it left, and what it finds now. */
  readonly views: { readonly base: View; readonly local: View; readonly remote: View }
  readonly openView: (view: View) => VolumeSnapshot
}

/**
 * Merges pages one by one.
 *
 * @returns All of them by index; `undefined` as soon as the hook gives one up.
 * @throws {@link MergeFailure} for what the hook does wrong; what a server or the local store threw.
 */
export async function mergePages(
  merge: MergePage,
  pages: Splinter,
  sides: MergeSides,
  signal: AbortSignal | undefined,
): Promise<Map<number, Uint8Array> | undefined> {
  const { base, local, remote } = sides.views
  const snapshots = [base, local, remote].map(sides.openView) as [VolumeSnapshot, VolumeSnapshot, VolumeSnapshot]
  const merged = new Map<number, Uint8Array>()
  try {
    const all = pages.toUint32Array()
    for (let from = 0; from < all.length; from += MERGE_STEP) {
      const step = all.subarray(from, from + MERGE_STEP)
      const contents = await Promise.all(snapshots.map((snapshot) => snapshot.readMany(step, { signal })))
      for (const pageIndex of step) {
        const [was, mine, theirs] = contents.map((pagesOf) => pagesOf.get(pageIndex)) as Uint8Array<ArrayBuffer>[]
        if (was === undefined || mine === undefined || theirs === undefined) throw new Error(`unread page ${pageIndex}`)
        const { volumeId, pageSize } = snapshots[0]
        const page = await hooked(merge, { volumeId, pageIndex, base: was, local: mine, remote: theirs }, pageSize)
        if (page === undefined) return undefined
        merged.set(pageIndex, page)
      }
    }
  } finally {
    for (const snapshot of snapshots) snapshot.close()
  }
  return merged
}

async function hooked(merge: MergePage, conflict: PageConflict, pageSize: number): Promise<Uint8Array | undefined> {
  let page: Uint8Array | undefined
  try {
    page = await merge(conflict)
  } catch (cause) {
    throw new MergeFailure(cause)
  }
  if (page === undefined) return undefined
  const isPage = page instanceof Uint8Array && page.length === pageSize
  if (!isPage) throw new MergeFailure(new ClientError('MERGE_PAGE', `the merge hook gave no page of ${pageSize} bytes`))
  return new Uint8Array(page)
}
