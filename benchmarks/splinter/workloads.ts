import { type Random, seeded } from './random.ts'

/** The columns of the table of targets. */
export type Family = 'pages' | 'sparse' | 'dense'

/** Sets of one make. */
export interface WorkloadInfo {
  readonly name: string
  readonly family: Family
  /** Whether slow and memory-hungry contenders run it too. */
  readonly isForAll: boolean
}

/** Sets of one make, and what they are asked. */
export interface Workload extends WorkloadInfo {
  /** Ascending members of each set. */
  readonly sets: readonly Uint32Array[]
  /** What each set is asked: as many members as others, all different, shuffled. 65,536 or more altogether. */
  readonly probes: readonly Uint32Array[]
}

const PROBES_MIN = 65536
const PAGES = 250_000

/** Sets of pages as B-tree writes make them: clusters of neighbours, some of them with small gaps. */
function pageSet(random: Random, size: number): Uint32Array {
  const pages = new Set<number>()
  while (pages.size < size) {
    let page = 1 + random(PAGES)
    for (let length = 1 + random(12); length > 0 && page <= PAGES && pages.size < size; length--) {
      pages.add(page)
      page += random(10) < 7 ? 1 : 2 + random(15)
    }
  }
  return sorted(pages)
}

function sparseSet(random: Random, size: number): Uint32Array {
  const values = new Set<number>()
  while (values.size < size) values.add(random(2 ** 32))
  return sorted(values)
}

/** Each value up to a limit is a member in so many of ten cases. */
function crowd(random: Random, limit: number, tenths: number): Uint32Array {
  return Uint32Array.from({ length: limit }, (_, value) => value).filter(() => random(10) < tenths)
}

function runSet(random: Random, runs: number): Uint32Array {
  const values: number[] = []
  for (let run = 0, value = 0; run < runs; run++) {
    value += 2 + random(400)
    for (let length = 1 + random(400); length > 0; length--) values.push(value++)
  }
  return Uint32Array.from(values)
}

function sorted(values: ReadonlySet<number>): Uint32Array {
  return Uint32Array.from(values).sort()
}

/** Half members, half others nearby or anywhere in the family's range. */
function probesOf(random: Random, members: Uint32Array, family: Family, wanted: number): Uint32Array {
  const all = new Set(members)
  const probes = new Set<number>()
  const hits = Math.min(members.length, Math.ceil(wanted / 2))
  while (probes.size < hits) probes.add(hits === members.length ? members[probes.size]! : members[random(members.length)]!)
  const limit = family === 'sparse' ? 2 ** 32 : family === 'pages' ? PAGES : members[members.length - 1]! + 1 + members.length
  while (probes.size < 2 * hits) {
    const isNear = random(2) === 0
    const value = isNear ? (members[random(members.length)]! + 1 + random(64)) % 2 ** 32 : random(limit)
    if (!all.has(value)) probes.add(value)
  }
  const order = Uint32Array.from(probes)
  for (let i = order.length - 1; i > 0; i--) {
    const other = random(i + 1)
    const value = order[i]!
    order[i] = order[other]!
    order[other] = value
  }
  return order
}

interface Make extends WorkloadInfo {
  /** How many sets: so many that all their members are probes enough. */
  readonly sets: number
  readonly make: (random: Random) => Uint32Array
}

/** What there is, in the order of the results. */
export const WORKLOADS: readonly Make[] = [
  ...[10, 50, 200, 500].map((size) => ({
    name: `${size} pages`,
    family: 'pages' as const,
    isForAll: size === 200,
    sets: Math.ceil(PROBES_MIN / 2 / size),
    make: (random: Random) => pageSet(random, size),
  })),
  ...[32, 1024, 65536].map((size) => ({
    name: `${size} sparse`,
    family: 'sparse' as const,
    isForAll: size === 1024,
    sets: Math.max(2, Math.ceil(PROBES_MIN / 2 / size)),
    make: (random: Random) => sparseSet(random, size),
  })),
  {
    name: 'dense, 9 of 10 below 131,072',
    family: 'dense',
    isForAll: false,
    sets: 4,
    make: (random) => crowd(random, 131_072, 9),
  },
  { name: '500 runs', family: 'dense', isForAll: false, sets: 4, make: (random) => runSet(random, 500) },
  {
    name: 'bitmaps, 3 of 10 below 262,144',
    family: 'dense',
    isForAll: true,
    sets: 4,
    make: (random) => crowd(random, 262_144, 3),
  },
]

function generate(index: number): { random: Random; sets: Uint32Array[] } {
  const random = seeded(1000 + index)
  const { sets, make } = WORKLOADS[index]!
  return { random, sets: Array.from({ length: sets }, () => make(random)) }
}

/** The sets of one workload alone. */
export function setsOf(index: number): Uint32Array[] {
  return generate(index).sets
}

/** All workloads, the same ones in every run. */
export function workloads(): Workload[] {
  return WORKLOADS.map(({ name, family, isForAll, sets: count }, index) => {
    const { random, sets } = generate(index)
    const probes = sets.map((set) => probesOf(random, set, family, Math.ceil(PROBES_MIN / count)))
    return { name, family, isForAll, sets, probes }
  })
}

/** A thousand page sets of all sizes. */
export function thousandPageSets(): Uint32Array[] {
  const random = seeded(2000)
  return Array.from({ length: 1000 }, () => pageSet(random, 10 + random(491)))
}
