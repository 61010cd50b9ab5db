import { countBits, setBits } from '../bits.ts'
import { SplinterError } from '../errors.ts'
import { CAPACITY } from '../format.ts'
import {
  BITMAP,
  BitmapContainer,
  baseOf,
  type Container,
  type ContainerWidth,
  childWidth,
  LIST,
  ListContainer,
  newWords,
  RUNS,
  RunContainer,
  segmentOf,
  TreeContainer,
} from './container.ts'
import { BITMAP_COUNT_MIN, BLOCK_VALUES, listMax, prefersRuns, runsMax, TREE_COUNT_MIN, TREE_RUNS_MIN } from './limits.ts'
import { allocate, copyOf } from './memory.ts'
import { copyValues, firstValue } from './query.ts'
import { RunSink } from './run-sink.ts'
import { firstRunEndingFrom, lowerBound, runsStartingUpTo } from './search.ts'

/** How many maximal runs ascending values form. */
export function countRuns(values: Uint32Array, start: number, end: number): number {
  if (start === end) return 0
  let gaps = 0
  let before = values[start]! | 0
  for (let i = start + 1; i < end; i++) {
    const value = values[i]! | 0
    const gap = value - before - 1
    // 1 for every gap but 0. Arithmetic instead of a branch: which way that would go is often random.
    gaps += (gap | -gap) >>> 31
    before = value
  }
  return gaps + 1
}

/**
 * The best container for ascending, distinct values.
 *
 * @param values All of them belong to one container of this width.
 * @param isOwned Whether the container may keep the array.
 */
export function fromSorted(values: Uint32Array, width: ContainerWidth, isOwned: boolean): Container | undefined {
  const count = values.length
  if (count === 0) return undefined
  if (count <= listMax(width)) return new ListContainer(isOwned ? values : copyOf(values, 0, count), count)
  return fromCrowd(values, width)
}

/** The best container for so many ascending, distinct values that a list is no longer one. The array stays the caller's. */
export function fromCrowd(values: Uint32Array, width: ContainerWidth): Container {
  const count = values.length
  const runs = countRuns(values, 0, count)
  if (prefersRuns(count, runs) && runs <= runsMax(width)) return runsFromSorted(values, count, runs)
  if (width === 2) return new BitmapContainer(baseOf(values[0]!, 2), wordsOfValues(values, count), count)
  const tree = new TreeContainer(width)
  for (let start = 0; start < count; ) {
    const segment = segmentOf(values[start]!, width)
    const end = lowerBound(values, start, count, lastOfSegment(values[start]!, width) + 1)
    tree.insert(segment, fromSorted(values.subarray(start, end), childWidth(width), false) as Container)
    start = end
  }
  return tree
}

/** The highest value that belongs to the same child of a tree as `value`. */
function lastOfSegment(value: number, width: ContainerWidth): number {
  return baseOf(value, width - 1) + CAPACITY[width - 1]! - 1
}

/** The runs that the first `count` ascending values form. */
export function runsFromSorted(values: Uint32Array, count: number, runs: number = countRuns(values, 0, count)): RunContainer {
  const data = allocate(2 * runs)
  writeRuns(values, 0, count, data)
  return new RunContainer(data, runs, count)
}

/** Writes the runs that ascending values form to `out`, which has room for them. */
export function writeRuns(values: Uint32Array, start: number, end: number, out: Uint32Array): void {
  let before = values[start]! | 0
  out[0] = before
  out[1] = before
  let at = 0
  for (let i = start + 1; i < end; i++) {
    const value = values[i]! | 0
    const gap = value - before - 1
    // 1 where a run begins, see countRuns. Then the value is the first of a run and, so far, the last; else only the last.
    const isFirst = (gap | -gap) >>> 31
    at += 2 * isFirst
    out[at + 1 - isFirst] = value
    out[at + 1] = value
    before = value
  }
}

/**
 * The best container for runs.
 *
 * @param data Pairs of first and last value, maximal and ascending; handed over.
 * @param runs How many pairs count.
 * @param count The values in them.
 */
