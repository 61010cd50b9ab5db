/*
 * The mutable set in memory. It has the shape of the format with the lowest level cut off: a container stands for all
 * values with the same bytes above its level. Widths as in the format: the root has 4, its children 3, theirs 2; blocks
 * of 65,536 values (width 2) have no children. Values are kept whole, not cut to the width, so a container can move up a
 * level as it is.
 *
 *   list    ascending values                        few values, any width
 *   runs    maximal runs, ascending (start, end)    few runs, any width: dense sets stay small, however large they are
 *   bitmap  65,536 bits                             width 2
 *   tree    256 slots for children                  widths 4 and 3
 *
 * A container is never empty; `undefined` stands for the empty set. Which kind holds a set is a matter of speed and memory
 * only, never of correctness: every operation takes every mix.
 */
import type { Asked, BucketIndex } from './bucket-index.ts'
import { BLOCK_VALUES } from './limits.ts'
import { copyOf } from './memory.ts'

/** Width of a container: the root, a sixteen-million range, a block. */
export type ContainerWidth = 4 | 3 | 2

/** Tells the kinds of containers apart. */
export const LIST = 0
export const RUNS = 1
export const BITMAP = 2
export const TREE = 3

/** Ascending, distinct values. */
export class ListContainer implements Asked {
  readonly kind: typeof LIST = LIST
  /** The first `count` elements count; the rest is room to grow. Who changes them calls {@link forget}. */
  data: Uint32Array
  count: number
  index: BucketIndex | undefined = undefined
  searches = 0

  constructor(data: Uint32Array, count: number) {
    this.data = data
    this.count = count
  }

  /** Drops what was derived from the values. */
  forget(): void {
    this.index = undefined
    this.searches = 0
  }
}

/** Ascending runs of values that never touch. */
export class RunContainer implements Asked {
  readonly kind: typeof RUNS = RUNS
  /** Pairs of first and last value; the first `2 * runs` elements count. Who changes them calls {@link forget}. */
  data: Uint32Array
  runs: number
  count: number
  /** Of the first values. */
  index: BucketIndex | undefined = undefined
  searches = 0
  /** How many values are before each run; made at first use. */
  ranks: Uint32Array | undefined = undefined

  constructor(data: Uint32Array, runs: number, count: number) {
    this.data = data
    this.runs = runs
    this.count = count
  }

  /** Drops what was derived from the runs. */
  forget(): void {
    this.index = undefined
    this.searches = 0
    this.ranks = undefined
  }
}

/** Positions in a bitmap are looked up to so many words, and counted within them. */
export const RANK_WORDS = 64

/** The members of one block as bits. */
export class BitmapContainer {
  readonly kind: typeof BITMAP = BITMAP
  /** The block's lowest possible value. */
  readonly base: number
  /** Bit `v & 31` of word `(v & 0xffff) >>> 5` says whether `v` is a member. */
  readonly words: Uint32Array
  count: number
  /** Bits set before each stretch of {@link RANK_WORDS} words; made at first use. Who changes a bit has to drop them. */
  ranks: Uint16Array | undefined = undefined

  constructor(base: number, words: Uint32Array, count: number) {
    this.base = base
    this.words = words
    this.count = count
  }
}

// Copied for each tree: filled, so that engines keep a dense array.
const NO_CHILDREN: (Container | undefined)[] = Array.from({ length: 256 }, () => undefined)

/** Children by the byte of the value that tells them apart. */
export class TreeContainer {
  readonly kind: typeof TREE = TREE
  readonly width: 4 | 3
  /** One slot for each segment. */
  readonly children: (Container | undefined)[]
  count = 0
  /** No child is below this slot. */
  low: number = 255
  /** No child is above this slot. */
  high = 0
  /** How many values are below each slot; made at first use, dropped at each change. */
  ranks: Uint32Array | undefined = undefined

  constructor(width: 4 | 3) {
    this.width = width
    this.children = NO_CHILDREN.slice()
  }

  /** Puts a child that was not counted yet into an empty slot. */
  insert(segment: number, child: Container): void {
    this.ranks = undefined
    this.children[segment] = child
    this.count += child.count
    if (segment < this.low) this.low = segment
    if (segment > this.high) this.high = segment
  }

  /** Puts another child, or none, into a slot. `countBefore`: what the old one counted when the tree last looked. */
  replace(segment: number, child: Container | undefined, countBefore: number): void {
    this.ranks = undefined
    this.children[segment] = child
    if (child === undefined) {
      this.count -= countBefore
      return
    }
    this.count += child.count - countBefore
    if (segment < this.low) this.low = segment
    if (segment > this.high) this.high = segment
  }
}

/** A set of values on some level, never empty. */
export type Container = ListContainer | RunContainer | BitmapContainer | TreeContainer

/** The segment of a value on a level: which child of a tree of that width it belongs to. */
export function segmentOf(value: number, width: number): number {
  return (value >>> ((width - 1) << 3)) & 255
}

/** The width of a tree's children. */
export function childWidth(width: ContainerWidth): ContainerWidth {
  return width === 4 ? 3 : 2
}

/** The lowest value that a container of some width can hold beside `value`. */
export function baseOf(value: number, width: number): number {
  return width === 4 ? 0 : (value & (-1 << (width << 3))) >>> 0
}

/** A copy that shares nothing with the original. */
export function cloneContainer(container: Container): Container {
  switch (container.kind) {
    case LIST:
      return new ListContainer(copyOf(container.data, 0, container.count), container.count)
    case RUNS:
      return new RunContainer(copyOf(container.data, 0, 2 * container.runs), container.runs, container.count)
    case BITMAP:
      return new BitmapContainer(container.base, container.words.slice(), container.count)
    default: {
      const tree = new TreeContainer(container.width)
      for (let s = container.low; s <= container.high; s++) {
        const child = container.children[s]
        if (child !== undefined) tree.insert(s, cloneContainer(child))
      }
      return tree
    }
  }
}

/** The bits of a block, all clear. */
export function newWords(): Uint32Array {
  return new Uint32Array(BLOCK_VALUES / 32)
}
