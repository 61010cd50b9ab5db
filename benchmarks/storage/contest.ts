import { timeSideBySide } from '../harness/side-by-side.ts'
import type { Measurement } from '../harness/subject.ts'
import type { Side } from './side.ts'

/** An adapter and what it is compared with, each with nothing in it. */
export interface Rivals {
  /** Begins the name of each row. */
  readonly name: string
  readonly ours: Side
  readonly baseline: Side
  readonly baselineName: string
  /** The ratio to reach. */
  readonly target: number
  readonly rounds: number
  /** How many objects of a length each round works on. */
  readonly countOf: (bytes: number) => number
  /** The longest objects of which each round creates some more, which then stay. */
  readonly createdBytesMax: number
  /** Makes a place for keys that begin so, where that has to be done. */
  readonly makePlace?: (prefix: string) => Promise<void>
}

const LENGTHS = [
  { name: '256 B', bytes: 256 },
  { name: '64 KiB', bytes: 64 * 1024 },
  { name: '4 MiB', bytes: 4 * 1024 * 1024 },
]
const RANGE_BYTES = 4096
const LISTED = 1000
const MILLI_TO_MICRO = 1000

type Run = (side: Side, round: number) => Promise<unknown>

/** Measures every operation for every length: the median of each side, of many short rounds in turn. */
export async function measureRivals(rivals: Rivals, progress: (text: string) => void): Promise<Measurement[]> {
  const rows: Measurement[] = []
  for (const { name, bytes } of LENGTHS) {
    const body = new Uint8Array(bytes).map((_, i) => i * 31 + (i >> 8))
    const count = rivals.countOf(bytes)
    const keys = keysOf(`kept-${bytes}`, count)
    const expect = (expected: number) => (actual: number) => {
      if (actual !== expected) throw new Error(`read ${actual} bytes of ${expected}`)
    }
    await rivals.makePlace?.(`kept-${bytes}`)
    const operations: Record<string, Run> = {
      put: (side) => side.put(keys, body),
      swap: (side) => side.swap(keys, body),
      get: (side) => side.get(keys).then(expect(count * bytes)),
    }
    if (bytes <= rivals.createdBytesMax) {
      operations['create'] = (side, round) => side.create(keysOf(`new-${bytes}-${round}`, count), body)
    }
    if (bytes > RANGE_BYTES) {
      operations['get 4 KiB of'] = (side) => side.getRange(keys, bytes >> 1, RANGE_BYTES).then(expect(count * RANGE_BYTES))
    }
    for (const [operation, run] of Object.entries(operations)) {
      const title = `${rivals.name}, ${operation} ${name}`
      progress(title)
      rows.push(await measure(rivals, title, count, run, (round) => rivals.makePlace?.(`new-${bytes}-${round}`)))
    }
  }
  rows.push(await measureList(rivals, progress))
  return rows
}

async function measureList(rivals: Rivals, progress: (text: string) => void): Promise<Measurement> {
  const title = `${rivals.name}, list ${LISTED}, each`
  progress(title)
  await rivals.makePlace?.('listed')
  const keys = keysOf('listed', LISTED)
  for (const side of [rivals.ours, rivals.baseline]) await side.put(keys, new Uint8Array(10))
  const run: Run = async (side) => {
    const found = await side.list('listed/')
    if (found !== LISTED) throw new Error(`listed ${found} objects of ${LISTED}`)
  }
  return measure(rivals, title, LISTED, run)
}

async function measure(
  rivals: Rivals,
  title: string,
  count: number,
  run: Run,
  before?: (round: number) => Promise<void> | undefined,
): Promise<Measurement> {
  const { ours, baseline, baselineName, target, rounds } = rivals
  const medians = await timeSideBySide({
    rounds,
    warmUpRounds: Math.ceil(rounds / 10),
    before: async (round) => before?.(round),
    ours: async (round) => void (await run(ours, round)),
    baseline: async (round) => void (await run(baseline, round)),
  })
  const microseconds = (milliseconds: number): number => (milliseconds * MILLI_TO_MICRO) / count
  return {
    case: title,
    unit: 'µs',
    better: 'less',
    ours: microseconds(medians.ours),
    baseline: microseconds(medians.baseline),
    baselineName,
    target,
  }
}

function keysOf(folder: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${folder}/${String(i).padStart(6, '0')}`)
}
