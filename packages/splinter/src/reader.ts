import { areDisjoint, combineSets, isSubset } from './combine-sets.ts'
import { fromSorted } from './container/build.ts'
import type { Container } from './container/container.ts'
import { TemporaryCore } from './container/container-core.ts'
import { DIFFERENCE, INTERSECTION, type Operation, SYMMETRIC_DIFFERENCE, UNION } from './container/operation.ts'
import type { Core } from './core.ts'
import { encodeSet } from './encode/encode.ts'
import { SplinterError } from './errors.ts'
import { VALUE_MAX } from './format.ts'
import { MemberIterator } from './member-iterator.ts'
import { ascends, checkRange, collectValues, isValue } from './values.ts'

/**
 * What operations take as their other set: a Splinter or a view of one, anything with the `size`, `has` and `keys` of an
 * ECMAScript Set, or any iterable. Iterables need not ascend; those that do are cheaper.
 */
export type SetLike = SetReader<unknown> | Iterable<number> | SetMethods

interface SetMethods {
  readonly size: number
  has(value: number): boolean
  keys(): Iterator<number>
}

const INSPECTED = 16
// 4 GiB. Engines differ in what they allow, and some promise memory that they then do not have.
const ARRAY_MEMBERS_MAX = 2 ** 30

// Set by the class, which alone can reach its private field.
let coreOfReader: (reader: SetReader<unknown>) => Core

/**
 * The questions that a set of integers from 0 to 2^32 - 1 answers, whether it is a `Splinter` or a `SplinterView`.
 * Named like those of an ECMAScript Set where that has them; iteration is in ascending order.
 *
 * `n` in the costs below is the number of members, `m` that of the other set. Dense stretches count as few members: runs
 * and bitmaps are worked on as such.
 *
 * @typeParam Owned What operations give: `Splinter`.
 */
export abstract class SetReader<Owned> implements Iterable<number> {
  readonly #core: Core
  readonly #splinterOf: (container: Container | undefined) => Owned

