import { ListContainer, type RunContainer } from './container.ts'
import { keepCommonNear, NEAR_SPAN } from './marks.ts'
import { allocate, shrink } from './memory.ts'
import { DIFFERENCE, INTERSECTION, type Operation, UNION } from './operation.ts'
import { lowerBound } from './search.ts'

// From this ratio of lengths on, looking up each value of the shorter list beats walking along the longer one.
const GALLOP_RATIO = 32
// Shorter lists are merged, however near they are: they need not have memory of their own for that.
const NEAR_MIN = 16
// Shorter lists are merged before they are cut in halves.
const HALVED_MIN = 32

/** Combines two lists. The answer may be longer than lists ought to be. */
export function mergeLists(a: ListContainer, b: ListContainer, operation: Operation): ListContainer | undefined {
  if (operation === INTERSECTION) return a.count <= b.count ? intersectLists(a, b) : intersectLists(b, a)
  if (operation === DIFFERENCE) return subtractList(a, b)
  return operation === UNION ? uniteLists(a, b) : mergeDistinct(a, b)
}

function listOf(out: Uint32Array, count: number): ListContainer | undefined {
  return count === 0 ? undefined : new ListContainer(shrink(out, count), count)
}

/*
 * The merge loops choose by arithmetic: which list the next value comes from cannot be predicted, and a wrong guess of the
 * processor costs more than the rest of the step. `Number(condition)` is 1 or 0.
 *
 * What remains is a long chain: each step needs the positions of the step before. So the two most frequent operations cut the
 * lists in halves at the same value and merge both at once; a processor works on two such chains in little more time than on
 * one.
 */

function uniteLists(left: ListContainer, right: ListContainer): ListContainer | undefined {
  const a = left.data
  const b = right.data
  const n = left.count
  const m = right.count
  const out = allocate(n + m)
  const half = n < HALVED_MIN ? 0 : n >>> 1
  const cut = half === 0 ? 0 : lowerBound(b, 0, m, a[half]!)
  let i = 0
  let j = 0
  let at = 0
  let k = half
  let l = cut
  let upperAt = half + cut
  while (i < half && j < cut && k < n && l < m) {
    const x = a[i]!
    const y = b[j]!
    const fromA = Number(x <= y)
    out[at++] = y ^ ((x ^ y) & -fromA)
    i += fromA
    j += Number(y <= x)
    const u = a[k]!
    const v = b[l]!
    const upperFromA = Number(u <= v)
    out[upperAt++] = v ^ ((u ^ v) & -upperFromA)
    k += upperFromA
    l += Number(v <= u)
  }
  at = unitePart(a, i, half, b, j, cut, out, at)
  upperAt = unitePart(a, k, n, b, l, m, out, upperAt)
  return listOf(out, closeGap(out, at, half + cut, upperAt))
}

/** Unites the elements `i` to `n - 1` with `j` to `m - 1`. Gives the index behind the last value written. */
function unitePart(
  a: Uint32Array,
  i: number,
  n: number,
  b: Uint32Array,
  j: number,
  m: number,
  out: Uint32Array,
  at: number,
): number {
  while (i < n && j < m) {
    const x = a[i]!
    const y = b[j]!
    const fromA = Number(x <= y)
    out[at++] = y ^ ((x ^ y) & -fromA)
    i += fromA
    j += Number(y <= x)
  }
  while (i < n) out[at++] = a[i++]!
  while (j < m) out[at++] = b[j++]!
  return at
}

/** Moves the elements `start` to `end - 1` down to `at`. Gives the index behind them. */
function closeGap(out: Uint32Array, at: number, start: number, end: number): number {
  if (at < start) out.copyWithin(at, start, end)
  return at + end - start
}

function mergeDistinct(left: ListContainer, right: ListContainer): ListContainer | undefined {
  const a = left.data
  const b = right.data
  const n = left.count
  const m = right.count
  const out = allocate(n + m)
  let i = 0
  let j = 0
  let at = 0
  while (i < n && j < m) {
    const x = a[i]!
    const y = b[j]!
    const fromA = Number(x <= y)
    const fromB = Number(y <= x)
    out[at] = y ^ ((x ^ y) & -fromA)
    // Of two equal values none is kept.
    at += fromA ^ fromB
    i += fromA
    j += fromB
  }
  while (i < n) out[at++] = a[i++]!
  while (j < m) out[at++] = b[j++]!
  return listOf(out, at)
}

