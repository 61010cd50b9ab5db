import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Splinter, type SplinterReader, SplinterView } from '../src/index.ts'
import { ascending, mutableSamples, probesOf, propertyOptions, samples } from './sets.ts'

const OPERATIONS = ['union', 'intersection', 'difference', 'symmetricDifference'] as const
const RELATIONS = ['isSubsetOf', 'isSupersetOf', 'isDisjointFrom'] as const

/** Whether a set has exactly the members of a model, asked of its array, its size and its iterator's first values. */
function expectSame(set: SplinterReader, model: ReadonlySet<number>, what: string): void {
  expect(set.size, what).toBe(model.size)
  const values = set.toUint32Array()
  const expected = ascending(model)
  const difference = values.findIndex((value, i) => value !== expected[i])
  expect(difference, `${what}: first difference at`).toBe(-1)
}

describe('agreement with ECMAScript sets', () => {
  test.each(OPERATIONS)('%s, and the operands stay as they are', (operation) => {
    fc.assert(
      fc.property(samples, samples, (a, b) => {
        const what = `${a.how} ${operation} ${b.how}`
        const expected = (a.model as Set<number>)[operation](b.model)
        expectSame(a.set[operation](b.set), expected, what)
        expectSame(a.set[operation](b.model), expected, `${what}, as a Set`)
        expectSame(a.set, a.model, what)
        expectSame(b.set, b.model, what)
      }),
      propertyOptions(80),
    )
  })

  test.each(OPERATIONS)('%s of an ECMAScript Set takes a Splinter', (operation) => {
    fc.assert(
      fc.property(samples, samples, (a, b) => {
        const actual = new Set(a.model)[operation](b.set)
        expect(ascending(actual)).toEqual(ascending(new Set(a.model)[operation](b.model)))
      }),
      propertyOptions(40),
    )
  })

  test('relations', () => {
    fc.assert(
      fc.property(samples, samples, (a, b) => {
        const common = a.set.intersection(b.set)
        for (const relation of RELATIONS) {
          const what = `${a.how} ${relation} ${b.how}`
          expect(a.set[relation](b.set), what).toBe((a.model as Set<number>)[relation](b.model))
          expect(a.set[relation](b.model), what).toBe((a.model as Set<number>)[relation](b.model))
          // Random sets are rarely subsets of each other.
          expect(common[relation](a.set), what).toBe((ofReader(common) as Set<number>)[relation](a.model))
          expect(a.set[relation](common), what).toBe((a.model as Set<number>)[relation](ofReader(common)))
        }
        expect(a.set.equals(b.set)).toBe(ascending(a.model).toString() === ascending(b.model).toString())
        expect(a.set.equals(a.model)).toBe(true)
      }),
      propertyOptions(60),
    )
  })

  test.each([
    ['addAll', 'union'],
    ['deleteAll', 'difference'],
    ['retainAll', 'intersection'],
  ] as const)('%s is %s in place, and shares nothing with its argument', (inPlace, operation) => {
    fc.assert(
      fc.property(mutableSamples, samples, (a, b) => {
        const what = `${a.how} ${inPlace} ${b.how}`
        const expected = (a.model as Set<number>)[operation](b.model)
        const set = a.set.clone()
        expect(set[inPlace](b.set)).toBe(set)
        expectSame(set, expected, what)
        set.addRange(0, 70_000).deleteRange(30, 2 ** 31)
        expectSame(a.set, a.model, `${what}: clone`)
        expectSame(b.set, b.model, `${what}: argument`)
      }),
      propertyOptions(80),
    )
  })

  test('cut takes the intersection and leaves the difference', () => {
    fc.assert(
      fc.property(mutableSamples, samples, (a, b) => {
        const set = a.set.clone()
        const taken = set.cut(b.set)
        expectSame(taken, (a.model as Set<number>).intersection(b.model), 'taken')
        expectSame(set, (a.model as Set<number>).difference(b.model), 'left')
        taken.add(77).delete(200)
        expectSame(set, (a.model as Set<number>).difference(b.model), 'left')
        expectSame(b.set, b.model, 'argument')
      }),
      propertyOptions(60),
    )
  })

  test('adding and deleting values and ranges, one after the other', () => {
    const value = fc.oneof(fc.nat(700), fc.integer({ min: 65_000, max: 66_000 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
    const step = fc.record({ what: fc.constantFrom('add', 'delete', 'addRange', 'deleteRange'), value, length: fc.nat(2500) })
    fc.assert(
      fc.property(mutableSamples, fc.array(step, { maxLength: 30 }), ({ set, model }, steps) => {
        const expected = new Set(model)
        for (const { what, value, length } of steps) {
          const end = Math.min(2 ** 32 - 1, value + length)
          if (what === 'add') set.add(value)
          else if (what === 'delete') expect(set.delete(value)).toBe(expected.delete(value))
          else if (what === 'addRange') set.addRange(value, end)
          else set.deleteRange(value, end)
          if (what === 'add') expected.add(value)
          for (let v = value; v <= end; v++) {
            if (what === 'addRange') expected.add(v)
            else if (what === 'deleteRange') expected.delete(v)
          }
          expect(set.size).toBe(expected.size)
        }
        expectSame(set, expected, 'after all steps')
      }),
      propertyOptions(80),
    )
  })

  test('unionAll is the fold of union', () => {
    fc.assert(
      fc.property(fc.array(samples, { maxLength: 6 }), (many) => {
        const expected = many.reduce((union, { model }) => union.union(model), new Set<number>())
        expectSame(Splinter.unionAll(many.map(({ set }) => set)), expected, 'sets')
        expectSame(Splinter.unionAll(many.map(({ model }) => model)), expected, 'models')
        for (const { set, model, how } of many) expectSame(set, model, how)
      }),
      propertyOptions(60),
    )
  })
})

function ofReader(reader: SplinterReader): ReadonlySet<number> {
  return new Set(reader.toUint32Array())
}

describe('questions', () => {
  test('has, rank, select, indexOf, first, last', () => {
    fc.assert(
      fc.property(samples, fc.nat(), ({ set, model, how }, seed) => {
        const values = ascending(model)
        expect(set.first(), how).toBe(values[0])
        expect(set.last(), how).toBe(values.at(-1))
        for (const value of probesOf(model, seed)) {
          const rank = values.filter((member) => member <= value).length
          expect(set.has(value), `${how} has ${value}`).toBe(model.has(value))
          expect(set.rank(value), `${how} rank ${value}`).toBe(rank)
          expect(set.indexOf(value), `${how} indexOf ${value}`).toBe(model.has(value) ? rank - 1 : undefined)
          for (const index of [rank - 1, rank, values.length - 1 - rank]) {
            expect(set.select(index), `${how} select ${index}`).toBe(values[index])
          }
        }
      }),
      propertyOptions(80),
    )
  })

  test('rank and select are inverse', () => {
    fc.assert(
      fc.property(samples, fc.nat(), ({ set }, seed) => {
        if (set.size === 0) return
        for (let i = 0; i < 20; i++) {
          const index = (Math.imul(seed + i, 2_654_435_761) >>> 0) % set.size
          expect(set.rank(set.select(index)!) - 1).toBe(index)
        }
      }),
      propertyOptions(60),
    )
  })

  test('ranges: hasAll, hasAny, iteration', () => {
    fc.assert(
      fc.property(samples, fc.nat(), fc.nat(3000), ({ set, model, how }, seed, length) => {
        const values = ascending(model)
        for (const start of probesOf(model, seed).slice(0, 12)) {
          const end = Math.min(2 ** 32 - 1, start + length)
          const inside = [...values.filter((value) => start <= value && value <= end)]
          expect(set.hasAny({ start, end }), how).toBe(inside.length > 0)
          expect(set.hasAll({ start, end }), how).toBe(inside.length === end - start + 1)
          expect([...set.range(start, end)], how).toEqual(inside)
        }
      }),
      propertyOptions(60),
    )
  })

  test('every way of iterating gives the members in ascending order', () => {
    fc.assert(
      fc.property(samples, ({ set, model }) => {
        const values = [...ascending(model)]
        const visited: number[] = []
        set.forEach((value, key, self) => {
          expect(value === key && self === set).toBe(true)
          visited.push(value)
        })
        expect(visited).toEqual(values)
        expect([...set]).toEqual(values)
        expect([...set.keys()]).toEqual(values)
        expect([...set.values()]).toEqual(values)
        expect([...set.entries()]).toEqual(values.map((value) => [value, value]))
      }),
      propertyOptions(40),
    )
  })
})

describe('bytes', () => {
  test('decoding what was encoded gives the set back, and canonical bytes depend on the members alone', () => {
    fc.assert(
      fc.property(samples, ({ set, model, how }) => {
        for (const optimize of [true, false]) {
          const bytes = set.toBytes({ optimize })
          expectSame(new SplinterView(bytes), model, how)
          expectSame(Splinter.fromBytes(bytes), model, how)
          expectSame(Splinter.fromBytes(bytes, { trusted: true }), model, how)
          expectSame(new SplinterView(bytes, { trusted: true }), model, how)
          expect(Buffer.compare(bytes, Splinter.from(ascending(model)).toBytes({ optimize })), how).toBe(0)
        }
        expect(set.equals(model)).toBe(true)
        if (set instanceof Splinter) expect(set.byteLength).toBe(set.toBytes().length)
      }),
      propertyOptions(80),
    )
  })

  test('optimizing never makes a file larger', () => {
    fc.assert(
      fc.property(samples, ({ set }) => {
        expect(set.toBytes().length).toBeLessThanOrEqual(set.toBytes({ optimize: false }).length)
      }),
      propertyOptions(60),
    )
  })
})

describe('identities', () => {
  test('difference, intersection and symmetric difference divide the union', () => {
    fc.assert(
      fc.property(samples, samples, ({ set: a }, { set: b }) => {
        const union = a.union(b)
        const common = a.intersection(b)
        const distinct = a.symmetricDifference(b)
        expect(a.size + b.size).toBe(union.size + common.size)
        expect(distinct.equals(union.difference(common))).toBe(true)
        expect(a.difference(b).union(common).equals(a)).toBe(true)
        expect(b.union(a).equals(union)).toBe(true)
        expect(common.isSubsetOf(a) && union.isSupersetOf(b) && distinct.isDisjointFrom(common)).toBe(true)
      }),
      propertyOptions(60),
    )
  })

  test('complements: what the full set lacks without a set is that set', () => {
    fc.assert(
      fc.property(samples, ({ set }) => {
        const rest = Splinter.fromRange(0, 2 ** 32 - 1).difference(set)
        expect(rest.size).toBe(2 ** 32 - set.size)
        expect(rest.isDisjointFrom(set)).toBe(true)
        expect(
          Splinter.fromRange(0, 2 ** 32 - 1)
            .deleteAll(rest)
            .equals(set),
        ).toBe(true)
        expect(Splinter.fromBytes(rest.toBytes()).equals(rest)).toBe(true)
      }),
      propertyOptions(60),
    )
  })
})
