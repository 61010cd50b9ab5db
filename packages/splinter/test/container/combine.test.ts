import { describe, expect, test } from 'vitest'
import { Splinter, type SplinterReader, SplinterView } from '../../src/index.ts'

/*
 * Every kind of container against every other, in one block of 65,536 values: each shape below becomes another kind. The
 * expected members are worked out flag by flag.
 */
const BLOCK = 65_536
const BASE = 0x0305_0000
const hash = (value: number, salt: number): number => Math.imul((value + salt) ^ (value >>> 5), 2_654_435_761) >>> 0

const SHAPES: Readonly<Record<string, (value: number) => boolean>> = {
  nothing: () => false,
  'one value': (v) => v === 40_000,
  'a few values': (v) => v % 4001 === 7,
  'a list': (v) => hash(v, 1) % 50 === 0,
  'a scattered bitmap': (v) => hash(v, 2) % 3 === 0,
  'a thin bitmap': (v) => hash(v, 3) % 20 === 0,
  'every other value': (v) => v % 2 === 0,
  'a few runs': (v) => v % 9000 < 4000,
  'many short runs': (v) => v % 40 < 25,
  'the upper half': (v) => v >= BLOCK / 2,
  'all but a few': (v) => v % 5003 !== 0,
  everything: () => true,
}
const NAMES = Object.keys(SHAPES)

const OPERATIONS = {
  union: (a: boolean, b: boolean) => a || b,
  intersection: (a: boolean, b: boolean) => a && b,
  difference: (a: boolean, b: boolean) => a && !b,
  symmetricDifference: (a: boolean, b: boolean) => a !== b,
} as const
type OperationName = keyof typeof OPERATIONS
const NAMES_OF_OPERATIONS = Object.keys(OPERATIONS) as OperationName[]

/** Values outside the block, so many that the root is a tree. */
const ELSEWHERE = Uint32Array.from({ length: 6000 }, (_, i) => hash(i, 9) | 0x8000_0000).sort()

function flagsOf(name: string): Uint8Array {
  return Uint8Array.from({ length: BLOCK }, (_, v) => (SHAPES[name]!(v) ? 1 : 0))
}

function valuesOf(flags: Uint8Array): Uint32Array {
  const values = new Uint32Array(BLOCK)
  let count = 0
  for (let v = 0; v < BLOCK; v++) {
    values[count] = BASE + v
    count += flags[v]!
  }
  return values.slice(0, count)
}

const SHAPE_FLAGS = new Map(NAMES.map((name) => [name, flagsOf(name)]))
const SHAPE_VALUES = new Map(NAMES.map((name) => [name, valuesOf(SHAPE_FLAGS.get(name)!)]))

/** A set of a shape: alone, or below trees. */
function setOf(name: string, isBelowTrees: boolean): Splinter {
  const set = Splinter.from(SHAPE_VALUES.get(name)!)
  return isBelowTrees ? set.addAll(ELSEWHERE) : set
}

const EXPECTED = new Map<string, Uint32Array>()

function expected(operation: OperationName, a: string, b: string): Uint32Array {
  const key = `${operation}/${a}/${b}`
  let values = EXPECTED.get(key)
  if (values === undefined) {
    const keeps = OPERATIONS[operation]
    const flagsB = SHAPE_FLAGS.get(b)!
    values = valuesOf(SHAPE_FLAGS.get(a)!.map((flag, v) => Number(keeps(flag === 1, flagsB[v] === 1))))
    EXPECTED.set(key, values)
  }
  return values
}

/** Compares what a set holds in the block, and that it is as sound as one made of those values. */
function expectInBlock(set: SplinterReader, values: Uint32Array, what: string): void {
  const before = set.rank(BASE - 1)
  expect(set.rank(BASE + BLOCK - 1) - before, `${what}: size`).toBe(values.length)
  const inBlock = set.toUint32Array().subarray(before, before + values.length)
  expect(Buffer.compare(bytesOf(inBlock), bytesOf(values)), `${what}: members`).toBe(0)
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

/** Deletes and adds single values, which is done in place. */
function disturb(set: Splinter): void {
  for (const value of [...set.range(BASE, BASE + BLOCK - 1)].slice(0, 3)) set.delete(value)
  for (let value = BASE + 50; value < BASE + 60; value++) set.add(value)
  for (const value of ELSEWHERE.subarray(0, 3)) set.delete(value)
  set.add(0x8000_0001)
}

describe.each([
  ['alone', false],
  ['below trees', true],
])('two blocks, %s', (_where, isBelowTrees) => {
  test.each(NAMES)('%s with every other shape', (a) => {
    const left = setOf(a, isBelowTrees)
    const leftBytes = left.toBytes()
    for (const b of NAMES) {
      const right = setOf(b, isBelowTrees)
      const rightBytes = right.toBytes()
      for (const operation of NAMES_OF_OPERATIONS) {
        const what = `${a} ${operation} ${b}`
        const values = expected(operation, a, b)
        const result = left[operation](right)
        expectInBlock(result, values, what)
        expectInBlock(left[operation](new SplinterView(rightBytes)), values, `${what} (view)`)
        // The result is sound: its own bytes are those of a set made afresh.
        expect(Buffer.compare(result.toBytes(), Splinter.from(result.toUint32Array()).toBytes()), what).toBe(0)
        disturb(result)
        expect(Buffer.compare(left.toBytes(), leftBytes), `${what}: left operand`).toBe(0)
        expect(Buffer.compare(right.toBytes(), rightBytes), `${what}: right operand`).toBe(0)
      }
    }
  })

  test.each(NAMES)('%s with every other shape, in place', (a) => {
    for (const b of NAMES) {
      const right = setOf(b, isBelowTrees)
      const rightBytes = right.toBytes()
      for (const [method, operation] of [
        ['addAll', 'union'],
        ['deleteAll', 'difference'],
        ['retainAll', 'intersection'],
      ] as const) {
        const what = `${a} ${method} ${b}`
        const set = setOf(a, isBelowTrees)[method](right)
        expectInBlock(set, expected(operation, a, b), what)
        disturb(set)
        expect(Buffer.compare(right.toBytes(), rightBytes), `${what}: argument`).toBe(0)
      }
    }
  })

  test.each(NAMES)('relations of %s with every other shape', (a) => {
    const left = setOf(a, isBelowTrees)
    for (const b of NAMES) {
      const right = setOf(b, isBelowTrees)
      const what = `${a} and ${b}`
      const common = expected('intersection', a, b).length
      expect(left.isSubsetOf(right), what).toBe(common === SHAPE_VALUES.get(a)!.length)
      expect(left.isSupersetOf(right), what).toBe(common === SHAPE_VALUES.get(b)!.length)
      expect(left.isDisjointFrom(right), what).toBe(!isBelowTrees && common === 0)
      expect(left.equals(right), what).toBe(a === b)
    }
  })
})
