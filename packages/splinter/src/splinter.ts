import { combineSets } from './combine-sets.ts'
import { fromBits, fromRange } from './container/build.ts'
import { type Container, cloneContainer } from './container/container.ts'
import { ContainerCore, TemporaryCore } from './container/container-core.ts'
import { addValue, deleteValue } from './container/mutate.ts'
import { DIFFERENCE, INTERSECTION, type Operation, SYMMETRIC_DIFFERENCE, UNION } from './container/operation.ts'
import type { Core } from './core.ts'
import { decodeRoot } from './partition/decode.ts'
import { openFile } from './partition/file.ts'
import { PartitionBytes } from './partition/partition.ts'
import { coreOf, coreOfSet, type SetLike, SetReader } from './reader.ts'
import { unionAll } from './union-all.ts'
import { checkRange, checkValue, isValue } from './values.ts'

/** A set that can be asked and combined, whether in memory ({@link Splinter}) or in its bytes (`SplinterView`). */
export type SplinterReader = SetReader<Splinter>

// Set by the class, which alone can reach its private core.
let makeSplinter: (container: Container | undefined) => Splinter

/**
 * A set of integers from 0 to 2^32 - 1 in memory, compressed: lists, runs and bitmaps by what is smaller, so that the
 * complete set takes a few bytes.
 *
 * @example
 * ```ts
 * const pages = Splinter.from([1, 5, 6]).addRange(100, 199)
 * pages.has(150) // true
 * pages.rank(150) // 54: so many members are at or below 150
 * const bytes = pages.toBytes()
 * ```
 */
export class Splinter extends SetReader<Splinter> {
  readonly #core: ContainerCore

  /**
   * @param values Members in any order, repeated or not; ascending ones are cheapest.
   * @throws {@link SplinterError} `VALUE_RANGE`.
   */
  constructor(values?: SetLike | null) {
    const core = new ContainerCore(values === undefined || values === null ? undefined : ownContainer(values))
    super(core, splinterOf)
    this.#core = core
  }

  /**
   * A set of some values.
   *
   * @param values Members in any order, repeated or not, or another set, which is copied. An ascending `Uint32Array` is
   *   cheapest. O(n), and O(n log n) to sort what does not ascend.
   * @throws {@link SplinterError} `VALUE_RANGE`.
   */
  static from(values: SetLike): Splinter {
    return new Splinter(values)
  }

  /**
   * The set of all values from `start` to `end`, both inclusive; empty if `start` is above `end`. O(1).
   *
   * @throws {@link SplinterError} `VALUE_RANGE`.
   */
  static fromRange(start: number, end: number): Splinter {
    return new Splinter().addRange(start, end)
  }

  /**
   * The set that a row of bits stands for: bit `v & 31` of word `v >>> 5` says whether `v` is a member. Cheaper than an array
   * of the members where those are dense.
   *
   * @param words Borrowed for the call. O(words).
   * @throws {@link SplinterError} `VALUE_RANGE` if there are more than 2^27 words.
   */
  static fromBits(words: Uint32Array): Splinter {
    return makeSplinter(fromBits(words))
  }

  /**
   * Decodes a set. O(bytes).
   *
   * @param bytes Borrowed for the call; nothing of them is kept.
   * @param options.trusted `true` skips checksum and validation, for bytes that have been checked already. What an unsound
   *   set then answers is undefined.
   * @throws {@link SplinterError} of kind `corrupt`, or `unsupported` if the bytes are of format version 1.
   */
  static fromBytes(bytes: Uint8Array, options: { readonly trusted?: boolean } = {}): Splinter {
    const source = new PartitionBytes(bytes)
    const { end, count } = openFile(source, options.trusted ?? false)
    return makeSplinter(decodeRoot(source, end, count))
  }

  /**
   * The union of many sets: cheaper than one after the other. O(all members), or a bit for each value of their span where that
   * is less.
   */
  static unionAll(sets: Iterable<SetLike>): Splinter {
    return makeSplinter(unionAll(Array.from(sets, (set) => coreOf(set instanceof SetReader ? set : new Splinter(set)))))
  }