export function fromRuns(data: Uint32Array, runs: number, count: number, width: ContainerWidth): Container | undefined {
  if (count === 0) return undefined
  if (count <= listMax(width) && !prefersRuns(count, runs)) return listFromRuns(data, runs, count)
  if (runs <= runsMax(width)) return new RunContainer(data, runs, count)
  if (width === 2) return new BitmapContainer(baseOf(data[0]!, 2), wordsOfRuns(data, runs), count)
  const tree = new TreeContainer(width)
  for (let next = data[0]!, last = data[2 * runs - 1]!; ; ) {
    const end = lastOfSegment(next, width)
    const slice = sliceRuns(data, runs, next, end)
    const child = slice && fromRuns(slice.data, slice.runs, slice.count, childWidth(width))
    if (child !== undefined) tree.insert(segmentOf(next, width), child)
    if (end >= last) return tree
    // Skip the segments between two runs.
    const run = firstRunEndingFrom(data, runs, end + 1)
    next = Math.max(end + 1, data[2 * run]!)
  }
}

function listFromRuns(data: Uint32Array, runs: number, count: number): ListContainer {
  const values = allocate(count)
  let at = 0
  for (let i = 0; i < runs; i++) {
    for (let value = data[2 * i]!, last = data[2 * i + 1]!; value <= last; value++) values[at++] = value
  }
  return new ListContainer(values, count)
}

/** The runs between two values, both inclusive, as a copy; `undefined` if there are none. */
export function sliceRuns(data: Uint32Array, runs: number, first: number, last: number): RunContainer | undefined {
  const start = firstRunEndingFrom(data, runs, first)
  const end = runsStartingUpTo(data, runs, last)
  if (start >= end) return undefined
  const slice = copyOf(data, 2 * start, 2 * end)
  slice[0] = Math.max(slice[0]!, first)
  slice[slice.length - 1] = Math.min(slice[slice.length - 1]!, last)
  let count = end - start
  for (let i = 0; i < slice.length; i += 2) count += slice[i + 1]! - slice[i]!
  return new RunContainer(slice, end - start, count)
}

/** One run, as a container of any width. */
export function fromRange(first: number, last: number): RunContainer {
  return new RunContainer(Uint32Array.of(first, last), 1, last - first + 1)
}

/** The bits of values of one block. */
function wordsOfValues(values: Uint32Array, count: number): Uint32Array {
  const words = newWords()
  for (let i = 0; i < count; i++) {
    const value = values[i]!
    words[(value & 0xffff) >>> 5]! |= 1 << value
  }
  return words
}

/** The bits of runs of one block. */
function wordsOfRuns(data: Uint32Array, runs: number): Uint32Array {
  const words = newWords()
  for (let i = 0; i < runs; i++) setBits(words, data[2 * i]! & 0xffff, data[2 * i + 1]! & 0xffff)
  return words
}

/**
 * The bits of a container of width 2.
 *
 * @param isOwned Whether a bitmap's own bits may be given away.
 */
export function wordsOf(container: Container, isOwned: boolean): Uint32Array {
  if (container.kind === BITMAP) return isOwned ? container.words : container.words.slice()
  if (container.kind === LIST) return wordsOfValues(container.data, container.count)
  if (container.kind === RUNS) return wordsOfRuns(container.data, container.runs)
  throw new Error('a block is no tree')
}

/**
 * The best container for the bits of a block.
 *
 * @param words Handed over.
 * @param count How many bits are set, if known.
 */
export function fromWords(
  base: number,
  words: Uint32Array,
  count: number = countBits(words, 0, words.length),
): Container | undefined {
  if (count === 0) return undefined
  if (count === BLOCK_VALUES) return fromRange(base, base + BLOCK_VALUES - 1)
  if (count <= BITMAP_COUNT_MIN) return new ListContainer(valuesOfWords(base, words, count), count)
  return new BitmapContainer(base, words, count)
}

