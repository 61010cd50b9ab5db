/** Predicts which pages one reader reads next. `@graft-ts/prefetch-leap` has some; any object of this shape will do. */
export interface Prefetcher {
  /**
   * A page had to be fetched.
   *
   * @returns Pages to fetch along with it.
   */
  onMiss(pageIndex: number): readonly number[]
  /** A page was here already. */
  onHit(pageIndex: number): void
}

/** Makes the prefetcher of one reader: a snapshot or a transaction. */
export type PrefetcherFactory = (context: {
  /** The last page of the snapshot. */
  readonly lastPage: number
  /** Whether a page is in memory or on its way. */
  isLocal(pageIndex: number): boolean
}) => Prefetcher
