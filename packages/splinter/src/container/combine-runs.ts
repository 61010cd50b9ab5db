import { runsFromSorted } from './build.ts'
import { type ListContainer, RUNS, RunContainer } from './container.ts'
import { allocate, shrink } from './memory.ts'
import { INTERSECTION, type Operation, UNION } from './operation.ts'

/** Combines two lists or run containers as runs. The answer may have more runs than run containers ought to have. */
export function combineRuns(
  left: ListContainer | RunContainer,
  right: ListContainer | RunContainer,
  operation: Operation,
): RunContainer {
  if (operation === UNION) return uniteRuns(asRuns(left), asRuns(right))
  if (operation === INTERSECTION) return intersectRuns(asRuns(left), asRuns(right))
  return sweepRuns(asRuns(left), asRuns(right), operation)
}

function uniteRuns(left: RunContainer, right: RunContainer): RunContainer {
  const a = left.data
  const b = right.data
  const endA = 2 * left.runs
  const endB = 2 * right.runs
  const out = allocate(endA + endB)
  // The lowest run of all begins the first one of the answer.
  let i = a[0]! <= b[0]! ? 2 : 0
  let j = 2 - i
  out[0] = i === 2 ? a[0]! : b[0]!
  let last = i === 2 ? a[1]! : b[1]!
  out[1] = last
  let at = 0
  while (i < endA || j < endB) {
    const isFromA = j >= endB || (i < endA && a[i]! <= b[j]!)
    const first = isFromA ? a[i]! : b[j]!
    const end = isFromA ? a[i + 1]! : b[j + 1]!
    if (isFromA) i += 2
    else j += 2
    // A run that touches the one before goes on from it. The last possible value has none behind it.
    if (first > last && first !== (last + 1) >>> 0) {
      at += 2
      out[at] = first
      last = end
    } else if (end > last) last = end
    out[at + 1] = last
  }
  return runsOf(out, at + 2)
}

/** What the runs of two containers have in common. Runs that touch cannot arise: they would touch in both. */
function intersectRuns(left: RunContainer, right: RunContainer): RunContainer {
  const a = left.data
  const b = right.data
  const endA = 2 * left.runs
  const endB = 2 * right.runs
  const out = allocate(endA + endB)
  let i = 0
  let j = 0
  let at = 0
  while (i < endA && j < endB) {
    const lastA = a[i + 1]!
    const lastB = b[j + 1]!
    const first = Math.max(a[i]!, b[j]!)
    const last = Math.min(lastA, lastB)
    if (first <= last) {
      out[at++] = first
      out[at++] = last
    }
    if (lastA === last) i += 2
    if (lastB === last) j += 2
  }
  return runsOf(out, at)
}

/** The pairs before `end` as a container. */
function runsOf(pairs: Uint32Array, end: number): RunContainer {
  let count = end >>> 1
  for (let i = 0; i < end; i += 2) count += pairs[i + 1]! - pairs[i]!
  return new RunContainer(shrink(pairs, end), end >>> 1, count)
}

/**
 * Combines by walking along the points at which membership changes. Point `i` of a container is
 * the start of a run if `i` is even, and the first value behind it if it is odd: `i & 1` says whether the walk is in a run.
 */
function sweepRuns(left: RunContainer, right: RunContainer, operation: Operation): RunContainer {
  const { data: a, runs: runsA } = left
  const { data: b, runs: runsB } = right
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
