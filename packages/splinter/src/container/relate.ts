import { countBitsBetween, popcount } from '../bits.ts'
import { CAPACITY } from '../format.ts'
import { childOf, highSegment, lowSegment } from './combine.ts'
import {
  type BitmapContainer,
  type Container,
  LIST,
  type ListContainer,
  RUNS,
  type RunContainer,
  TREE,
  type TreeContainer,
} from './container.ts'
import { lowerBound } from './search.ts'

/** Whether two containers of one width have a member in common. */
export function overlaps(a: Container, b: Container): boolean {
  if (a.kind !== TREE && b.kind !== TREE) return commonLeaves(a, b) > 0
  const tree = a.kind === TREE ? a : (b as TreeContainer)
  const other = tree === a ? b : a
  for (let segment = tree.low; segment <= tree.high; segment++) {
    const child = tree.children[segment]
    const otherChild = child && childOf(other, segment, tree.width)
    if (child !== undefined && otherChild !== undefined && overlaps(child, otherChild)) return true
  }
  return false
}

/** Whether the second of two containers of one width has every member of the first. */
export function isWithin(a: Container, b: Container): boolean {
  if (a.count > b.count) return false
  if (a.kind !== TREE && b.kind !== TREE) return commonLeaves(a, b) === a.count
  const { width } = a.kind === TREE ? a : (b as TreeContainer)
  if (b.count === CAPACITY[width]) return true
  for (let segment = lowSegment(a, width); segment <= highSegment(a, width); segment++) {
    const child = childOf(a, segment, width)
    if (child === undefined) continue
    const other = childOf(b, segment, width)
    if (other === undefined || !isWithin(child, other)) return false
  }
  return true
}

type Leaf = ListContainer | RunContainer | BitmapContainer

/** How many members two leaves have in common. */
function commonLeaves(a: Leaf, b: Leaf): number {
  switch (a.kind) {
    case LIST:
      if (b.kind === LIST) return a.count <= b.count ? commonLists(a, b) : commonLists(b, a)
      return b.kind === RUNS ? commonListRuns(a, b) : commonListBits(a, b)
    case RUNS:
      if (b.kind === LIST) return commonListRuns(b, a)
      return b.kind === RUNS ? commonRuns(a, b) : commonRunsBits(a, b)
    default:
      if (b.kind === LIST) return commonListBits(b, a)
      return b.kind === RUNS ? commonRunsBits(b, a) : commonBits(a, b)
  }
}

function commonLists(shorter: ListContainer, longer: ListContainer): number {
  let common = 0
  for (let i = 0, j = 0; i < shorter.count && j < longer.count; i++) {
    const value = shorter.data[i]!
    if (longer.data[j]! < value) j = lowerBound(longer.data, j, longer.count, value)
    if (j < longer.count && longer.data[j] === value) common++
  }
  return common
}

function commonListRuns({ data, count }: ListContainer, { data: pairs, runs }: RunContainer): number {
  let common = 0
  for (let i = 0, run = 0; i < count && run < runs; i++) {
    while (run < runs && pairs[2 * run + 1]! < data[i]!) run++
    if (run < runs && pairs[2 * run]! <= data[i]!) common++
  }
  return common
}

function commonListBits({ data, count }: ListContainer, { words }: BitmapContainer): number {
  let common = 0
  for (let i = 0; i < count; i++) common += (words[(data[i]! & 0xffff) >>> 5]! >>> data[i]!) & 1
  return common
}

function commonRuns(a: RunContainer, b: RunContainer): number {
  let common = 0
  for (let i = 0, j = 0; i < a.runs && j < b.runs; ) {
    const endA = a.data[2 * i + 1]!
    const endB = b.data[2 * j + 1]!
    common += Math.max(0, Math.min(endA, endB) - Math.max(a.data[2 * i]!, b.data[2 * j]!) + 1)
    if (endA <= endB) i++
    if (endB <= endA) j++
  }
  return common
}

function commonRunsBits({ data, runs }: RunContainer, { words }: BitmapContainer): number {
  let common = 0
  for (let i = 0; i < runs; i++) common += countBitsBetween(words, data[2 * i]! & 0xffff, data[2 * i + 1]! & 0xffff)
  return common
}

function commonBits(a: BitmapContainer, b: BitmapContainer): number {
  let common = 0
  for (let i = 0; i < a.words.length; i++) common += popcount(a.words[i]! & b.words[i]!)
  return common
}