  override get byteLength(): number {
    return this.toBytes().length
  }

  /**
   * Adds a value. O(log n) beside moving a few kilobytes at most.
   *
   * @throws {@link SplinterError} `VALUE_RANGE`.
   */
  add(value: number): this {
    const core = this.#core
    core.root = addValue(core.root, checkValue(value), 4)
    core.revision++
    return this
  }

  /** Removes a value. Gives whether it was a member. Costs as {@link add}. */
  delete(value: number): boolean {
    const core = this.#core
    if (core.root === undefined || !isValue(value)) return false
    const sizeBefore = core.size
    core.root = deleteValue(core.root, value, 4)
    core.revision++
    return core.size < sizeBefore
  }

  /** Removes all members. O(1). */
  clear(): void {
    this.#core.root = undefined
    this.#core.revision++
  }

  /**
   * Adds all values from `start` to `end`, both inclusive; none if `start` is above `end`. Costs what is in the range already.
   *
   * @throws {@link SplinterError} `VALUE_RANGE`.
   */
  addRange(start: number, end: number): this {
    checkRange(start, end)
    return start > end ? this : this.#become(new TemporaryCore(fromRange(start, end)), UNION)
  }

  /**
   * Removes all values from `start` to `end`, both inclusive; none if `start` is above `end`. Costs as {@link addRange}.
   *
   * @throws {@link SplinterError} `VALUE_RANGE`.
   */
  deleteRange(start: number, end: number): this {
    checkRange(start, end)
    return start > end ? this : this.#become(new TemporaryCore(fromRange(start, end)), DIFFERENCE)
  }

  /** Adds the members of another set: {@link union} in place. O(m) where that is small, O(n + m) at most. */
  addAll(other: SetLike): this {
    return this.#become(coreOfSet(other, true).core, UNION)
  }

  /** Removes the members of another set: {@link difference} in place. Costs as {@link addAll}. */
  deleteAll(other: SetLike): this {
    return this.#become(coreOfSet(other, false).core, DIFFERENCE)
  }

  /** Removes what is not in another set: {@link intersection} in place. Costs as {@link addAll}. */
  retainAll(other: SetLike): this {
    return this.#become(coreOfSet(other, false).core, INTERSECTION)
  }

  /** Removes the members of another set that are there and adds those that are not: {@link symmetricDifference} in place. */
  toggleAll(other: SetLike): this {
    return this.#become(coreOfSet(other, true).core, SYMMETRIC_DIFFERENCE)
  }

  /** Removes the members that another set has as well, and returns them as a new set. Costs as {@link addAll}. */
  cut(other: SetLike): Splinter {
    const taken = combineSets(this.#core, coreOfSet(other, false).core, INTERSECTION, false)
    if (taken !== undefined) this.#become(new ContainerCore(taken), DIFFERENCE)
    return makeSplinter(taken)
  }

  /** A copy that shares nothing with this set. O(n). */
  clone(): Splinter {
    return new Splinter(this)
  }

  #become(other: Core, operation: Operation): this {
    const core = this.#core
    // A set may be combined with itself: its containers are taken apart while they are read, so the other is a copy.
    const right = other === core && core.root !== undefined ? new TemporaryCore(cloneContainer(core.root)) : other
    core.root = combineSets(core, right, operation, true)
    core.revision++
    return this
  }

  override get [Symbol.toStringTag](): string {
    return 'Splinter'
  }

  static {
    makeSplinter = (container) => {
      const splinter = new Splinter()
      splinter.#core.root = container
      return splinter
    }
  }
}

/** A container with the members of a set that shares nothing with it. */
function ownContainer(values: SetLike): Container | undefined {
  const { container, isOwned } = coreOfSet(values, true).core.operand()
  return container === undefined || isOwned ? container : cloneContainer(container)
}

/** Makes a set of a container that nobody else uses. */
export function splinterOf(container: Container | undefined): Splinter {
  return makeSplinter(container)
}
