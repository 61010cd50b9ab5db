import { runsFromSorted } from './build.ts'
import { ListContainer, RUNS, RunContainer } from './container.ts'
import { allocate, shrink } from './memory.ts'
import { DIFFERENCE, INTERSECTION, type Operation, UNION } from './operation.ts'
import { lowerBound } from './search.ts'

// From this ratio of lengths on, looking up each value of the shorter list beats walking along the longer one.
const GALLOP_RATIO = 32

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
 */

function uniteLists(left: ListContainer, right: ListContainer): ListContainer | undefined {
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
    out[at++] = y ^ ((x ^ y) & -fromA)
    i += fromA
    j += Number(y <= x)
  }
  while (i < n) out[at++] = a[i++]!
  while (j < m) out[at++] = b[j++]!
  return listOf(out, at)
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
  const out = allocate(n)
  let i = 0
  let j = 0
  let at = 0
  if (m >= GALLOP_RATIO * n) {
    for (; i < n && j < m; i++) {
      const x = a[i]!
      j = lowerBound(b, j, m, x)
      if (j < m && b[j] === x) out[at++] = x
    }
    return listOf(out, at)
  }
  while (i < n && j < m) {
    const x = a[i]!
    const y = b[j]!
    out[at] = x
    at += Number(x === y)
    i += Number(x <= y)
    j += Number(y <= x)
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

/**
 * Combines two lists or run containers by walking along the points at which membership changes. Point `i` of a container is
 * the start of a run if `i` is even, and the first value behind it if it is odd: `i & 1` says whether the walk is in a run.
 */
export function sweepRuns(
  left: ListContainer | RunContainer,
  right: ListContainer | RunContainer,
  operation: Operation,
): RunContainer {
  const { data: a, runs: runsA } = asRuns(left)
  const { data: b, runs: runsB } = asRuns(right)
  const kept = [false, operation.left, operation.right, operation.both]
  // Each run of the answer begins at one change and ends at another; each run of an operand has two of them.
  const out = allocate(2 * (runsA + runsB))
  let i = 0
  let j = 0
  let points = 0
  let count = 0
  while (i < 2 * runsA || j < 2 * runsB) {
    const x = i < 2 * runsA ? a[i]! + (i & 1) : Infinity
    const y = j < 2 * runsB ? b[j]! + (j & 1) : Infinity
    if (x <= y) i++
    if (y <= x) j++
    const isKept = kept[(i & 1) | ((j & 1) << 1)]!
    if (isKept === ((points & 1) === 1)) continue
    const point = x < y ? x : y
    if (isKept) count -= point
    else count += point
    out[points] = isKept ? point : point - 1
    points++
  }
  return new RunContainer(shrink(out, points), points / 2, count)
}

/** A container as runs; those of a run container are not copied. */
function asRuns(container: ListContainer | RunContainer): RunContainer {
  return container.kind === RUNS ? container : runsFromSorted(container.data, container.count)
}
