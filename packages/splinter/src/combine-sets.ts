import { combine } from './container/combine.ts'
import { type Container, ListContainer } from './container/container.ts'
import { allocate, shrink } from './container/memory.ts'
import { INTERSECTION, type Operation } from './container/operation.ts'
import { isWithin, overlaps } from './container/relate.ts'
import type { Core } from './core.ts'

// The members of a small set are looked up in a much larger one: that takes less than walking along that, or decoding it.
const FEW_MAX = 128
const FEW_RATIO = 16

function isFewBeside(few: Core, many: Core): boolean {
  return few.size <= FEW_MAX && few.size * FEW_RATIO <= many.size
}

/**
 * Combines two sets.
 *
 * @param isOwned Whether the left one's containers may become part of the result, and the set useless.
 * @returns Shares nothing with the sets otherwise.
 */
export function combineSets(left: Core, right: Core, operation: Operation, isOwned: boolean): Container | undefined {
  if (!operation.right && isFewBeside(left, right)) return keepByMembership(left, right, operation.both)
  if (operation === INTERSECTION && isFewBeside(right, left)) return keepByMembership(right, left, true)
  const operand = left.operand()
  return combine(isOwned ? { ...operand, isOwned } : operand, right.operand(), operation, 4)
}

/** The members of a small set that another one has, or those that it lacks. */
function keepByMembership(few: Core, other: Core, isMember: boolean): Container | undefined {
  if (few.size === 0) return undefined
  const values = allocate(few.size)
  few.copyFrom(0, values)
  let count = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    values[count] = value
    count += Number(other.has(value) === isMember)
  }
  return count === 0 ? undefined : new ListContainer(shrink(values, count), count)
}

/** How many members of a small set another one has. */
function countCommon(few: Core, other: Core): number {
  const values = allocate(few.size)
  few.copyFrom(0, values)
  let common = 0
  for (let i = 0; i < values.length; i++) common += Number(other.has(values[i]!))
  return common
}

/** Whether `of` has all members of a set. */
export function isSubset(set: Core, of: Core): boolean {
  if (set.size === 0) return true
  if (set.size > of.size || set.first() < of.first() || set.last() > of.last()) return false
  if (isFewBeside(set, of)) return countCommon(set, of) === set.size
  return isWithin(set.operand().container as Container, of.operand().container as Container)
}

/** Whether two sets have no member in common. */
export function areDisjoint(a: Core, b: Core): boolean {
  if (a.size === 0 || b.size === 0 || a.last() < b.first() || b.last() < a.first()) return true
  if (isFewBeside(a, b)) return countCommon(a, b) === 0
  if (isFewBeside(b, a)) return countCommon(b, a) === 0
  return !overlaps(a.operand().container as Container, b.operand().container as Container)
}
