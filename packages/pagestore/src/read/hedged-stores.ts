import { type HedgedOptions, type HedgedStore, hedged, isStoreError, type ObjectStore } from '@graft-ts/storage-adapters'
import { PagestoreError } from '../errors.ts'

/** The stores that frames are read from. */
export interface FrameStores {
  readonly segments: ObjectStore
  readonly commits: ObjectStore
}

/** Stores whose slow reads are sent a second time. */
export interface HedgedStores extends FrameStores {
  /** Reads that were sent a second time, and how often the second one was the faster. */
  readonly hedges: () => { readonly sent: number; readonly won: number }
}

/**
 * Hedges the reads of both stores, with one budget if they are one. As they are, without options.
 *
 * @throws {@link PagestoreError} `PAGESTORE_OPTIONS` if the budget or the percentile is out of range.
 */
export function hedgedStores({ segments, commits }: FrameStores, options: HedgedOptions | undefined): HedgedStores {
  if (options === undefined) return { segments, commits, hedges: () => ({ sent: 0, won: 0 }) }
  const hedgedSegments = wrapped(segments, options)
  const hedgedCommits = commits === segments ? hedgedSegments : wrapped(commits, options)
  const stores = [...new Set([hedgedSegments, hedgedCommits])]
  const sum = (count: (hedges: HedgedStore['hedges']) => number): number =>
    stores.reduce((total, store) => total + count(store.hedges), 0)
  const hedges = () => ({ sent: sum(({ sent }) => sent), won: sum(({ won }) => won) })
  return { segments: hedgedSegments, commits: hedgedCommits, hedges }
}

function wrapped(store: ObjectStore, options: HedgedOptions): HedgedStore {
  try {
    return hedged(store, options)
  } catch (cause) {
    if (!isStoreError(cause)) throw cause
    throw new PagestoreError('PAGESTORE_OPTIONS', `hedge: ${cause.message}`, { cause })
  }
}
