import { seeded } from './random.ts'

/** Something that a writer does. */
export interface Step {
  /** `create`: tries once to be the first writer of the object. `swap`: replaces it until that succeeds once. */
  readonly type: 'create' | 'swap'
  readonly key: string
}

/** How much load, and of which kind. */
export interface LoadSize {
  readonly writers: number
  /** Objects that are only created, each by `racers` at a time. */
  readonly created: number
  /** Objects that are created and then swapped, each by `racers`. */
  readonly swapped: number
  /** How often each of them swaps. */
  readonly swapsEach: number
  readonly racers: number
  /** Length of most bodies, at most. */
  readonly smallBytesMax: number
  /** Length of every sixteenth. */
  readonly largeBytes: number
}

/** What all writers will do; everything follows from the seed. */
export interface LoadPlan {
  /** By writer. */
  readonly steps: readonly (readonly Step[])[]
  readonly keys: readonly string[]
  /** How many versions all objects have in the end. */
  readonly versionCount: number
  /** Length of a version of an object, counted from 1. */
  readonly bytesOf: (key: string, version: number) => number
}

const LARGE_EVERY = 16

/** Plans a load. Writers that race for an object come to it at about the same time. */
export function planLoad(seed: number, size: LoadSize): LoadPlan {
  const random = seeded(seed)
  const steps: Step[][] = Array.from({ length: size.writers }, () => [])
  const swapped = Array.from({ length: size.swapped }, (_, i) => `swapped/${i}`)
  const created = Array.from({ length: size.created }, (_, i) => `created/${String(i).padStart(6, '0')}`)
  const racersOf = (): number[] => pick(random, size.writers, size.racers)
  const swaps: { writer: number; key: string }[] = []
  for (const key of swapped) {
    for (const writer of racersOf()) {
      steps[writer]?.push({ type: 'create', key })
      for (let i = 0; i < size.swapsEach; i++) swaps.push({ writer, key })
    }
  }
  // The swaps are spread over the creations.
  const rounds = Math.max(created.length, 1)
  for (let round = 0; round < rounds; round++) {
    const key = created[round]
    if (key !== undefined) for (const writer of racersOf()) steps[writer]?.push({ type: 'create', key })
    const share = Math.ceil(swaps.length / (rounds - round))
    for (let i = 0; i < share; i++) {
      const [swap] = swaps.splice(random(swaps.length), 1) as [{ writer: number; key: string }]
      steps[swap.writer]?.push({ type: 'swap', key: swap.key })
    }
  }
  const keys = [...swapped, ...created]
  return {
    steps,
    keys,
    versionCount: keys.length + size.swapped * size.racers * size.swapsEach,
    bytesOf: (key, version) => {
      const place = keys.indexOf(key) + version
      return place % LARGE_EVERY === 0 ? size.largeBytes : seeded(seed + place)(size.smallBytesMax)
    },
  }
}

/** Some of the numbers below a limit, each at most once. */
function pick(random: (limit: number) => number, limit: number, count: number): number[] {
  const left = Array.from({ length: limit }, (_, i) => i)
  return Array.from({ length: Math.min(count, limit) }, () => left.splice(random(left.length), 1)[0] as number)
}
