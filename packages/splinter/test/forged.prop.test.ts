import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Splinter, type SplinterReader, SplinterView } from '../src/index.ts'
import { file, forge, full, type Partition, type Pick, runs, tree, treeOfMany, vec } from './forge.ts'
import { readNaively } from './naive-reader.ts'
import { ascending, propertyOptions, type Sample, samples } from './sets.ts'

const OPERATIONS = ['union', 'intersection', 'difference', 'symmetricDifference'] as const
const RELATIONS = ['isSubsetOf', 'isSupersetOf', 'isDisjointFrom'] as const

/** Picks by a seed. */
function picker(seed: number): Pick {
  let state = seed
  return (things) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return things[(state >>> 8) % things.length]!
  }
}

// The members of other samples, in files of kinds that no writer picks. Large models make large files.
const forged: fc.Arbitrary<Sample> = fc
  .tuple(
    samples.filter(({ model }) => model.size <= 3000),
    fc.nat(),
    fc.boolean(),
  )
  .map(([{ model }, seed, isView]) => {
    const bytes = forge([...ascending(model)], picker(seed))
    return { set: isView ? new SplinterView(bytes) : Splinter.fromBytes(bytes), model, how: `forged${isView ? ', view' : ''}` }
  })

function expectSame(set: SplinterReader, model: ReadonlySet<number>, what: string): void {
  expect(set.size, what).toBe(model.size)
  const expected = ascending(model)
  expect(
    set.toUint32Array().findIndex((value, i) => value !== expected[i]),
    `${what}: first difference at`,
  ).toBe(-1)
}

describe('legal files that no writer makes', () => {
  test('the forger writes what a second reader reads', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.oneof(fc.nat(600), fc.nat(2 ** 32 - 1)), { maxLength: 300 }), fc.nat(), (members, seed) => {
        const values = [...ascending(members)]
        const read = readNaively(forge(values, picker(seed)))
        expect(read.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i))).toEqual(values)
      }),
      propertyOptions(100),
    )
  })

  test('hold the same sets, and are written again canonically', () => {
    fc.assert(
      fc.property(forged, ({ set, model, how }) => {
        expectSame(set, model, how)
        expect(Buffer.compare(set.toBytes(), Splinter.from(ascending(model)).toBytes()), how).toBe(0)
        expect(set.equals(model)).toBe(true)
      }),
      propertyOptions(100),
    )
  })

  test.each(OPERATIONS)('take part in %s', (operation) => {
    fc.assert(
      fc.property(forged, fc.oneof(forged, samples), (a, b) => {
        expectSame(a.set[operation](b.set), (a.model as Set<number>)[operation](b.model), `${a.how} ${operation} ${b.how}`)
        expectSame(b.set[operation](a.set), (b.model as Set<number>)[operation](a.model), `${b.how} ${operation} ${a.how}`)
      }),
      propertyOptions(60),
    )
  })

  test('take part in relations, cut and unionAll', () => {
    fc.assert(
      fc.property(forged, fc.oneof(forged, samples), (a, b) => {
        for (const relation of RELATIONS) {
          expect(a.set[relation](b.set), relation).toBe((a.model as Set<number>)[relation](b.model))
        }
        expectSame(Splinter.unionAll([a.set, b.set, a.set]), (a.model as Set<number>).union(b.model), 'unionAll')
        const left = Splinter.from(a.set)
        expectSame(left.cut(b.set), (a.model as Set<number>).intersection(b.model), 'taken')
        expectSame(left, (a.model as Set<number>).difference(b.model), 'left')
        expectSame(a.set, a.model, 'operand')
      }),
      propertyOptions(60),
    )
  })

  test('are changed like any other set', () => {
    fc.assert(
      fc.property(forged, fc.array(fc.nat(2 ** 32 - 1), { maxLength: 20 }), ({ set, model }, values) => {
        const changed = Splinter.from(set)
        const expected = new Set(model)
        for (const value of [...values, ...[...model].slice(0, 20)]) {
          if (expected.delete(value)) expect(changed.delete(value)).toBe(true)
          else {
            expected.add(value)
            changed.add(value)
          }
        }
        expectSame(changed, expected, 'changed')
      }),
      propertyOptions(60),
    )
  })
})

