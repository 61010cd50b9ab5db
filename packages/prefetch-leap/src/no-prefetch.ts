import type { Prefetcher, PrefetcherFactory } from './prefetcher.ts'

/** Prefetches nothing: what other predictors are measured against, and right where reads are random. */
export const noPrefetch: PrefetcherFactory = (): Prefetcher => ({
  onMiss: () => [],
  onHit: () => undefined,
})
