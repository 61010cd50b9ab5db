import { CAPACITY } from '../format.ts'
import { fromCrowd, fromRuns, simplifyTree, sliceRuns } from './build.ts'
import { combineBlocks } from './combine-blocks.ts'
import { keepByRuns, mergeLists } from './combine-leaves.ts'
import { combineRuns } from './combine-runs.ts'
import {
  BITMAP,
  baseOf,
  type Container,
  type ContainerWidth,
  childWidth,
  cloneContainer,
  LIST,
  ListContainer,
  RUNS,
  segmentOf,
  TREE,
  TreeContainer,
} from './container.ts'
import { listMax } from './limits.ts'
import { addValue, deleteValue } from './mutate.ts'
import { DIFFERENCE, INTERSECTION, type Operation } from './operation.ts'
import { containerHas, firstValue, lastValue } from './query.ts'
import { lowerBound } from './search.ts'

// So many values are put into a tree, or taken out of it, one by one: that takes less than going through its children.
const FEW = 128

/** A container that takes part in an operation, and whether the result may be made of its parts. */
export interface Operand {
  readonly container: Container | undefined
  /** Taken apart by the operation, so the caller must not use it afterwards. */
  readonly isOwned: boolean
}

/**
 * Combines two containers of one width.
 *
 * @returns Shares nothing with an operand that is not owned.
 */
export function combine(left: Operand, right: Operand, operation: Operation, width: ContainerWidth): Container | undefined {
  const a = left.container
  const b = right.container
  if (a === undefined) return operation.right ? take(right) : undefined
  if (b === undefined) return operation.left ? take(left) : undefined
  if (a.kind === TREE && left.isOwned && b.kind === LIST && b.count <= FEW && operation !== INTERSECTION) {
    return combineFew(a, b, operation, width)
  }
  if (a.kind === TREE || b.kind === TREE) return combineTrees(a, left.isOwned, b, right.isOwned, operation)
  if (a.kind === BITMAP || b.kind === BITMAP) return combineBlocks(a, left.isOwned, b, right.isOwned, operation)
  if (a.kind === LIST && b.kind === LIST) return fitted(mergeLists(a, b, operation), width)
  if (a.kind === LIST && b.kind === RUNS && !operation.right) return keepByRuns(a, b, operation.both)
  if (a.kind === RUNS && b.kind === LIST && operation === INTERSECTION) return keepByRuns(b, a, true)
  const runs = combineRuns(a, b, operation)
  return fromRuns(runs.data, runs.runs, runs.count, width)
}

function take({ container, isOwned }: Operand): Container | undefined {
  return container === undefined || isOwned ? container : cloneContainer(container)
}

/** A list, or what is better for so many values. */
function fitted(list: ListContainer | undefined, width: ContainerWidth): Container | undefined {
  if (list === undefined || list.count <= listMax(width)) return list
  return fromCrowd(list.data.subarray(0, list.count), width)
}

/** Combines a tree with a few values one by one, in place. Not for the intersection. */
function combineFew(tree: TreeContainer, few: ListContainer, operation: Operation, width: ContainerWidth): Container | undefined {
  let result: Container | undefined = tree
  for (let i = 0; i < few.count; i++) {
    const value = few.data[i]!
    const isAdded: boolean = operation.right && (operation.both || result === undefined || !containerHas(result, value))
    if (isAdded) result = addValue(result, value, width)
    else if (result !== undefined) result = deleteValue(result, value, width)
  }
  return result
}

/** At least one is a tree. */
function combineTrees(
  a: Container,
  isOwnedA: boolean,
  b: Container,
  isOwnedB: boolean,
  operation: Operation,
): Container | undefined {
  // A tree that may be changed in place goes to the left, if sides do not matter.
  const isTreeOwnedA = isOwnedA && a.kind === TREE
  if (!isTreeOwnedA && isOwnedB && b.kind === TREE && operation.left === operation.right) {
    return combineTrees(b, true, a, isOwnedA, operation)
  }
  // What only the left set has stays where it is if the tree may be changed in place.
  const inPlace = a.kind === TREE && isOwnedA && operation.left
  const tree = inPlace ? a : new TreeContainer((a.kind === TREE ? a : (b as TreeContainer)).width)
  const { low, high } = range(a, b, tree.width, inPlace, operation)
  const ownB = isOwnedB && b.kind === TREE
  for (let segment = low; segment <= high; segment++) {
    const childA = childOf(a, segment, tree.width)
    const childB = childOf(b, segment, tree.width)
    if (childA === undefined && childB === undefined) continue
    if (inPlace && childB === undefined) continue
    const countBefore = inPlace ? (childA?.count ?? 0) : 0
    const child = combine(
      { container: childA, isOwned: isTreeOwnedA },
      { container: childB, isOwned: ownB },
      operation,
      childWidth(tree.width),
    )
    if (inPlace) tree.replace(segment, child, countBefore)
    else if (child !== undefined) tree.insert(segment, child)
  }
  return simplifyTree(tree)
}

/** The segments that have to be looked at. */
function range(a: Container, b: Container, width: 4 | 3, inPlace: boolean, operation: Operation): { low: number; high: number } {
  const lowA = lowSegment(a, width)
  const highA = highSegment(a, width)
  const lowB = lowSegment(b, width)
  const highB = highSegment(b, width)
  if (operation === INTERSECTION || (inPlace && operation === DIFFERENCE)) {
    return { low: Math.max(lowA, lowB), high: Math.min(highA, highB) }
  }
  if (operation === DIFFERENCE) return { low: lowA, high: highA }
  if (inPlace) return { low: lowB, high: highB }
  return { low: Math.min(lowA, lowB), high: Math.max(highA, highB) }
}

/** No member is below this segment. */
export function lowSegment(container: Container, width: number): number {
  return container.kind === TREE ? container.low : segmentOf(firstValue(container), width)
}

/** No member is above this segment. */
export function highSegment(container: Container, width: number): number {
  return container.kind === TREE ? container.high : segmentOf(lastValue(container), width)
}

/** What a container holds in one segment. For leaves this is a view over the same data, or a copy. */
export function childOf(container: Container, segment: number, width: 4 | 3): Container | undefined {
  if (container.kind === TREE) return container.children[segment]
  const size = CAPACITY[width - 1]!
  const first = baseOf(firstValue(container), width) + segment * size
  if (container.kind === RUNS) return sliceRuns(container.data, container.runs, first, first + size - 1)
  if (container.kind === BITMAP) throw new Error('bitmaps are blocks')
  const { data, count } = container
  const start = lowerBound(data, 0, count, first)
  if (start === count) return undefined
  const end = lowerBound(data, start, count, first + size)
  return start === end ? undefined : new ListContainer(data.subarray(start, end), end - start)
}