describe('I11: runs, more than are read at a time', () => {
  const pairs = (count: number): [number, number][] => Array.from({ length: count }, (_, i) => [10 * i, 10 * i + 3])
  const widths = [4, 3, 2]
  /** A run partition of any width as a file: below trees of one child. */
  const fileOf = (width: number, list: readonly [number, number][]): Uint8Array => {
    let partition: Partition = runs(width, list)
    for (let above = width + 1; above <= 4; above++) partition = tree(above, [[7, partition]])
    return file(partition)
  }

  test.each(widths)('in order, width %i', (width) => {
    for (const count of [255, 256, 257, 511, 512, 513]) {
      const view = new SplinterView(fileOf(width, pairs(count)))
      expect(view.size).toBe(4 * count)
      expect(Splinter.fromBytes(view.bytes).equals(view)).toBe(true)
      expect(view.toUint32Array()[4 * count - 1]).toBe(view.last())
    }
  })

  test.each(widths)('out of order at any place, width %i', (width) => {
    for (const place of [1, 255, 256, 257, 511, 512]) {
      const list = pairs(520)
      const touching = list.with(place, [list[place - 1]![1] + 1, list[place]![1]])
      const swapped = list.with(place, list[place - 1]!).with(place - 1, list[place]!)
      const reversed = list.with(place, [list[place]![1], list[place]![0]])
      for (const wrong of [touching, swapped, reversed]) {
        const bytes = fileOf(width, wrong)
        expect(() => new SplinterView(bytes), `run ${place}`).toThrow(expect.objectContaining({ code: 'RUNS_ORDER' }))
      }
    }
  })
})

describe('trees of every size', () => {
  // Up to 32 segments are a list, up to 255 are bits, and 256 are not stored.
  const sizes = [1, 2, 3, 31, 32, 33, 34, 128, 254, 255, 256]

  test.each([4, 3, 2])('at width %i: every segment, whether it is there or not', (width) => {
    for (const children of sizes) {
      const picked = Array.from({ length: 256 }, (_, segment) => segment)
        .toSorted((a, b) => ((97 * a) & 255) - ((97 * b) & 255))
        .slice(0, children)
        .toSorted((a, b) => a - b)
      const members = [0, 7]
      let partition = tree(
        width,
        picked.map((segment) => [segment, vec(width - 1, members)]),
      )
      let base = 0
      for (let above = width + 1; above <= 4; above++) {
        partition = tree(above, [[200, partition]])
        base += 200 * 256 ** (above - 1)
      }
      const bytes = file(partition)
      for (const set of [new SplinterView(bytes), Splinter.fromBytes(bytes)] as SplinterReader[]) {
        expect(set.size).toBe(2 * children)
        for (let segment = 0, before = 0; segment < 256; segment++) {
          const first = base + segment * 256 ** (width - 1)
          const isThere = picked.includes(segment)
          const what = `${children} children, segment ${segment}`
          expect([set.has(first), set.has(first + 7), set.has(first + 8)], what).toEqual([isThere, isThere, false])
          expect([set.rank(first + 6), set.rank(first + 7)], what).toEqual(isThere ? [before + 1, before + 2] : [before, before])
          expect(set.range(first, 2 ** 32 - 1).next().value === first, what).toBe(isThere)
          if (!isThere) continue
          expect([set.select(before), set.select(before + 1)], what).toEqual([first, first + 7])
          before += 2
        }
      }
    }
  })
})

describe('chains of trees with one child', () => {
  test.each([
    ['full', full(1), 0x0102_0300, 256],
    ['vec', vec(1, [0, 9, 255]), 0x0102_0300, 3],
    ['runs', runs(1, [[5, 9]]), 0x0102_0305, 5],
  ])('down to the lowest level: %s', (_what, lowest, first, count) => {
    const bytes = file(tree(4, [[1, tree(3, [[2, tree(2, [[3, lowest]])]])]]))
    for (const set of [new SplinterView(bytes), Splinter.fromBytes(bytes)] as SplinterReader[]) {
      expect([set.size, set.first(), set.rank(first - 1), set.rank(2 ** 32 - 1)]).toEqual([count, first, 0, count])
      expect([set.has(first), set.has(first - 256), set.has(0), set.has(2 ** 32 - 1)]).toEqual([true, false, false, false])
      expect([...set.range(0, first)]).toEqual([first])
      expect([...set.range(0x0102_0400, 2 ** 32 - 1)]).toEqual([])
      expect(set.select(count - 1)).toBe(set.last())
    }
  })

  test('one step further down there is no tree', () => {
    const tooDeep = file(tree(4, [[1, tree(3, [[2, tree(2, [[3, { bytes: tree(1, [[4, full(1)]]).bytes, count: 1 }]])]])]]))
    expect(() => new SplinterView(tooDeep)).toThrow(expect.objectContaining({ code: 'PARTITION_KIND' }))
  })

  test('a complete set as trees all the way down to full blocks', () => {
    const bytes = file(treeOfMany(4, 256, treeOfMany(3, 256, full(2))))
    const everything = Splinter.fromRange(0, 2 ** 32 - 1)
    for (const set of [new SplinterView(bytes), Splinter.fromBytes(bytes)] as SplinterReader[]) {
      expect([set.size, set.last(), set.rank(2 ** 31), set.select(2 ** 31)]).toEqual([2 ** 32, 2 ** 32 - 1, 2 ** 31 + 1, 2 ** 31])
      expect(set.equals(everything)).toBe(true)
      expect(set.toBytes().length).toBe(13)
    }
  })
})