function intersectLists(shorter: ListContainer, longer: ListContainer): ListContainer | undefined {
  const a = shorter.data
  const b = longer.data
  const n = shorter.count
  const m = longer.count
  if (m >= GALLOP_RATIO * n) return lookUpList(shorter, longer)
  const out = allocate(n)
  if (n >= NEAR_MIN && areNear(a[0]!, a[n - 1]!, b[0]!, b[m - 1]!)) return listOf(out, keepCommonNear(a, n, b, m, out))
  const half = n < HALVED_MIN ? 0 : n >>> 1
  const cut = half === 0 ? 0 : lowerBound(b, 0, m, a[half]!)
  let i = 0
  let j = 0
  let at = 0
  let k = half
  let l = cut
  let upperAt = half
  while (i < half && j < cut && k < n && l < m) {
    const x = a[i]!
    const y = b[j]!
    out[at] = x
    at += Number(x === y)
    i += Number(x <= y)
    j += Number(y <= x)
    const u = a[k]!
    const v = b[l]!
    out[upperAt] = u
    upperAt += Number(u === v)
    k += Number(u <= v)
    l += Number(v <= u)
  }
  at = intersectPart(a, i, half, b, j, cut, out, at)
  upperAt = intersectPart(a, k, n, b, l, m, out, upperAt)
  return listOf(out, closeGap(out, at, half, upperAt))
}

/** Whether the values of two lists are near enough to each other, by the lowest and the highest of both. */
function areNear(firstA: number, lastA: number, firstB: number, lastB: number): boolean {
  return Math.max(lastA, lastB) - Math.min(firstA, firstB) < NEAR_SPAN
}

/** What the elements `i` to `n - 1` have in common with `j` to `m - 1`. Gives the index behind the last value written. */
function intersectPart(
  a: Uint32Array,
  i: number,
  n: number,
  b: Uint32Array,
  j: number,
  m: number,
  out: Uint32Array,
  at: number,
): number {
  while (i < n && j < m) {
    const x = a[i]!
    const y = b[j]!
    out[at] = x
    at += Number(x === y)
    i += Number(x <= y)
    j += Number(y <= x)
  }
  return at
}

function lookUpList(shorter: ListContainer, longer: ListContainer): ListContainer | undefined {
  const out = allocate(shorter.count)
  let at = 0
  for (let i = 0, j = 0; i < shorter.count && j < longer.count; i++) {
    const x = shorter.data[i]!
    j = lowerBound(longer.data, j, longer.count, x)
    if (j < longer.count && longer.data[j] === x) out[at++] = x
  }
  return listOf(out, at)
}

function subtractList(left: ListContainer, right: ListContainer): ListContainer | undefined {
  const a = left.data
  const b = right.data
  const n = left.count
  const m = right.count
  const out = allocate(n)
  let i = 0
  let j = 0
  let at = 0
  if (m >= GALLOP_RATIO * n) {
    for (; i < n; i++) {
      const x = a[i]!
      j = lowerBound(b, j, m, x)
      if (j === m || b[j] !== x) out[at++] = x
    }
    return listOf(out, at)
  }
  while (i < n && j < m) {
    const x = a[i]!
    const y = b[j]!
    out[at] = x
    at += Number(x < y)
    i += Number(x <= y)
    j += Number(y <= x)
  }
  while (i < n) out[at++] = a[i++]!
  return listOf(out, at)
}

/** The values of a list that are in runs, or those that are not. */
export function keepByRuns(list: ListContainer, { data, runs }: RunContainer, isInside: boolean): ListContainer | undefined {
  const out = allocate(list.count)
  let at = 0
  for (let i = 0, run = 0; i < list.count; i++) {
    const value = list.data[i]!
    while (run < runs && data[2 * run + 1]! < value) run++
    const isIn = run < runs && data[2 * run]! <= value
    if (isIn === isInside) out[at++] = value
  }
  return listOf(out, at)
}