  static {
    coreOfReader = (reader) => reader.#core
    // Node, Deno and Bun print an object with this method.
    Object.defineProperty(SetReader.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: SetReader<unknown>): string {
        return this.toString()
      },
    })
  }

  protected constructor(core: Core, splinterOf: (container: Container | undefined) => Owned) {
    this.#core = core
    this.#splinterOf = splinterOf
  }

  /** Bytes of the encoded set. For a set in memory this encodes it. */
  abstract get byteLength(): number

  /** The name of the class. */
  abstract get [Symbol.toStringTag](): string

  /** How many members the set has, 0 to 2^32. O(1). */
  get size(): number {
    return this.#core.size
  }

  /** Whether a value is a member; `false` for what cannot be one. O(log n). */
  has(value: number): boolean {
    return isValue(value) && this.#core.has(value)
  }

  /** How many members are at or below a value, 0 to {@link size}. O(log n), and O(n) once after a change. */
  rank(value: number): number {
    return value >= 0 ? this.#core.rank(Math.min(Math.floor(value), VALUE_MAX)) : 0
  }

  /** The member at a position, counted from 0; `undefined` if there is none. Costs as {@link rank}. */
  select(index: number): number | undefined {
    return Number.isInteger(index) && index >= 0 && index < this.#core.size ? this.#core.select(index) : undefined
  }

  /** The lowest member; `undefined` if the set is empty. O(1). */
  first(): number | undefined {
    return this.size === 0 ? undefined : this.#core.first()
  }

  /** The highest member; `undefined` if the set is empty. O(1). */
  last(): number | undefined {
    return this.size === 0 ? undefined : this.#core.last()
  }

  /** The position of a member, counted from 0; `undefined` if it is none. Costs as {@link rank}. */
  indexOf(value: number): number | undefined {
    return this.has(value) ? this.rank(value) - 1 : undefined
  }

  /**
   * Whether all values from `start` to `end`, both inclusive, are members. True if `start` is above `end`. Costs as {@link rank}.
   *
   * @throws {@link SplinterError} `VALUE_RANGE`.
   */
  hasAll(range: { readonly start: number; readonly end: number }): boolean {
    const { start, end } = range
    checkRange(start, end)
    if (start > end) return true
    const before = start === 0 ? 0 : this.rank(start - 1)
    return this.rank(end) - before === end - start + 1
  }

  /**
   * Whether any value from `start` to `end`, both inclusive, is a member. False if `start` is above `end`. O(log n).
   *
   * @throws {@link SplinterError} `VALUE_RANGE`.
   */
  hasAny(range: { readonly start: number; readonly end: number }): boolean {
    const { start, end } = range
    checkRange(start, end)
    if (start > end) return false
    const found = new Uint32Array(1)
    return this.#core.copyFrom(start, found) === 1 && found[0]! <= end
  }

  /**
   * The members from `start` to `end`, both inclusive, ascending. The iterator sees changes that are made meanwhile, as
   * that of an ECMAScript Set does: a member is visited if it is above the last one visited when its turn comes. O(log n) to
   * begin, and for each chunk of up to 256 members.
   *
   * @throws {@link SplinterError} `VALUE_RANGE`.
   */
  range(start: number, end: number): IterableIterator<number> {
    checkRange(start, end)
    return new MemberIterator(this.#core, start, end)
  }

  /** All members, ascending; see {@link range} about changes meanwhile. */
  keys(): IterableIterator<number> {
    return this.range(0, VALUE_MAX)
  }

  /** The same as {@link keys}. */
  values(): IterableIterator<number> {
    return this.range(0, VALUE_MAX)
  }

  /** The same as {@link keys}. */
  [Symbol.iterator](): IterableIterator<number> {
    return this.range(0, VALUE_MAX)
  }

  /** Each member twice, as an ECMAScript Set's `entries` gives it; costs several times as much as {@link keys}. */
  *entries(): IterableIterator<[number, number]> {
    for (const value of this.range(0, VALUE_MAX)) yield [value, value]
  }

  /** Calls a function with each member, ascending. O(n). */
  forEach(callback: (value: number, key: number, set: this) => void, thisArg?: unknown): void {
    for (const value of this.range(0, VALUE_MAX)) callback.call(thisArg, value, value, this)
  }

  /** The members of either set, as a new set. O(n + m), less where only one of them has a subtree. */
  union(other: SetLike): Owned {
    return this.#combine(other, UNION)
  }

  /**
   * The members of both sets, as a new set. What cannot be a member is ignored. Costs as {@link union}; if one of the sets has few
   * members beside the other, these are looked up in that.
   */
  intersection(other: SetLike): Owned {
    return this.#combine(other, INTERSECTION)
  }

  /** The members that the other set lacks, as a new set. What cannot be a member is ignored. Costs as {@link intersection}. */
  difference(other: SetLike): Owned {
    return this.#combine(other, DIFFERENCE)
  }

  /** The members of exactly one of the sets, as a new set. Costs as {@link union}. */
  symmetricDifference(other: SetLike): Owned {
    return this.#combine(other, SYMMETRIC_DIFFERENCE)
  }

  #combine(other: SetLike, operation: Operation): Owned {
    return this.#splinterOf(combineSets(this.#core, coreOfSet(other, operation.right).core, operation, false))
  }

  /** Whether the other set has all members. Costs as {@link intersection} at most, and nothing where sizes or ends tell. */
  isSubsetOf(other: SetLike): boolean {
    return isSubset(this.#core, coreOfSet(other, false).core)
  }

  /** Whether all members of the other set are in this one. Costs as {@link isSubsetOf}. */
  isSupersetOf(other: SetLike): boolean {
    const { core, others } = coreOfSet(other, false)
    return others === 0 && isSubset(core, this.#core)
  }

  /** Whether the sets have no member in common. Costs as {@link isSubsetOf}. */
  isDisjointFrom(other: SetLike): boolean {
    return areDisjoint(this.#core, coreOfSet(other, false).core)
  }

  /**
   * Whether the sets have the same members. Encoded bytes may differ all the same, unless they are
   * canonical. Costs as {@link isSubsetOf}.
   */
  equals(other: SetLike): boolean {
    const { core, others } = coreOfSet(other, false)
    return others === 0 && core.size === this.size && isSubset(core, this.#core)
  }

  /**
   * All members, ascending, in fresh memory that the caller owns: 4 bytes each. O(n).
   *
   * @throws {@link SplinterError} `SET_TOO_LARGE` above 2^30 members.
   */
  toUint32Array(): Uint32Array<ArrayBuffer> {
    if (this.size > ARRAY_MEMBERS_MAX)
      throw new SplinterError('SET_TOO_LARGE', `too many members for an array, size=${this.size}`)
    const values = new Uint32Array(this.size)
    this.#core.copyFrom(0, values)
    return values
  }

  /**
   * Encodes the set, in format version 2.
   *
   * @param options.optimize `true` (default): the canonical bytes, which equal sets share. `false`: the fast choice of
   *   partition kinds, as upstream writes a set that was built from its values and not optimized: less work, more bytes, and
   *   512 MiB for a set that is nearly complete.
   * @returns Fresh bytes that the caller owns. O(n).
   */
  toBytes(options: { readonly optimize?: boolean } = {}): Uint8Array<ArrayBuffer> {
    return encodeSet(this.#core.operand().container, options.optimize ?? true)
  }

  /** The size and the first members, 16 at most. */
  toString(): string {
    const shown = new Uint32Array(INSPECTED)
    const length = this.#core.copyFrom(0, shown)
    const members = Array.from(shown.subarray(0, length), String)
    if (length < this.size) members.push(`… ${this.size - length} more`)
    return `${this[Symbol.toStringTag]}(${this.size}) {${members.length === 0 ? '' : ` ${members.join(', ')}`} }`
  }
}

/** What answers a set's questions. */
export function coreOf(reader: SetReader<unknown>): Core {
  return coreOfReader(reader)
}

/**
 * The other set of an operation.
 *
 * @param isStrict Whether what cannot be a member is an error, because it would have to be in the result.
 * @returns What answers its questions, and how many things in it cannot be members.
 */
export function coreOfSet(other: SetLike, isStrict: boolean): { readonly core: Core; readonly others: number } {
  if (other instanceof SetReader) return { core: coreOf(other), others: 0 }
  // The most common case is spared a copy of what is not kept as it is.
  if (other instanceof Uint32Array && ascends(other)) return { core: new TemporaryCore(fromSorted(other, 4, false)), others: 0 }
  const { values, others } = collectValues(membersOf(other))
  if (isStrict && others > 0) throw new SplinterError('VALUE_RANGE', `members are integers from 0 to 2^32 - 1, others=${others}`)
  return { core: new TemporaryCore(fromSorted(values, 4, true)), others }
}

/** What a set-like holds: its keys, as the operations of an ECMAScript Set take them. A Map iterates over pairs. */
function membersOf(other: Iterable<number> | SetMethods): Iterable<unknown> {
  return 'has' in other && 'keys' in other ? { [Symbol.iterator]: () => other.keys() } : other
}
