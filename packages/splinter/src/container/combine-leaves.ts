import { LIST, type ListContainer, type RunContainer } from './container.ts'
import { DIFFERENCE, INTERSECTION, type Operation, UNION } from './operation.ts'
import { RunSink } from './run-sink.ts'
import { lowerBound } from './search.ts'

// From this ratio of lengths on, looking up each value of the shorter list beats walking along the longer one.
const GALLOP_RATIO = 32

/** Combines two lists. The answer has exactly the right length. */
export function mergeLists(a: ListContainer, b: ListContainer, operation: Operation): Uint32Array {
  if (operation === INTERSECTION) return a.count <= b.count ? intersectLists(a, b) : intersectLists(b, a)
  if (operation === DIFFERENCE) return subtractList(a, b)
  return operation === UNION ? uniteLists(a, b) : mergeDistinct(a, b)
}

function exactly(values: Uint32Array, count: number): Uint32Array {
  return count === values.length ? values : values.slice(0, count)
}

function uniteLists(left: ListContainer, right: ListContainer): Uint32Array {
  const a = left.data
  const b = right.data
  const n = left.count
  const m = right.count
  const out = new Uint32Array(n + m)
  let i = 0
  let j = 0
  let at = 0
  while (i < n && j < m) {
    const x = a[i]!
    const y = b[j]!
    out[at++] = x < y ? x : y
    if (x <= y) i++
    if (y <= x) j++
  }
  while (i < n) out[at++] = a[i++]!
  while (j < m) out[at++] = b[j++]!
  return exactly(out, at)
}

function mergeDistinct(left: ListContainer, right: ListContainer): Uint32Array {
  const a = left.data
  const b = right.data
  const n = left.count
  const m = right.count
  const out = new Uint32Array(n + m)
  let i = 0
  let j = 0
  let at = 0
  while (i < n && j < m) {
    const x = a[i]!
    const y = b[j]!
    if (x < y) out[at++] = a[i++]!
    else if (y < x) out[at++] = b[j++]!
    else {
      i++
      j++
    }
  }
  while (i < n) out[at++] = a[i++]!
  while (j < m) out[at++] = b[j++]!
  return exactly(out, at)
}

function intersectLists(shorter: ListContainer, longer: ListContainer): Uint32Array {
  const a = shorter.data
  const b = longer.data
  const n = shorter.count
  const m = longer.count
  const gallops = m >= GALLOP_RATIO * n
  const out = new Uint32Array(n)
  let at = 0
  for (let i = 0, j = 0; i < n && j < m; i++) {
    const x = a[i]!
    if (gallops) j = lowerBound(b, j, m, x)
    else while (j < m && b[j]! < x) j++
    if (j < m && b[j] === x) out[at++] = x
  }
  return exactly(out, at)
}

function subtractList(left: ListContainer, right: ListContainer): Uint32Array {
  const a = left.data
  const b = right.data
  const n = left.count
  const m = right.count
  const gallops = m >= GALLOP_RATIO * n
  const out = new Uint32Array(n)
  let at = 0
  for (let i = 0, j = 0; i < n; i++) {
    const x = a[i]!
    if (gallops) j = lowerBound(b, j, m, x)
    else while (j < m && b[j]! < x) j++
    if (j === m || b[j] !== x) out[at++] = x
  }
  return exactly(out, at)
}

/** The values of a list that are in runs, or those that are not. */
export function keepByRuns(list: ListContainer, { data, runs }: RunContainer, isInside: boolean): Uint32Array {
  const out = new Uint32Array(list.count)
  let at = 0
  for (let i = 0, run = 0; i < list.count; i++) {
    const value = list.data[i]!
    while (run < runs && data[2 * run + 1]! < value) run++
    const isIn = run < runs && data[2 * run]! <= value
    if (isIn === isInside) out[at++] = value
  }
  return exactly(out, at)
}

/**
 * Combines two lists or run containers by walking along the points at which membership changes: the stretch between two
 * such points is in both, in one or in none.
 */
export function sweepRuns(a: ListContainer | RunContainer, b: ListContainer | RunContainer, operation: Operation): RunSink {
  // Each run of the answer begins at one change and ends at another; each operand's run has two of them.
  const sink = new RunSink(runsOf(a) + runsOf(b))
  let i = 0
  let j = 0
  let at = 0
  while (i < runsOf(a) || j < runsOf(b)) {
    const startA = startOf(a, i)
    const startB = startOf(b, j)
    const isInA = startA <= at
    const isInB = startB <= at
    // The first point behind `at` at which either operand changes.
    const next = Math.min(isInA ? endOf(a, i) + 1 : startA, isInB ? endOf(b, j) + 1 : startB)
    const isKept = isInA ? (isInB ? operation.both : operation.left) : isInB && operation.right
    if (isKept) sink.append(at, next - 1)
    at = next
    while (i < runsOf(a) && endOf(a, i) < at) i++
    while (j < runsOf(b) && endOf(b, j) < at) j++
    if (i === runsOf(a) && !operation.right) break
    if (j === runsOf(b) && !operation.left) break
  }
  return sink
}

function runsOf(container: ListContainer | RunContainer): number {
  return container.kind === LIST ? container.count : container.runs
}

/** First value of a run; `Infinity` behind the last. */
function startOf(container: ListContainer | RunContainer, index: number): number {
  if (container.kind === LIST) return index < container.count ? container.data[index]! : Infinity
  return index < container.runs ? container.data[2 * index]! : Infinity
}

/** Last value of a run. A list is seen as runs of one value. */
function endOf(container: ListContainer | RunContainer, index: number): number {
  return container.kind === LIST ? container.data[index]! : container.data[2 * index + 1]!
}
