import { clearBits, flipBits, setBits } from '../bits.ts'
import { fromWords, wordsOf } from './build.ts'
import { BITMAP, baseOf, type Container, LIST, ListContainer, RUNS } from './container.ts'
import { allocate, shrink } from './memory.ts'
import { INTERSECTION, type Operation } from './operation.ts'
import { firstValue } from './query.ts'

/** Combines two containers of one block, at least one of them a bitmap. */
export function combineBlocks(
  a: Container,
  isOwnedA: boolean,
  b: Container,
  isOwnedB: boolean,
  operation: Operation,
): Container | undefined {
  if (a.kind === LIST && b.kind === BITMAP && !operation.right) return keepByBits(a, b.words, operation.both)
  if (operation === INTERSECTION && b.kind === LIST) return keepByBits(b, wordsOf(a, true), true)
  // Every other operation but the difference is the same both ways round; begin with the bitmap that may be changed.
  if (operation.left === operation.right && (a.kind !== BITMAP || (!isOwnedA && isOwnedB && b.kind === BITMAP))) {
    return combineBlocks(b, isOwnedB, a, isOwnedA, operation)
  }
  const base = a.kind === BITMAP ? a.base : baseOf(firstValue(a), 2)
  const words = wordsOf(a, isOwnedA)
  if (b.kind === LIST) return fromWords(base, words, a.count + applyValues(words, b, operation))
  if (b.kind === RUNS && operation !== INTERSECTION) applyRuns(words, b.data, b.runs, operation)
  else applyWords(words, wordsOf(b, true), operation)
  return fromWords(base, words)
}

function keepByBits(list: ListContainer, words: Uint32Array, isSet: boolean): Container | undefined {
  const wanted = isSet ? 1 : 0
  const out = allocate(list.count)
  let count = 0
  for (let i = 0; i < list.count; i++) {
    const value = list.data[i]!
    out[count] = value
    if (((words[(value & 0xffff) >>> 5]! >>> value) & 1) === wanted) count++
  }
  return count === 0 ? undefined : new ListContainer(shrink(out, count), count)
}

/** Changes the bits of the values. Gives by how many there are more than before. */
function applyValues(words: Uint32Array, { data, count }: ListContainer, operation: Operation): number {
  let more = 0
  for (let i = 0; i < count; i++) {
    const value = data[i]!
    const index = (value & 0xffff) >>> 5
    const isSet = ((words[index]! >>> value) & 1) === 1
    const willBeSet = operation.right && (operation.both || !isSet)
    if (isSet === willBeSet) continue
    words[index]! ^= 1 << value
    more += willBeSet ? 1 : -1
  }
  return more
}

function applyRuns(words: Uint32Array, data: Uint32Array, runs: number, operation: Operation): void {
  const apply = operation.both ? setBits : operation.right ? flipBits : clearBits
  for (let i = 0; i < runs; i++) apply(words, data[2 * i]! & 0xffff, data[2 * i + 1]! & 0xffff)
}

function applyWords(words: Uint32Array, others: Uint32Array, operation: Operation): void {
  const { left, right, both } = operation
  if (!left) for (let i = 0; i < words.length; i++) words[i]! &= others[i]!
  else if (!right) for (let i = 0; i < words.length; i++) words[i]! &= ~others[i]!
  else if (both) for (let i = 0; i < words.length; i++) words[i]! |= others[i]!
  else for (let i = 0; i < words.length; i++) words[i]! ^= others[i]!
}
