import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { Splinter, SplinterError, type SplinterReader, SplinterView } from '../src/index.ts'

const MAX = 2 ** 32 - 1
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const viewOf = (set: Splinter): SplinterView => new SplinterView(set.toBytes())

describe('making sets', () => {
  test('of nothing', () => {
    for (const set of [new Splinter(), new Splinter(null), new Splinter([]), Splinter.fromRange(5, 4), Splinter.unionAll([])]) {
      expect(set.size).toBe(0)
      expect([...set]).toEqual([])
      expect([set.first(), set.last(), set.select(0), set.indexOf(0)]).toEqual([undefined, undefined, undefined, undefined])
      expect(set.rank(MAX)).toBe(0)
      expect(set.has(0)).toBe(false)
      expect(set.hasAny({ start: 0, end: MAX })).toBe(false)
    }
  })

  test.each<[string, Iterable<number>]>([
    ['an array in any order', [5, 1, 5, MAX, 0]],
    ['a typed array', Uint32Array.of(0, 1, 5, MAX)],
    ['an unsorted typed array', Uint32Array.of(MAX, 1, 5, 0, 5)],
    ['another typed array', Float64Array.of(0, 1, 5, MAX)],
    ['a Set', new Set([MAX, 5, 1, 0])],
    ['an iterable that is no set', { [Symbol.iterator]: () => [MAX, 0, 1, 5].values() }],
    ['another Splinter', new Splinter([0, 1, 5, MAX])],
    ['a view', viewOf(new Splinter([0, 1, 5, MAX]))],
  ])('from %s', (_what, values) => {
    expect([...Splinter.from(values)]).toEqual([0, 1, 5, MAX])
    expect([...new Splinter(values)]).toEqual([0, 1, 5, MAX])
  })

  test('an array that was handed in is neither sorted nor kept', () => {
    const values = Uint32Array.of(9, 3, 7)
    const sorted = Uint32Array.of(3, 7, 9)
    const sets = [Splinter.from(values), Splinter.from(sorted)]
    expect([...values]).toEqual([9, 3, 7])
    sorted[0] = 1
    for (const set of sets) expect([...set]).toEqual([3, 7, 9])
  })

  test('from anything with the methods of a Set', () => {
    const multiples = { size: 3, has: (value: number) => value % 10 === 0, keys: () => [10, 0, 20].values() }
    expect([...Splinter.from(multiples)]).toEqual([0, 10, 20])
    expect([...Splinter.from([10, 11]).intersection(multiples)]).toEqual([10])
  })

  test('a clone shares nothing', () => {
    for (const set of [Splinter.from([1, 2]), Splinter.fromRange(5, 500_000), scattered(9000), scattered(200_000)]) {
      const clone = set.clone()
      const before = set.size
      clone.deleteRange(0, 100_000).add(7)
      expect(set.size).toBe(before)
    }
  })
})

/** Values 0, 3, 6 …: lists, then trees of bitmaps. */
function scattered(count: number): Splinter {
  return Splinter.from(Uint32Array.from({ length: count }, (_, i) => 3 * i))
}

