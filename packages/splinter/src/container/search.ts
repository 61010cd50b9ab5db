/*
 * Binary searches without branches on what is found: which way those would go cannot be predicted, and a wrong guess of the
 * processor costs more than the whole step. `half & -Number(condition)` is `half` or 0.
 */

/** The first index from `start` to `end` at which ascending values are not below `value`; `end` if all are. */
export function lowerBound(data: Uint32Array, start: number, end: number, value: number): number {
  if (start === end) return start
  let low = start
  for (let length = end - start; length > 1; ) {
    const half = length >>> 1
    low += half & -Number(data[low + half - 1]! < value)
    length -= half
  }
  return low + Number(data[low]! < value)
}

/** Whether one of the first `count` ascending values, at least one, is `value`. */
export function includes(data: Uint32Array, count: number, value: number): boolean {
  let low = 0
  for (let length = count; length > 1; ) {
    const half = length >>> 1
    low += half & -Number(data[low + half]! <= value)
    length -= half
  }
  return data[low] === value
}

/** How many of the runs start at or below `value`. */
export function runsStartingUpTo(data: Uint32Array, runs: number, value: number): number {
  if (runs === 0) return 0
  let low = 0
  for (let length = runs; length > 1; ) {
    const half = length >>> 1
    low += half & -Number(data[2 * (low + half) - 2]! <= value)
    length -= half
  }
  return low + Number(data[2 * low]! <= value)
}

/** The index of the first run that ends at or above `value`; `runs` if there is none. */
export function firstRunEndingFrom(data: Uint32Array, runs: number, value: number): number {
  const index = runsStartingUpTo(data, runs, value)
  return index > 0 && data[2 * index - 1]! >= value ? index - 1 : index
}
