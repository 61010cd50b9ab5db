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
  /**
   * Sees what a read gave, after one of the others was told of it: what is in a page may tell which are read next.
   *
   * @param bytes Borrowed: not to be written to, nor kept.
   * @returns Pages to fetch in the background, most useful first.
   */
  onPage?(pageIndex: number, bytes: Uint8Array): readonly number[]
}

/** Makes the prefetcher of one reader: a snapshot or a transaction. */
export type PrefetcherFactory = (context: {
  /** The last page of the snapshot. */
  readonly lastPage: number
  /** Whether a page is in memory or on its way. */
  isLocal(pageIndex: number): boolean
}) => Prefetcher