describe('what cannot be a member', () => {
  const outsiders: unknown[] = [-1, 2 ** 32, 1.5, Number.NaN, Infinity, -Infinity, '1', undefined, null, 5n]

  test.each(outsiders.map((value) => [value]))('%s is no member, and an error where it would become one', (value) => {
    const set = Splinter.from([0, 1, 5, MAX])
    for (const reader of [set, viewOf(set)] as SplinterReader[]) {
      expect(reader.has(value as number)).toBe(false)
      expect(reader.indexOf(value as number)).toBeUndefined()
      const other = new Set([value as number, 5])
      expect([...reader.intersection(other)]).toEqual([5])
      expect([...reader.difference(other)]).toEqual([0, 1, MAX])
      expect(reader.isSupersetOf(other)).toBe(false)
      expect(reader.isSubsetOf(new Set([...other, 0, 1, MAX]))).toBe(true)
      expect(reader.isDisjointFrom(new Set([value as number]))).toBe(true)
      expect(reader.equals(new Set([...reader, value as number]))).toBe(false)
      expectInvalid(() => reader.union(other))
      expectInvalid(() => reader.symmetricDifference(other))
    }
    expect(set.delete(value as number)).toBe(false)
    expectInvalid(() => set.add(value as number))
    expectInvalid(() => set.addAll([value as number]))
    expectInvalid(() => Splinter.from([value as number]))
    expectInvalid(() => Splinter.unionAll([[1], [value as number]]))
    expect([...set]).toEqual([0, 1, 5, MAX])
  })

  test('ranges with bounds that are no members', () => {
    const set = Splinter.from([1])
    for (const [start, end] of [
      [-1, 5],
      [0, 2 ** 32],
      [0.5, 5],
      [2 ** 32 + 1, 2 ** 32 + 2],
      [0, Number.NaN],
    ] as const) {
      expectInvalid(() => set.addRange(start, end))
      expectInvalid(() => set.deleteRange(start, end))
      expectInvalid(() => set.hasAll({ start, end }))
      expectInvalid(() => set.hasAny({ start, end }))
      expectInvalid(() => [...set.range(start, end)])
      expectInvalid(() => Splinter.fromRange(start, end))
    }
  })

  test('a range whose start is above its end is empty, also behind the last value', () => {
    const set = Splinter.from([1, MAX])
    for (const [start, end] of [
      [1, 0],
      [2 ** 32, MAX],
    ] as const) {
      expect([...set.addRange(start, end)]).toEqual([1, MAX])
      expect([...set.deleteRange(start, end)]).toEqual([1, MAX])
      expect(set.hasAll({ start, end })).toBe(true)
      expect(set.hasAny({ start, end })).toBe(false)
      expect([...set.range(start, end)]).toEqual([])
    }
  })

  test('rank and select of numbers between and beyond', () => {
    for (const set of [Splinter.from([2, 5]), viewOf(Splinter.from([2, 5]))] as SplinterReader[]) {
      expect([-1, 1.9, 2, 4.5, 5, 2 ** 40, Infinity, Number.NaN].map((value) => set.rank(value))).toEqual([
        0, 0, 1, 1, 2, 2, 2, 0,
      ])
      expect([-1, 0.5, 2, Number.NaN].map((index) => set.select(index))).toEqual([undefined, undefined, undefined, undefined])
    }
  })
})

function expectInvalid(call: () => unknown): void {
  expect(call).toThrow(SplinterError)
  try {
    call()
  } catch (error) {
    expect(error).toMatchObject({ name: 'SplinterError', kind: 'invalid', code: 'VALUE_RANGE', offset: 0 })
  }
}

describe('the full set', () => {
  const full = Splinter.fromRange(0, MAX)

  test('has 2^32 members and 13 bytes', () => {
    for (const set of [full, viewOf(full), Splinter.fromBytes(full.toBytes())] as SplinterReader[]) {
      expect(set.size).toBe(2 ** 32)
      expect(set.byteLength).toBe(13)
      expect([set.first(), set.last(), set.rank(MAX), set.rank(0), set.select(MAX), set.indexOf(MAX)]).toEqual([
        0,
        MAX,
        2 ** 32,
        1,
        MAX,
        MAX,
      ])
      expect(set.select(2 ** 32)).toBeUndefined()
      expect([...set.range(MAX - 2, MAX)]).toEqual([MAX - 2, MAX - 1, MAX])
      expect(set.hasAll({ start: 0, end: MAX })).toBe(true)
      expect(set.keys().next().value).toBe(0)
    }
  })

  test('loses and regains values', () => {
    const set = full.clone()
    expect(set.delete(2 ** 31)).toBe(true)
    expect(set.size).toBe(MAX)
    expect(viewOf(set).has(2 ** 31)).toBe(false)
    expect(set.add(2 ** 31).equals(full)).toBe(true)
    expect(set.deleteAll(full).size).toBe(0)
  })

  test('has no array', () => {
    for (const set of [full, viewOf(full)] as SplinterReader[]) {
      expect(() => set.toUint32Array()).toThrow(expect.objectContaining({ kind: 'exhausted', code: 'SET_TOO_LARGE' }))
    }
  })

  test('is put together from its halves, however they are made', () => {
    const set = Splinter.fromRange(0, MAX)
      .deleteRange(1000, 2 ** 31)
      .addAll(Splinter.fromRange(900, 2 ** 31 + 5))
    expect(set.equals(full)).toBe(true)
    expect(hex(set.toBytes())).toBe(hex(full.toBytes()))
  })
})

