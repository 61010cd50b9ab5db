// Sets of integers in memory and in bytes, against other ways to have them.
import type { BenchmarkContext, Measurement, Subject } from '../harness/subject.ts'
import type { Contender } from './contender.ts'
import { nativeSet, roaringWasm, sortedArray, splinter, splinterView, typedFastBitSet } from './contenders.ts'
import { crc64Rows } from './crc64.ts'
import type { loopOf, OperationName } from './loops.ts'
import { HAS_ON_BYTES, TARGETS, UNION_ALL } from './targets.ts'
import { type Turn, timeTurns } from './time.ts'
import { thousandPageSets, type Workload, workloads } from './workloads.ts'

interface Loops {
  readonly loopOf: typeof loopOf
}

const MILLI_TO_NANO = 1e6

export const subject: Subject = {
  description: 'Splinter against roaring-wasm (with targets), typedfastbitset, Set and sorted arrays, on the same sets',
  run: async (context) => {
    context.progress('native roaring is left out: it does not load on this Node ("Module did not self-register")')
    context.progress('decoding and first answers verify checksum and structure; roaring-wasm has no checksum and checks less')
    const rows: Measurement[] = []
    const makes = workloads()
    for (const operation of Object.keys(TARGETS) as OperationName[]) {
      for (const workload of makes) rows.push(...(await measure(context, operation, workload)))
    }
    rows.push(unionAllRow(context))
    rows.push(...(await crc64Rows()))
    return rows
  },
}

async function measure({ progress }: BenchmarkContext, operation: OperationName, workload: Workload): Promise<Measurement[]> {
  const { family, isForAll } = workload
  progress(`${operation}, ${workload.name}`)
  const turns: Turn[] = []
  let operations = 0
  async function enter<S>(contender: Contender<S>): Promise<void> {
    const own = (await import(`./loops.ts?${encodeURIComponent(contender.name)}`)) as Loops
    const loop = own.loopOf(contender, operation, workload)
    if (loop === undefined) return
    turns.push({ name: contender.name, run: loop.run })
    operations = loop.operations
  }
  await enter(splinter)
  if (operation === 'has' || operation === 'rank' || operation === 'select') await enter(splinterView)
  await enter(roaringWasm)
  if (isForAll) {
    // It has a bit for each possible value: half a gigabyte for a few values anywhere.
    if (family !== 'sparse') await enter(typedFastBitSet)
    await enter(nativeSet)
    await enter(sortedArray)
  }
  const best = timeTurns(turns)
  const nanoseconds = (name: string): number => (best.get(name)! * MILLI_TO_NANO) / operations
  const row = (ours: string, baselineName: string, target?: number): Measurement => ({
    case: `${operation}${ours === splinterView.name ? ' on bytes' : ''}, ${workload.name}`,
    unit: 'ns',
    better: 'less',
    ours: nanoseconds(ours),
    baseline: nanoseconds(baselineName),
    baselineName,
    target,
  })
  const target = TARGETS[operation][family]
  const rows: Measurement[] = []
  for (const baseline of best.keys()) {
    if (baseline === splinter.name || baseline === splinterView.name) continue
    const isMain = baseline === roaringWasm.name
    rows.push(row(splinter.name, baseline, isMain ? target : undefined))
    if (!best.has(splinterView.name)) continue
    rows.push(row(splinterView.name, baseline, isMain ? (operation === 'has' ? HAS_ON_BYTES[family] : target) : undefined))
  }
  return rows
}

function unionAllRow({ progress }: BenchmarkContext): Measurement {
  const name = 'union of 1000 page sets from bytes'
  progress(name)
  const sets = thousandPageSets()
  function turn<S>(contender: Contender<S>): Turn {
    const bytes = sets.map((values) => contender.encode!(contender.make(values)))
    const run = (): number => {
      const union = contender.unionAll!(bytes)
      const size = contender.size(union)
      contender.drop(union)
      return size
    }
    return { name: contender.name, run }
  }
  const best = timeTurns([turn(splinter), turn(roaringWasm)])
  return {
    case: name,
    unit: 'ms',
    better: 'less',
    ours: best.get(splinter.name)!,
    baseline: best.get(roaringWasm.name)!,
    baselineName: roaringWasm.name,
    target: UNION_ALL,
  }
}
