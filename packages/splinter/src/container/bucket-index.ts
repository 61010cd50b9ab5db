import { lowerBound } from './search.ts'

/** So many ascending numbers are searched without an index: that takes a few steps anyway. */
const INDEXED_MIN = 16
// A bucket has two numbers on average, and at most four if they are spread evenly. That takes a quarter of a list's memory.
const NUMBERS_PER_BUCKET = 2
/** Up to here it is faster to look at all numbers of a bucket than to halve it. */
export const SCAN_MAX = 8

/**
 * Tells for ascending numbers where those begin that share their highest bits: instead of halving all of them, a search looks
 * at two or so. Made once a container has been asked often enough to make up for it, dropped when the container changes.
 */
export class BucketIndex {
  /** The bucket of a number is `(number - first) >>> shift`; a number below the first one wraps to a bucket beyond its own. */
  readonly shift: number
  readonly buckets: number
  /** The position of each bucket's first number; one more than there are buckets. */
  readonly starts: Uint16Array

  /**
   * @param data Ascending numbers, at least one; fewer than 65,536.
   * @param stride 1 for all elements, 2 for every other.
   */
  constructor(data: Uint32Array, count: number, stride: 1 | 2) {
    const first = data[0]!
    const span = data[stride * (count - 1)]! - first
    const bits = 32 - Math.clz32(span)
    this.shift = Math.max(0, bits - (31 - Math.clz32(count / NUMBERS_PER_BUCKET)))
    this.buckets = (span >>> this.shift) + 1
    this.starts = new Uint16Array(this.buckets + 1)
    for (let i = 0, bucket = 0; i < count; i++) {
      const own = (data[stride * i]! - first) >>> this.shift
      while (bucket < own) this.starts[++bucket] = i
    }
    this.starts[this.buckets] = count
  }
}

/** What a container of ascending numbers remembers about being asked. */
export interface Asked {
  index: BucketIndex | undefined
  /** Searches since the last change without an index. */
  searches: number
}

/** Notes a search without an index. Gives whether it is time to make one: searches have cost about as much as it will. */
export function isIndexDue(asked: Asked, count: number): boolean {
  return count > INDEXED_MIN && ++asked.searches > count >>> 1
}

/** The first position from `start` to `end` whose value is not below `value`, for the few values of a bucket. */
export function lowerBoundInBucket(data: Uint32Array, start: number, end: number, value: number): number {
  if (end - start > SCAN_MAX) return lowerBound(data, start, end, value)
  let i = start
  while (i < end && data[i]! < value) i++
  return i
}