describe('a set and itself', () => {
  test.each([[Splinter.from([1, 2, 9])], [Splinter.fromRange(5, 100_000)], [scattered(200_000)]])('%#', (set) => {
    expect(set.clone().addAll(set).equals(set)).toBe(true)
    const same = set.clone()
    expect(same.addAll(same).equals(set)).toBe(true)
    expect(same.retainAll(same).equals(set)).toBe(true)
    expect(same.cut(same).equals(set)).toBe(true)
    expect(same.size).toBe(0)
    const gone = set.clone()
    expect(gone.deleteAll(gone).size).toBe(0)
    expect(set.symmetricDifference(set).size).toBe(0)
  })
})

describe('iterating while the set changes, as with an ECMAScript Set', () => {
  const sizes = [10, 1000, 100_000]

  test.each(sizes)('members that are deleted before their turn are not visited (%i members)', (count) => {
    const set = scattered(count)
    const visited: number[] = []
    for (const value of set) {
      visited.push(value)
      set.delete(value + 3)
    }
    expect(visited.length).toBe(count / 2)
    expect(visited.slice(0, 3)).toEqual([0, 6, 12])
  })

  test('members that are added above are visited, others are not', () => {
    const set = Splinter.from([10, 20])
    const visited: number[] = []
    for (const value of set) {
      visited.push(value)
      if (value === 10) set.add(15).add(5)
      if (value === 20) set.addRange(30, 32)
    }
    expect(visited).toEqual([10, 15, 20, 30, 31, 32])
  })

  test('after clear nothing more is visited', () => {
    const set = scattered(500)
    const visited: number[] = []
    for (const value of set) {
      visited.push(value)
      if (value === 9) set.clear()
    }
    expect(visited).toEqual([0, 3, 6, 9])
  })

  test('a finished iterator stays finished, and one that was left as well', () => {
    const set = Splinter.from([1, 2])
    const finished = set.keys()
    expect([...finished]).toEqual([1, 2])
    set.add(3)
    expect(finished.next()).toEqual({ done: true, value: undefined })
    const left = set.keys()
    for (const value of left) if (value === 2) break
    expect(left.next().done).toBe(true)
  })

  test('iterators have the helpers of the platform', () => {
    const iterator = Splinter.from([1, 2, 3, 4]).keys()
    expect(Object.prototype.toString.call(iterator)).toBe('[object Iterator]')
    const { take } = iterator as IterableIterator<number> & { take(limit: number): Iterable<number> }
    expect([...take.call(iterator, 2)]).toEqual([1, 2])
  })

  test('forEach passes thisArg, and visits like the iterator', () => {
    const set = Splinter.from([1, 2, 3])
    const visited: number[] = []
    set.forEach(
      function (this: { name: string }, value) {
        expect(this.name).toBe('receiver')
        visited.push(value)
        set.delete(2)
      },
      { name: 'receiver' },
    )
    expect(visited).toEqual([1, 3])
  })
})

describe('growing and shrinking through every kind of container', () => {
  // Around 2,048 and 4,096 lists end, at 65,536 a block is complete.
  test.each([
    ['ascending', (i: number) => i],
    ['every other value', (i: number) => 2 * i],
    ['descending', (i: number) => 140_000 - 2 * i],
    ['scattered over two blocks', (i: number) => Math.imul(i, 40_503) & 0x1ffff],
    ['scattered over everything', (i: number) => Math.imul(i, 2_654_435_761) >>> 0],
  ])('%s', (_what, valueAt) => {
    const set = new Splinter()
    const model = new Set<number>()
    for (let i = 0; i < 66_000; i++) {
      set.add(valueAt(i))
      model.add(valueAt(i))
      if ([1023, 1024, 1025, 2047, 2048, 2049, 4095, 4096, 4097, 65_535, 65_536].includes(i)) expectEqual(set, model)
    }
    expectEqual(set, model)
    for (let i = 0; i < 66_000; i++) {
      expect(set.delete(valueAt(i))).toBe(model.delete(valueAt(i)))
      if (model.size < 4100 && model.size % 500 < 2) expectEqual(set, model)
    }
    expect(set.size).toBe(0)
    expect(set.delete(1)).toBe(false)
  })

  test('holes in a long run, and their filling', () => {
    const set = Splinter.fromRange(0, 200_000)
    for (let i = 0; i < 100_000; i += 2) set.delete(i)
    expect(set.size).toBe(150_001)
    expect([...set.range(99_996, 100_002)]).toEqual([99_997, 99_999, 100_000, 100_001, 100_002])
    for (let i = 0; i < 100_000; i += 2) set.add(i)
    expect(set.equals(Splinter.fromRange(0, 200_000))).toBe(true)
  })
})