/** The values of set bits, ascending. */
function valuesOfWords(base: number, words: Uint32Array, count: number): Uint32Array {
  const values = allocate(count)
  for (let i = 0, at = 0; at < count; i++) {
    let word = words[i]!
    while (word !== 0) {
      const bit = word & -word
      values[at++] = base + 32 * i + (31 - Math.clz32(bit))
      word ^= bit
    }
  }
  return values
}

/** A tree after changes: nothing if it is empty, something simpler if it is small, complete or has a single child. */
export function simplifyTree(tree: TreeContainer): Container | undefined {
  const { count, width, children } = tree
  if (count === 0) return undefined
  while (children[tree.low] === undefined) tree.low++
  while (children[tree.high] === undefined) tree.high--
  if (tree.low === tree.high) {
    const only = children[tree.low] as Container
    if (only.kind === LIST || only.kind === RUNS) return only
  }
  if (count === CAPACITY[width]) {
    const base = firstValue(tree)
    return fromRange(base, base + count - 1)
  }
  if (count <= TREE_COUNT_MIN) return flatten(tree)
  return hasFewRuns(tree) ? runsOf(tree) : tree
}

/** Whether all children are lists and runs, and so few runs altogether that a tree is not worth its slots. */
function hasFewRuns({ children, low, high }: TreeContainer): boolean {
  let runs = 0
  for (let s = low; s <= high; s++) {
    const child = children[s]
    if (child === undefined) continue
    if (child.kind === LIST) runs += child.count
    else if (child.kind === RUNS) runs += child.runs
    else return false
    if (runs > TREE_RUNS_MIN) return false
  }
  return true
}

/** The children's runs; none of them is a bitmap or a tree. */
function runsOf({ children, low, high }: TreeContainer): RunContainer {
  const sink = new RunSink(TREE_RUNS_MIN)
  for (let s = low; s <= high; s++) {
    const child = children[s]
    if (child?.kind === LIST) for (let i = 0; i < child.count; i++) sink.append(child.data[i]!, child.data[i]!)
    if (child?.kind === RUNS) for (let i = 0; i < 2 * child.runs; i += 2) sink.append(child.data[i]!, child.data[i + 1]!)
  }
  return new RunContainer(copyOf(sink.data, 0, 2 * sink.runs), sink.runs, sink.count)
}

/** The same values as a list. */
function flatten(container: Container): ListContainer {
  const values = allocate(container.count)
  copyValues(container, values, 0)
  return new ListContainer(values, container.count)
}

/**
 * The best container of width 4 for a row of bits that covers whole blocks.
 *
 * @param base What the lowest bit stands for.
 * @param words Not kept.
 */
export function fromBitRow(base: number, words: Uint32Array): Container | undefined {
  const count = countBits(words, 0, words.length)
  if (count === 0) return undefined
  if (count <= listMax(4)) return new ListContainer(valuesOfWords(base, words, count), count)
  const root = new TreeContainer(4)
  const wordsPerBlock = BLOCK_VALUES / 32
  let tree = new TreeContainer(3)
  for (let at = 0, low = base; at < words.length; at += wordsPerBlock, low += BLOCK_VALUES) {
    const block = fromWords(low, words.slice(at, at + wordsPerBlock))
    if (block !== undefined) tree.insert(segmentOf(low, 3), block)
    if (segmentOf(low, 3) < 255 && at + wordsPerBlock < words.length) continue
    const child = simplifyTree(tree)
    if (child !== undefined) root.insert(segmentOf(low, 4), child)
    tree = new TreeContainer(3)
  }
  return simplifyTree(root)
}

/**
 * The best container of width 4 for bits from 0 on, as many as there are.
 *
 * @param words Not kept.
 */
export function fromBits(words: Uint32Array): Container | undefined {
  const wordsPerBlock = BLOCK_VALUES / 32
  if (words.length > 2 ** 27) throw new SplinterError('VALUE_RANGE', `bits beyond 2^32 - 1, words=${words.length}`)
  if (words.length % wordsPerBlock === 0) return fromBitRow(0, words)
  const whole = new Uint32Array(Math.ceil(words.length / wordsPerBlock) * wordsPerBlock)
  whole.set(words)
  return fromBitRow(0, whole)
}
