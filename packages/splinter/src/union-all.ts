import { fromBitRow } from './container/build.ts'
import { combine, type Operand } from './container/combine.ts'
import { type Container, cloneContainer } from './container/container.ts'
import { UNION } from './container/operation.ts'
import type { Core } from './core.ts'

// A row of bits pays off if there are not many more bits than members, and not so many members that whole runs were
// better united as such.
const BITS_PER_MEMBER_MAX = 64
const MEMBERS_PER_BIT_MAX = 4
const BITS_FREE = 2 ** 16
const BITS_MAX = 2 ** 24

/** The union of many sets, none of which is changed. */
export function unionAll(sets: readonly Core[]): Container | undefined {
  const some = sets.filter((set) => set.size > 0)
  if (some.length === 0) return undefined
  let members = 0
  let first = Infinity
  let last = -1
  for (const set of some) {
    members += set.size
    first = Math.min(first, set.first())
    last = Math.max(last, set.last())
  }
  const span = last - first + 1
  const isDense = span <= BITS_MAX && span <= BITS_PER_MEMBER_MAX * members + BITS_FREE && members <= MEMBERS_PER_BIT_MAX * span
  return isDense ? uniteInRow(some, first, last) : uniteInPairs(some)
}

/** Sets a bit for each member. */
function uniteInRow(sets: readonly Core[], first: number, last: number): Container | undefined {
  const base = (first & -0x10000) >>> 0
  const words = new Uint32Array((Math.floor((last - base) / 0x10000) + 1) * 2048)
  for (const set of sets) set.setBits(words, base)
  return fromBitRow(base, words)
}

/** Unites neighbours until one set is left, so that each member is copied as often as pairs of pairs are made. */
function uniteInPairs(sets: readonly Core[]): Container | undefined {
  let operands: Operand[] = sets.map((set) => set.operand())
  while (operands.length > 1) {
    const united: Operand[] = []
    for (let i = 0; i + 1 < operands.length; i += 2) {
      united.push({ container: combine(operands[i]!, operands[i + 1]!, UNION, 4), isOwned: true })
    }
    if (operands.length % 2 === 1) united.push(operands[operands.length - 1]!)
    operands = united
  }
  const { container, isOwned } = operands[0]!
  // A single set was united with nothing, so its container is still its own.
  return container === undefined || isOwned ? container : cloneContainer(container)
}
