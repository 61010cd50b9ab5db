import type { Operand } from './container/combine.ts'

/** What answers the questions that a set is asked: containers in memory, or bytes. Arguments have been checked. */
export interface Core {
  readonly size: number
  /** Changes whenever the set does, so that iterators notice. */
  readonly revision: number
  /** Whether a possible member is one. */
  has(value: number): boolean
  /** How many members are at or below a possible member. */
  rank(value: number): number
  /** The member at an index from 0 to `size - 1`. */
  select(index: number): number
  /** The lowest member of a set that has any. */
  first(): number
  /** The highest member of a set that has any. */
  last(): number
  /** Writes members from `from` on to a buffer, in order, until it is full. Gives how many. */
  copyFrom(from: number, buffer: Uint32Array): number
  /**
   * Sets the bit of each member in a row of bits that has one for every member.
   *
   * @param base What the row's lowest bit stands for: a multiple of 65,536.
   */
  setBits(row: Uint32Array, base: number): void
  /** The set as an operand of an operation. */
  operand(): Operand
}
