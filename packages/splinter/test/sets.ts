import fc from 'fast-check'
import { Splinter, type SplinterReader, SplinterView } from '../src/index.ts'

/** How properties run; the environment may ask for other seeds and more runs. */
export const propertyOptions = (runs: number): { seed: number; numRuns: number } => ({
  seed: Number(process.env['FAST_CHECK_SEED'] ?? 7),
  numRuns: Number(process.env['FAST_CHECK_RUNS'] ?? runs),
})

/** A set and the same members as an ECMAScript Set. */
export interface Sample<Reader extends SplinterReader = SplinterReader> {
  readonly set: Reader
  readonly model: ReadonlySet<number>
  /** How the set came to be, for messages. */
  readonly how: string
}

// Places at which blocks, 16 Mi ranges and the whole range begin and end: two samples often meet there.
const BASES = [0, 200, 65_000, 3 * 65_536, 2 ** 24 - 2000, 2 ** 31 - 3000, 2 ** 32 - 70_000, 2 ** 32 - 300]
const SPANS = [20, 300, 5000, 70_000, 2 ** 18, 2 ** 25, 2 ** 32]
const COUNTS = [1, 3, 20, 100, 400, 1500]
const LENGTHS = [1, 2, 31, 64, 256, 1500]

/** Members in no particular order. */
const base = fc.constantFrom(...BASES)
const pieces: fc.Arbitrary<number[]> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc
      .record({ base, span: fc.constantFrom(...SPANS), count: fc.constantFrom(...COUNTS), seed: fc.nat() })
      .map(scatter),
  },
  { weight: 10, arbitrary: fc.record({ base, skip: fc.nat(600), length: fc.constantFrom(...LENGTHS) }).map(stretch) },
  {
    weight: 10,
    arbitrary: fc.record({ base, step: fc.integer({ min: 2, max: 5 }), count: fc.constantFrom(...COUNTS) }).map(stride),
  },
  { weight: 10, arbitrary: fc.array(fc.oneof(fc.nat(400), fc.integer({ min: 0, max: 2 ** 32 - 1 })), { maxLength: 12 }) },
  // What becomes bitmaps and complete blocks. Rare, because the models of such sets are slow.
  { weight: 1, arbitrary: fc.record({ base, span: fc.constant(70_000), count: fc.constant(6000), seed: fc.nat() }).map(scatter) },
  { weight: 1, arbitrary: fc.record({ base, skip: fc.nat(600), length: fc.constant(66_000) }).map(stretch) },
)

function scatter({ base, span, count, seed }: { base: number; span: number; count: number; seed: number }): number[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.min(2 ** 32 - 1, base + Math.floor((state / 2 ** 32) * span))
  })
}

function stretch({ base, skip, length }: { base: number; skip: number; length: number }): number[] {
  const first = Math.min(2 ** 32 - 1, base + skip)
  return Array.from({ length: Math.min(length, 2 ** 32 - first) }, (_, i) => first + i)
}

function stride({ base, step, count }: { base: number; step: number; count: number }): number[] {
  return Array.from({ length: count }, (_, i) => Math.min(2 ** 32 - 1, base + i * step))
}

const members: fc.Arbitrary<number[]> = fc.array(pieces, { maxLength: 4 }).map((lists) => lists.flat())

/** How a mutable set with given members can come to be. */
const MAKERS: Readonly<Record<string, (values: readonly number[]) => Splinter>> = {
  sorted: (values) => Splinter.from(Uint32Array.from(values).sort()),
  unsorted: (values) => new Splinter(values),
  added: (values) => {
    const set = new Splinter()
    for (const value of values) set.add(value)
    return set
  },
  ranges: (values) => {
    const set = new Splinter()
    for (const [start, end] of rangesOf(values)) set.addRange(start, end)
    return set
  },
  'cut out': (values) => {
    const set = Splinter.fromRange(0, 2 ** 32 - 1)
    let next = 0
    for (const [start, end] of rangesOf(values)) {
      if (start > next) set.deleteRange(next, start - 1)
      next = end + 1
    }
    return set.deleteRange(next, 2 ** 32 - 1)
  },
  decoded: (values) => Splinter.fromBytes(Splinter.from(values).toBytes()),
  'decoded, not optimized': (values) => Splinter.fromBytes(Splinter.from(values).toBytes({ optimize: false })),
  united: (values) => {
    const middle = values.length >> 1
    return Splinter.from(values.slice(0, middle)).union(new Set(values.slice(middle)))
  },
  'grown and shrunk': (values) => {
    const model = new Set(values)
    const set = Splinter.from(values)
      .addRange(65_400, 66_300)
      .addAll([1, 2, 3, 2 ** 32 - 1])
    for (const value of set.difference(model)) set.delete(value)
    return set
  },
}

function rangesOf(values: readonly number[]): [number, number][] {
  const ranges: [number, number][] = []
  for (const value of Uint32Array.from(values).sort()) {
    const last = ranges.at(-1)
    if (last !== undefined && value <= last[1] + 1) last[1] = value
    else ranges.push([value, value])
  }
  return ranges
}

/** Mutable sets of every making. */
export const mutableSamples: fc.Arbitrary<Sample<Splinter>> = fc
  .tuple(members, fc.constantFrom(...Object.keys(MAKERS)))
  .map(([values, how]) => ({ set: MAKERS[how]!(values), model: new Set(values), how }))

/** Mutable sets and views. */
export const samples: fc.Arbitrary<Sample> = fc.oneof(
  mutableSamples,
  fc.tuple(members, fc.boolean()).map(([values, optimize]) => ({
    set: new SplinterView(Splinter.from(values).toBytes({ optimize })),
    model: new Set(values),
    how: `view, ${optimize ? '' : 'not '}optimized`,
  })),
)

/** The members of a model, ascending. */
export function ascending(model: Iterable<number>): Uint32Array {
  return Uint32Array.from(model).sort()
}

/** Values worth asking a sample about: members, their neighbours, and the ends of everything. */
export function probesOf(model: ReadonlySet<number>, seed: number): number[] {
  const values = ascending(model)
  const picked = Array.from(
    { length: 12 },
    (_, i) => values[(Math.imul(seed + i, 2_654_435_761) >>> 0) % Math.max(1, values.length)] ?? i,
  )
  const around = picked.flatMap((value) => [value - 1, value, value + 1])
  return [...around, 0, 255, 256, 65_535, 65_536, 2 ** 24, 2 ** 31, 2 ** 32 - 1].filter((value) => value >= 0 && value < 2 ** 32)
}