function expectEqual(set: Splinter, model: ReadonlySet<number>): void {
  expect(set.size).toBe(model.size)
  expect(Buffer.compare(Buffer.from(set.toUint32Array().buffer), Buffer.from(Uint32Array.from(model).sort().buffer))).toBe(0)
}

describe('bytes', () => {
  test.each([
    ['the empty set', [], '00 2887ecef4750dad5 5911a7e2'],
    ['one value', [42], '0000002a 00000000 03 8cd565dd47fc763f 5911a7e2'],
    ['a short run', [1, 2, 3], '00000001 00000003 00000000 04 a10d8bcc1d647b33 5911a7e2'],
    ['a block of 256', Array.from({ length: 256 }, (_, i) => i), '00000000 000000ff 00000000 04 1f257608c109e73f 5911a7e2'],
  ])('%s', (_what, values, expected) => {
    const bytes = Splinter.from(values).toBytes()
    expect(hex(bytes)).toBe(expected.replaceAll(' ', ''))
    expect([...new SplinterView(bytes)]).toEqual(values)
  })

  test('a set that begins with the magic of version 1 is a version 2 file', () => {
    expect([...new SplinterView(Splinter.from([0xdaae12df]).toBytes())]).toEqual([0xdaae12df])
  })

  test('a view shows the bytes that it was given', () => {
    const padded = new Uint8Array(100)
    const set = Splinter.from([1, 2, 70_000])
    padded.set(set.toBytes(), 7)
    const bytes = padded.subarray(7, 7 + set.byteLength)
    const view = new SplinterView(bytes)
    expect(view.bytes).toBe(bytes)
    expect(view.byteLength).toBe(bytes.length)
    expect([...view]).toEqual([1, 2, 70_000])
  })

  test('what was decoded does not look at the bytes again', () => {
    const bytes = Splinter.from([1, 2, 70_000]).toBytes()
    const set = Splinter.fromBytes(bytes)
    bytes.fill(0)
    expect([...set]).toEqual([1, 2, 70_000])
  })

  test('trusted bytes need length and magic only', () => {
    const bytes = Splinter.from([1, 2]).toBytes()
    bytes[bytes.length - 6]! ^= 1
    expect(() => new SplinterView(bytes)).toThrow(
      expect.objectContaining({ kind: 'corrupt', code: 'SPLINTER_CHECKSUM', offset: bytes.length - 12 }),
    )
    expect([...new SplinterView(bytes, { trusted: true })]).toEqual([1, 2])
    expect([...Splinter.fromBytes(bytes, { trusted: true })]).toEqual([1, 2])
    expect(() => new SplinterView(bytes.subarray(0, -1), { trusted: true })).toThrow(
      expect.objectContaining({ code: 'SPLINTER_MAGIC' }),
    )
    expect(() => new SplinterView(bytes.subarray(0, 12), { trusted: true })).toThrow(
      expect.objectContaining({ code: 'SPLINTER_LENGTH' }),
    )
  })
})

describe('what debuggers show', () => {
  test('size and first members', () => {
    expect(inspect(Splinter.from([3, 1]))).toBe('Splinter(2) { 1, 3 }')
    expect(inspect(viewOf(Splinter.fromRange(0, 99)))).toBe(
      'SplinterView(100) { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, … 84 more }',
    )
    expect(String(new Splinter())).toBe('Splinter(0) { }')
    expect(Object.prototype.toString.call(new Splinter())).toBe('[object Splinter]')
  })
})
