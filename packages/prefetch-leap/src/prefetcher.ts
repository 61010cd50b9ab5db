/** Predicts the next reads of one stream (a handle or a cursor), from those that it was told. */
export interface Prefetcher {
  /**
   * A page was read that has to be fetched.
   *
   * @param pageIndex 1-based.
   * @returns Pages worth fetching along with it, most useful first: never `pageIndex` itself, none twice, none outside the
   * volume, none that is local already. A fresh array, which the caller owns.
   */
  onMiss(pageIndex: number): number[]
  /** A page was read that was there already, prefetched or not. */
  onHit(pageIndex: number): void
  /**
   * Optional: sees what a read gave, after one of the others was told of it. What is in a page may say which are read next,
   * as the child pointers of a B-tree do. None of this package's prefetchers looks.
   *
   * @param bytes Borrowed: not to be written to, nor kept.
   * @returns Pages to fetch in the background, most useful first.
   */
  onPage?(pageIndex: number, bytes: Uint8Array): readonly number[]
}

/** What a prefetcher may ask about its surroundings. */
export interface PrefetcherContext {
  /**
   * The last page that may be fetched; the first is 1. Read at each miss: a snapshot's length never changes, but a stream
   * that lives longer than a snapshot hands in an object whose `lastPage` is that of its present one.
   */
  readonly lastPage: number
  /** Whether a page is stored locally or is being fetched already. Called at most once for each page considered. */
  isLocal(pageIndex: number): boolean
}

/**
 * Makes the prefetcher of one stream.
 *
 * Streams must not share one: their reads would interleave, and the differences between interleaved reads show no trend.
 */
export type PrefetcherFactory = (context: PrefetcherContext) => Prefetcher
