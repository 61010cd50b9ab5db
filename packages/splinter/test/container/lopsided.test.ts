import { describe, expect, test } from 'vitest'
import { Splinter } from '../../src/index.ts'

/*
 * A few values beside many, in one block below trees: there the shorter list is looked up in the longer one. The few are anywhere:
 * before the many, among them, and behind their end.
 */
const BLOCK = 0x0305_0000
const many = Array.from({ length: 1500 }, (_, i) => BLOCK + 10_000 + 3 * i)
const last = many.at(-1)!
const FEW: [string, number[]][] = [
  ['all before', [BLOCK, BLOCK + 9_999]],
  ['all behind', [last + 1, last + 2, BLOCK + 65_535]],
  ['all among, members', [many[0]!, many[700]!, last]],
  ['all among, others', [many[0]! + 1, many[700]! + 2, last - 1]],
  ['everywhere', [BLOCK + 5, many[0]!, many[3]! + 1, many[1499]!, last + 7]],
]
// So many that the roots are trees, and that neither set is small beside the other.
const elsewhere = (first: number): number[] =>
  Array.from({ length: 6000 }, (_, i) => first + Math.imul(i, 0x0001_0007) * 2 + 2 ** 30)

const OPERATIONS = ['union', 'intersection', 'difference', 'symmetricDifference'] as const

describe.each(FEW)('%s', (_what, few) => {
  const modelFew = new Set([...few, ...elsewhere(1).map((value) => value >>> 0)])
  const modelMany = new Set([...many, ...elsewhere(2).map((value) => value >>> 0)])

  test.each(OPERATIONS)('%s', (operation) => {
    for (const [a, b] of [
      [modelFew, modelMany],
      [modelMany, modelFew],
    ] as const) {
      const expected = Uint32Array.from(a[operation](b)).sort()
      expect(Splinter.from(a)[operation](Splinter.from(b)).toUint32Array()).toEqual(expected)
      const inPlace = Splinter.from(a)
      if (operation === 'union') inPlace.addAll(Splinter.from(b))
      else if (operation === 'intersection') inPlace.retainAll(Splinter.from(b))
      else if (operation === 'difference') inPlace.deleteAll(Splinter.from(b))
      else continue
      expect(inPlace.toUint32Array()).toEqual(expected)
    }
  })

  test('relations', () => {
    const a = Splinter.from(modelFew)
    const b = Splinter.from(modelMany)
    const both = Splinter.from(modelFew.union(modelMany))
    expect([a.isSubsetOf(b), a.isSubsetOf(both), b.isSubsetOf(both), both.isSubsetOf(b)]).toEqual([false, true, true, false])
    const fewOnly = Splinter.from([...few, ...many.slice(0, 1).map((value) => value + 2 ** 29)])
    expect(fewOnly.isDisjointFrom(b)).toBe(few.every((value) => !modelMany.has(value)))
  })
})

test('a value that was deleted from the end of a list is gone, though it may still lie behind the end', () => {
  const gone = last + 30
  const base = Splinter.from([...many, gone, ...elsewhere(2).map((value) => value >>> 0)])
  base.add(gone + 1)
  base.delete(gone + 1)
  base.delete(gone)
  for (const few of [[gone], [many[5]!, gone], [gone, gone + 1, gone + 2]]) {
    const other = Splinter.from([...few, ...elsewhere(1).map((value) => value >>> 0)])
    const expected = few.filter((value) => value < gone)
    const inBlock = (set: Splinter): number[] => [...set.range(BLOCK, BLOCK + 65_535)]
    expect(inBlock(other.intersection(base))).toEqual(expected)
    expect(inBlock(base.intersection(other))).toEqual(expected)
    expect(inBlock(other.difference(base))).toEqual(few.filter((value) => value >= gone))
    expect(base.has(gone)).toBe(false)
    expect(base.isSupersetOf(few)).toBe(expected.length === few.length)
    expect(inBlock(other.union(base))).toEqual([...new Set([...many, ...few])].sort((a, b) => a - b))
  }
})
