import { expect, test } from 'vitest'
import { Splinter } from '../../src/index.ts'

// So many in each block, and so scattered, that blocks are lists, bitmaps and trees of them.
const block = (first: number, step: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + step * i)
const PARTS = [block(0, 7, 3000), block(2 ** 24, 3, 9000), block(2 ** 31, 1001, 3000), block(2 ** 32 - 200_000, 5, 6000)]

/** The parts of some numbers. */
const setOf = (...parts: number[]): Splinter => Splinter.from(parts.flatMap((part) => PARTS[part]!))

test('a set whose members are in parts that another lacks is no subset of it, though it is smaller and within its ends', () => {
  const whole = setOf(0, 1, 2, 3)
  for (const missing of [0, 1, 2, 3]) {
    const others = [0, 1, 2, 3].filter((part) => part !== missing)
    // As many members as there are, and more, elsewhere.
    const large = setOf(...others)
      .addAll(block(2 ** 25, 11, 12_000))
      .add(0)
      .add(2 ** 32 - 1)
    for (const small of [setOf(missing), setOf(missing, others[0]!), Splinter.from(PARTS[missing]!.slice(1, 200))]) {
      expect([small.isSubsetOf(large), large.isSupersetOf(small), small.equals(large)]).toEqual([false, false, false])
      expect(small.isSubsetOf(whole)).toBe(true)
    }
    expect(Splinter.from(PARTS[missing]!.slice(1)).isDisjointFrom(large)).toBe(true)
    expect(setOf(...others).isSubsetOf(large)).toBe(true)
    expect(setOf(...others).isDisjointFrom(whole)).toBe(false)
  }
})
