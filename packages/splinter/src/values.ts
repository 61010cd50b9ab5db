import { SplinterError } from './errors.ts'
import { VALUE_MAX } from './format.ts'

/** Whether something is a possible member: an integer from 0 to 2^32 - 1. */
export function isValue(value: unknown): value is number {
  return typeof value === 'number' && value >>> 0 === value
}

/** Gives a value back if it can be a member. Throws {@link SplinterError} `VALUE_RANGE`. */
export function checkValue(value: number): number {
  if (!isValue(value)) throw new SplinterError('VALUE_RANGE', `members are integers from 0 to 2^32 - 1, got=${String(value)}`)
  return value
}

/**
 * Checks the bounds of a range, both inclusive. A start above the end means an empty range, so that the range behind the
 * last possible value can be written down.
 *
 * @throws {@link SplinterError} `VALUE_RANGE`.
 */
export function checkRange(start: number, end: number): void {
  if (start !== VALUE_MAX + 1) checkValue(start)
  checkValue(end)
}

/** Ascending, distinct values, and what else was found among them. */
export interface CollectedValues {
  /** Fresh, of the right length. */
  readonly values: Uint32Array
  /** How many things were no possible members. */
  readonly others: number
}

/** Takes values out of any iterable, sorts them if they do not ascend, and drops repetitions. */
export function collectValues(source: Iterable<unknown>): CollectedValues {
  if (source instanceof Uint32Array) return { values: ascending(source.slice()), others: 0 }
  let data = new Uint32Array(Array.isArray(source) ? source.length : 16)
  let count = 0
  let others = 0
  for (const value of source) {
    if (!isValue(value)) {
      others++
      continue
    }
    if (count === data.length) {
      const grown = new Uint32Array(Math.max(16, 2 * count))
      grown.set(data)
      data = grown
    }
    data[count++] = value
  }
  return { values: ascending(count === data.length ? data : data.slice(0, count)), others }
}

/** Whether values ascend without repetitions. */
export function ascends(values: Uint32Array): boolean {
  let before = -1
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (value <= before) return false
    before = value
  }
  return true
}

/** The same values ascending and without repetitions. The array is sorted in place if it has to be. */
function ascending(values: Uint32Array): Uint32Array {
  if (ascends(values)) return values
  values.sort()
  let count = 1
  for (let i = 1; i < values.length; i++) {
    if (values[i] !== values[i - 1]) values[count++] = values[i]!
  }
  return values.slice(0, count)
}
