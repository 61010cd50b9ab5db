import type { PrefetcherFactory } from '../src/index.ts'

/** Numbers from `from` to `to`, both included, `step` apart; downwards when `step` is negative. */
export function pages(from: number, to: number, step = 1): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step)
}

/** What became of a series of reads; `accuracy` and `coverage` as the paper defines them (section 3.1). */
export interface Replay {
  readonly misses: number
  readonly prefetched: number
  /** Prefetched pages that were read later. */
  readonly used: number
  /** `used` of `prefetched`. */
  readonly accuracy: number
  /** `used` of all reads. */
  readonly coverage: number
  /** Each answer, in order of the misses. */
  readonly answers: readonly (readonly number[])[]
}

/** Runs reads through a prefetcher and a cache that forgets nothing. */
export function replay(factory: PrefetcherFactory, reads: readonly number[], lastPage: number = 2 ** 32 - 1): Replay {
  const cache = new Set<number>()
  const unread = new Set<number>()
  const answers: number[][] = []
  const prefetcher = factory({ lastPage, isLocal: (pageIndex) => cache.has(pageIndex) })
  let prefetched = 0
  let used = 0
  for (const pageIndex of reads) {
    if (unread.delete(pageIndex)) used += 1
    if (cache.has(pageIndex)) {
      prefetcher.onHit(pageIndex)
      continue
    }
    cache.add(pageIndex)
    const answer = prefetcher.onMiss(pageIndex)
    answers.push(answer)
    prefetched += answer.length
    for (const candidate of answer) {
      cache.add(candidate)
      unread.add(candidate)
    }
  }
  return { misses: answers.length, prefetched, used, accuracy: used / prefetched, coverage: used / reads.length, answers }
}
