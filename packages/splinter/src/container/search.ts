/** The first index from `start` to `end` at which ascending values are not below `value`; `end` if all are. */
export function lowerBound(data: Uint32Array, start: number, end: number, value: number): number {
  let low = start
  let high = end
  while (low < high) {
    const middle = (low + high) >>> 1
    if (data[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/** How many of the runs start at or below `value`. */
export function runsStartingUpTo(data: Uint32Array, runs: number, value: number): number {
  let low = 0
  let high = runs
  while (low < high) {
    const middle = (low + high) >>> 1
    if (data[2 * middle]! <= value) low = middle + 1
    else high = middle
  }
  return low
}

/** The index of the first run that ends at or above `value`; `runs` if there is none. */
export function firstRunEndingFrom(data: Uint32Array, runs: number, value: number): number {
  const index = runsStartingUpTo(data, runs, value)
  return index > 0 && data[2 * index - 1]! >= value ? index - 1 : index
}
