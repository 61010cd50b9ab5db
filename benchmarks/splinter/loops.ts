/*
 * What is timed. Engines optimize a function for the objects it has met; so that no contender pays for having come after
 * others, each gets these functions to itself: the module is imported once for each, under a name of its own.
 */
import type { Contender } from './contender.ts'
import type { Workload } from './workloads.ts'

/** Does an operation once for each thing in a workload; gives a number that is the same for all contenders. */
export interface Loop {
  readonly run: () => number
  /** How many operations a run is. */
  readonly operations: number
}

/** Names of the operations, in the order of the table of targets. */
export type OperationName =
  | 'has'
  | 'bytes -> first answer'
  | 'array -> bytes'
  | 'union'
  | 'intersection'
  | 'bytes -> mutable set'
  | 'mutable set -> bytes'
  | 'rank'
  | 'select'

/** Prepares a loop; `undefined` if the contender does not offer the operation. */
export function loopOf<S>(contender: Contender<S>, operation: OperationName, workload: Workload): Loop | undefined {
  const { sets: members, probes } = workload
  const { encode, decode, ask } = contender
  const sets = members.map((values) => contender.make(values))
  const total = probes.reduce((sum, { length }) => sum + length, 0)
  const all = sets.length
  switch (operation) {
    case 'has':
      return { run: () => has(contender, sets, probes), operations: total }
    case 'rank':
      return contender.rank && { run: () => rank(contender, sets, probes), operations: total }
    case 'select':
      return contender.select && { run: () => select(contender, sets, members, probes), operations: total }
    case 'union':
    case 'intersection': {
      const combine = contender[operation]
      return combine && { run: () => combineNeighbours(contender, sets, combine), operations: all }
    }
    case 'mutable set -> bytes':
      return encode && { run: () => encodeAll(sets, encode), operations: all }
    case 'array -> bytes':
      return encode && { run: () => makeBytes(contender, members, encode), operations: all }
    default: {
      if (encode === undefined || decode === undefined || ask === undefined) return undefined
      const bytes = sets.map((set) => encode(set))
      if (operation === 'bytes -> first answer') return { run: () => askAll(bytes, probes, ask), operations: all }
      return { run: () => decodeAll(contender, bytes, decode), operations: all }
    }
  }
}

function has<S>(contender: Contender<S>, sets: readonly S[], probes: readonly Uint32Array[]): number {
  let hits = 0
  for (let i = 0; i < sets.length; i++) {
    const set = sets[i]!
    const asked = probes[i]!
    for (let k = 0; k < asked.length; k++) if (contender.has(set, asked[k]!)) hits++
  }
  return hits
}

function rank<S>(contender: Contender<S>, sets: readonly S[], probes: readonly Uint32Array[]): number {
  let sum = 0
  for (let i = 0; i < sets.length; i++) {
    const set = sets[i]!
    const asked = probes[i]!
    for (let k = 0; k < asked.length; k++) sum += contender.rank!(set, asked[k]!)
  }
  return sum
}

function select<S>(
  contender: Contender<S>,
  sets: readonly S[],
  members: readonly Uint32Array[],
  probes: readonly Uint32Array[],
): number {
  // Not their sum: roaring-wasm rounds what it selects to 24 bits, so that large members come out wrong.
  let some = 0
  for (let i = 0; i < sets.length; i++) {
    const set = sets[i]!
    const asked = probes[i]!
    const size = members[i]!.length
    for (let k = 0; k < asked.length; k++) some += Number(contender.select!(set, asked[k]! % size) >= 0)
  }
  return some
}

function combineNeighbours<S>(contender: Contender<S>, sets: readonly S[], combine: (a: S, b: S) => S): number {
  let sum = 0
  for (let i = 0; i < sets.length; i++) {
    const result = combine(sets[i]!, sets[(i + 1) % sets.length]!)
    sum += contender.size(result)
    contender.drop(result)
  }
  return sum
}

function encodeAll<S>(sets: readonly S[], encode: (set: S) => Uint8Array): number {
  let some = 0
  for (const set of sets) some += Number(encode(set).length > 0)
  return some
}

function makeBytes<S>(contender: Contender<S>, members: readonly Uint32Array[], encode: (set: S) => Uint8Array): number {
  let some = 0
  for (const values of members) {
    const set = contender.make(values)
    some += Number(encode(set).length > 0)
    contender.drop(set)
  }
  return some
}

function decodeAll<S>(contender: Contender<S>, all: readonly Uint8Array[], decode: (bytes: Uint8Array) => S): number {
  let sum = 0
  for (const bytes of all) {
    const set = decode(bytes)
    sum += contender.size(set)
    contender.drop(set)
  }
  return sum
}

function askAll(
  all: readonly Uint8Array[],
  probes: readonly Uint32Array[],
  ask: (bytes: Uint8Array, value: number) => boolean,
): number {
  let hits = 0
  for (let i = 0; i < all.length; i++) if (ask(all[i]!, probes[i]![0]!)) hits++
  return hits
}
