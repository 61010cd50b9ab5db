import { fromCrowd, fromRange, fromRuns, fromWords, simplifyTree } from './build.ts'
import {
  BITMAP,
  type BitmapContainer,
  type Container,
  type ContainerWidth,
  childWidth,
  LIST,
  ListContainer,
  RUNS,
  RunContainer,
  segmentOf,
  type TreeContainer,
} from './container.ts'
import { BITMAP_COUNT_MIN, BLOCK_VALUES, listMax, prefersRuns, runsMax, TREE_COUNT_MIN } from './limits.ts'
import { allocate } from './memory.ts'
import { lowerBound, runsStartingUpTo } from './search.ts'

const LIST_ROOM_MIN = 8

/**
 * Adds a value.
 *
 * @param container Changed in place where possible.
 * @returns What holds the set from now on.
 */
export function addValue(container: Container | undefined, value: number, width: ContainerWidth): Container {
  if (container === undefined) {
    const data = allocate(LIST_ROOM_MIN)
    data[0] = value
    return new ListContainer(data, 1)
  }
  switch (container.kind) {
    case LIST:
      return addToList(container, value, width)
    case RUNS:
      return addToRuns(container, value, width)
    case BITMAP:
      return addToBitmap(container, value)
    default:
      return addToTree(container, value)
  }
}

function addToList(list: ListContainer, value: number, width: ContainerWidth): Container {
  const { data, count } = list
  const isAppended = data[count - 1]! < value
  const index = isAppended ? count : lowerBound(data, 0, count, value)
  if (!isAppended && data[index] === value) return list
  if (count === listMax(width)) return addValue(fromCrowd(data.subarray(0, count), width), value, width)
  if (count === data.length) {
    const grown = allocate(Math.min(listMax(width), Math.max(LIST_ROOM_MIN, 2 * count)))
    grown.set(data)
    list.data = grown
  }
  list.forget()
  if (!isAppended) list.data.copyWithin(index + 1, index, count)
  list.data[index] = value
  list.count = count + 1
  return list
}

function addToRuns(container: RunContainer, value: number, width: ContainerWidth): Container {
  const { data, runs } = container
  const index = runsStartingUpTo(data, runs, value)
  const lastBefore = index === 0 ? -2 : data[2 * index - 1]!
  if (lastBefore >= value) return container
  container.forget()
  container.count++
  const isAfter = lastBefore === value - 1
  const isBefore = index < runs && data[2 * index] === value + 1
  if (isAfter && isBefore) {
    data[2 * index - 1] = data[2 * index + 1]!
    removeRun(container, index)
  } else if (isAfter) data[2 * index - 1] = value
  else if (isBefore) data[2 * index] = value
  else return insertRun(container, index, value, value, width)
  return container
}

function removeRun(container: RunContainer, index: number): void {
  container.data.copyWithin(2 * index, 2 * index + 2, 2 * container.runs)
  container.runs--
}

/** Puts a run before that at `index`. The count has been adjusted already. */
function insertRun(container: RunContainer, index: number, first: number, last: number, width: ContainerWidth): Container {
  const { data, runs, count } = container
  if (2 * runs === data.length) {
    // Growing is the moment to look for a better form.
    const grown = allocate(Math.max(LIST_ROOM_MIN, 2 * data.length))
    grown.set(data.subarray(0, 2 * index))
    grown[2 * index] = first
    grown[2 * index + 1] = last
    grown.set(data.subarray(2 * index, 2 * runs), 2 * index + 2)
    if (runs + 1 > runsMax(width) || !prefersRuns(count, runs + 1)) return fromRuns(grown, runs + 1, count, width) as Container
    container.data = grown
  } else {
    data.copyWithin(2 * index + 2, 2 * index, 2 * runs)
    data[2 * index] = first
    data[2 * index + 1] = last
  }
  container.runs = runs + 1
  return container
}

function addToBitmap(bitmap: BitmapContainer, value: number): Container {
  const index = (value & 0xffff) >>> 5
  const before = bitmap.words[index]!
  const after = (before | (1 << value)) >>> 0
  if (before === after) return bitmap
  bitmap.words[index] = after
  bitmap.ranks = undefined
  bitmap.count++
  return bitmap.count === BLOCK_VALUES ? fromRange(bitmap.base, bitmap.base + BLOCK_VALUES - 1) : bitmap
}

function addToTree(tree: TreeContainer, value: number): Container {
  const segment = segmentOf(value, tree.width)
  const child = tree.children[segment]
  const countBefore = child === undefined ? 0 : child.count
  tree.replace(segment, addValue(child, value, childWidth(tree.width)), countBefore)
  return tree
}

/**
 * Removes a value.
 *
 * @param container Changed in place where possible.
 * @returns What holds the set from now on.
 */
export function deleteValue(container: Container, value: number, width: ContainerWidth): Container | undefined {
  switch (container.kind) {
    case LIST: {
      const { data, count } = container
      const index = lowerBound(data, 0, count, value)
      if (index === count || data[index] !== value) return container
      container.forget()
      data.copyWithin(index, index + 1, count)
      container.count = count - 1
      return count === 1 ? undefined : container
    }
    case RUNS:
      return deleteFromRuns(container, value, width)
    case BITMAP: {
      const index = (value & 0xffff) >>> 5
      const before = container.words[index]!
      const after = (before & ~(1 << value)) >>> 0
      if (before === after) return container
      container.words[index] = after
      container.ranks = undefined
      container.count--
      return container.count <= BITMAP_COUNT_MIN ? fromWords(container.base, container.words, container.count) : container
    }
    default: {
      const segment = segmentOf(value, container.width)
      const child = container.children[segment]
      if (child === undefined) return container
      const countBefore = child.count
      container.replace(segment, deleteValue(child, value, childWidth(container.width)), countBefore)
      if (container.count <= TREE_COUNT_MIN) return simplifyTree(container)
      return container
    }
  }
}

function deleteFromRuns(container: RunContainer, value: number, width: ContainerWidth): Container | undefined {
  const { data, runs } = container
  const index = runsStartingUpTo(data, runs, value) - 1
  if (index < 0 || data[2 * index + 1]! < value) return container
  if (container.count === 1) return undefined
  container.forget()
  container.count--
  const first = data[2 * index]!
  const last = data[2 * index + 1]!
  if (first === last) removeRun(container, index)
  else if (value === first) data[2 * index] = value + 1
  else {
    data[2 * index + 1] = value - 1
    if (value < last) return insertRun(container, index + 1, value + 1, last, width)
  }
  return container
}
