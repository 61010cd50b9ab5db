import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Splinter, SplinterError, type SplinterReader, SplinterView } from '../src/index.ts'
import { NotASet, type Range, readNaively, sealed } from './naive-reader.ts'
import { propertyOptions, samples } from './sets.ts'
import { Vectors } from './vectors.ts'

const vectors = new Vectors(fileURLToPath(new URL('fixtures/v2/', import.meta.url)))
/** Root partitions of small files of every making, the legal but unusual ones first. */
const partitions: readonly Uint8Array[] = vectors.entries
  .filter(({ format, group }) => format === 'v2' && ['forced', 'tie', 'pages', 'choice', 'full', 'children'].includes(group))
  .map(({ file }) => vectors.bytes(file).slice(0, -12))
  .filter((partition) => partition.length < 5000)

type Change = (partition: Uint8Array, at: number, value: number) => Uint8Array

const splice = (bytes: Uint8Array, at: number, removed: number, inserted: ArrayLike<number>): Uint8Array =>
  Uint8Array.from([...bytes.subarray(0, at), ...Array.from(inserted), ...bytes.subarray(at + removed)])

/** What can be done to a partition; `at` is within it, `value` is any number. */
const CHANGES: Readonly<Record<string, Change>> = {
  'flip a bit': (bytes, at, value) => splice(bytes, at, 1, [bytes[at]! ^ (1 << (value & 7))]),
  'set a byte': (bytes, at, value) => splice(bytes, at, 1, [value & 255]),
  'swap the kind': (bytes, _, value) => splice(bytes, bytes.length - 1, 1, [value % 7]),
  'make a byte look like a kind': (bytes, at, value) => splice(bytes, at, 1, [value % 7]),
  'step a byte up or down': (bytes, at, value) => splice(bytes, at, 1, [bytes[at]! + (value & 1 ? 1 : 255)]),
  'change a byte of the index': (bytes, at, value) => {
    const place = bytes.length - 1 - (at % Math.min(bytes.length, 40))
    return splice(bytes, place, 1, [value & 255])
  },
  'remove bytes': (bytes, at, value) => splice(bytes, at, 1 + (value % 9), []),
  'insert bytes': (bytes, at, value) => splice(bytes, at, 0, new Uint8Array(1 + (value % 9)).fill(value)),
  'repeat bytes': (bytes, at, value) => splice(bytes, at, 0, bytes.subarray(at, at + 1 + (value % 40))),
  'drop the beginning': (bytes, at) => bytes.slice(at),
  'wrap in a tree of one child': (bytes, at, value) =>
    Uint8Array.from([...bytes, 0, 0, 0, 0, 0, 0, 0, at & 255, value & 255, 0, 5]),
}

const changes = fc.array(fc.record({ name: fc.constantFrom(...Object.keys(CHANGES)), at: fc.nat(), value: fc.nat() }), {
  minLength: 1,
  maxLength: 3,
})

function changed(partition: Uint8Array, steps: readonly { name: string; at: number; value: number }[]): Uint8Array {
  let bytes = partition
  for (const { name, at, value } of steps) {
    // Half of the changes hit the end, where the structure is.
    const place = value & 1024 ? at % bytes.length : bytes.length - 1 - (at % Math.min(bytes.length, 64))
    bytes = CHANGES[name]!(bytes, place, value)
    if (bytes.length === 0) return Uint8Array.of(0)
  }
  return bytes
}

/** What the naive reader says: the ranges, or `undefined` for bytes that are no set. */
function naively(file: Uint8Array): Range[] | undefined {
  try {
    return readNaively(file)
  } catch (error) {
    if (error instanceof NotASet) return undefined
    throw error
  }
}

/** The package has to refuse what the naive reader refuses, and to give the same set otherwise. */
function expectAgreement(file: Uint8Array): boolean {
  const ranges = naively(file)
  if (ranges === undefined) {
    expect(() => new SplinterView(file)).toThrow(SplinterError)
    expect(() => Splinter.fromBytes(file)).toThrow(SplinterError)
    return false
  }
  const size = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0)
  const view = new SplinterView(file)
  const decoded = Splinter.fromBytes(file)
  for (const set of [view, decoded]) expectRanges(set, ranges, size)
  expect(decoded.equals(view)).toBe(true)
  return true
}

function expectRanges(set: SplinterReader, ranges: readonly Range[], size: number): void {
  expect(set.size).toBe(size)
  expect(set.first()).toBe(ranges[0]?.[0])
  expect(set.last()).toBe(ranges.at(-1)?.[1])
  let before = 0
  for (const [i, [first, last]] of ranges.entries()) {
    const length = last - first + 1
    // Each of a few ranges, and one of so many of many.
    if (ranges.length < 200 || i % Math.floor(ranges.length / 100) === 0) {
      expect(set.hasAll({ start: first, end: last })).toBe(true)
      expect(set.rank(first)).toBe(before + 1)
      expect(set.rank(last)).toBe(before + length)
      expect(set.select(before + length - 1)).toBe(last)
      const gap = { start: (ranges[i - 1]?.[1] ?? -1) + 1, end: first - 1 }
      expect(set.hasAny(gap.start > gap.end ? { start: 1, end: 0 } : gap)).toBe(false)
    }
    before += length
  }
  if (size > 10_000) return
  const values = ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, k) => first + k))
  expect([...set]).toEqual(values)
}

describe('I11: untrusted bytes', () => {
  test('random bytes, with and without a right checksum, are refused or read like the naive reader reads them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(() => new SplinterView(bytes)).toThrow(SplinterError)
        if (bytes.length > 0) expectAgreement(sealed(bytes))
      }),
      propertyOptions(2000),
    )
  })

  test('short random structures: kinds, counts and small numbers only', () => {
    const byte = fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 5, 255)
    let sound = 0
    const options = propertyOptions(5000)
    fc.assert(
      fc.property(fc.array(byte, { minLength: 1, maxLength: 40 }), (bytes) => {
        if (expectAgreement(sealed(Uint8Array.from(bytes)))) sound++
      }),
      options,
    )
    // Some must have been sound, or nothing was compared.
    expect(sound).toBeGreaterThanOrEqual(Math.floor(options.numRuns / 500))
  })

  test('valid files that were changed, with a right checksum', () => {
    let sound = 0
    let unsound = 0
    const options = propertyOptions(2000)
    fc.assert(
      fc.property(fc.constantFrom(...partitions), changes, (partition, steps) => {
        if (expectAgreement(sealed(changed(partition, steps)))) sound++
        else unsound++
      }),
      options,
    )
    // Both sides must have been tried.
    expect(Math.min(sound, unsound)).toBeGreaterThanOrEqual(Math.floor(options.numRuns / 100))
  })

  test('sets of our own making that were changed', () => {
    fc.assert(
      fc.property(samples, changes, ({ set }, steps) => {
        const partition = set.toBytes().slice(0, -12)
        if (partition.length < 20_000) expectAgreement(sealed(changed(partition, steps)))
      }),
      propertyOptions(150),
    )
  })

  test('every change of one bit is noticed without a right checksum', () => {
    const bytes = Splinter.from([1, 5, 70_000, 2 ** 31]).toBytes()
    for (let at = 0; at < bytes.length * 8; at++) {
      const copy = bytes.slice()
      copy[at >> 3]! ^= 1 << (at & 7)
      expect(() => new SplinterView(copy), `bit ${at}`).toThrow(SplinterError)
    }
  })

  test('every shorter piece of a file is refused', () => {
    const bytes = vectors.file('pages-8000')
    for (let length = 0; length < bytes.length; length += 1 + (length % 7)) {
      expect(() => new SplinterView(bytes.subarray(0, length))).toThrow(SplinterError)
      expect(() => new SplinterView(bytes.subarray(bytes.length - length))).toThrow(SplinterError)
    }
  })
})

describe('I11: sizes that lie', () => {
  const u32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]

  test.each([
    ['a vec of 2^32 values', [...u32(0xffff_ffff), 3]],
    ['a run partition of 2^32 runs', [...u32(0xffff_ffff), 4]],
    ['a root bitmap of 512 MiB', [0, 0, 0, 2]],
    ['a tree of 256 children', [0, 0, 255, 5]],
    ['a tree of 256 children, nothing else', [255, 5]],
    ['a tree without anything', [5]],
    ['a vec without a count', [0, 0, 3]],
  ])('%s is refused before anything is allocated for it', (_what, partition) => {
    expect(
      allocatedBy(() => expect(() => Splinter.fromBytes(sealed(Uint8Array.from(partition)))).toThrow(SplinterError)),
    ).toBeLessThan(1000)
  })

  test('decoding allocates a small multiple of the bytes', () => {
    for (const { name, file, format } of vectors.entries) {
      if (format !== 'v2') continue
      const bytes = vectors.bytes(file)
      const allocated = allocatedBy(() => Splinter.fromBytes(bytes))
      expect(allocated, name).toBeLessThan(40 * bytes.length + 20_000)
    }
  })

  test('a few bytes of runs do not become a list', () => {
    const full = Splinter.fromRange(1, 2 ** 32 - 2).toBytes()
    // One run of 4,000 values below two trees of one child each.
    const run = [0, 0, 15, 159, 0, 0, 4]
    const chain = sealed(Uint8Array.from([...run, 0, 0, 0, 0, 15, 159, 7, 0, 5, 0, 0, 0, 0, 0, 0, 15, 159, 3, 0, 5]))
    expect(Splinter.fromBytes(chain).equals(Splinter.fromRange(0x3070000, 0x3070f9f))).toBe(true)
    for (const bytes of [full, chain]) expect(allocatedBy(() => Splinter.fromBytes(bytes))).toBeLessThan(1000)
  })

  /** Bytes of the typed arrays that a call makes. */
  function allocatedBy(call: () => unknown): number {
    let allocated = 0
    const real = globalThis.Uint32Array
    class Counted extends real {
      constructor(...args: [any, any?, any?]) {
        super(...args)
        if (typeof args[0] === 'number') allocated += 4 * args[0]
        else allocated += this.byteLength
      }
    }
    globalThis.Uint32Array = Counted as Uint32ArrayConstructor
    try {
      call()
    } finally {
      globalThis.Uint32Array = real
    }
    return allocated
  }
})
