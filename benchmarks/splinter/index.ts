// Sets of integers in memory and in bytes, against other ways to have them.
import type { BenchmarkContext, Measurement, Subject } from '../harness/subject.ts'
import { contendersFor, contendersInMemory } from './all-contenders.ts'
import type { Contender } from './contender.ts'
import { splinter, splinterView } from './contenders.ts'
import { crc64Rows } from './crc64.ts'
import type { loopOf, OperationName } from './loops.ts'
import { memoryPerSet } from './memory.ts'
import { caseOf, MEMORY, SIZE, UNION_MANY } from './names.ts'
import { nativeRoaring, roaringWasm } from './roaring.ts'
import { renderResults } from './tables.ts'
import { TARGETS, TARGETS_ON_BYTES, type Target, UNION_ALL } from './targets.ts'
import { type Turn, timeTurns } from './time.ts'
import { setsOf, thousandPageSets, WORKLOADS, type Workload, type WorkloadInfo, workloads } from './workloads.ts'

interface Loops {
  readonly loopOf: typeof loopOf
}

const MILLI_TO_NANO = 1e6

export const subject: Subject = {
  description: 'Splinter against CRoaring (with targets), typedfastbitset, Set and sorted arrays, on the same sets',
  render: renderResults,
  run: async (context) => {
    if (nativeRoaring() === undefined) {
      context.progress(
        'native roaring is left out: BENCH_ROARING names no folder to load it from (see benchmarks/splinter/README.md)',
      )
    }
    context.progress('decoding and first answers verify checksum and structure; Roaring has no checksum and checks less')
    const rows: Measurement[] = []
    const makes = workloads()
    for (const operation of Object.keys(TARGETS) as OperationName[]) {
      for (const workload of makes) rows.push(...(await measure(context, operation, workload)))
    }
    rows.push(...unionAllRows(context))
    rows.push(...(await crc64Rows()))
    for (const [index, info] of WORKLOADS.entries()) {
      rows.push(...sizeRows(info, index))
      context.progress(`${MEMORY}, ${info.name}`)
      rows.push(...memoryRows(info, index))
    }
    return rows
  },
}

/** One row for each of ours against each of the others. */
function rowsOf(values: ReadonlyMap<string, number>, make: (ours: string, other: string) => Measurement): Measurement[] {
  const isOurs = (name: string): boolean => name === splinter.name || name === splinterView.name
  const names = [...values.keys()]
  return names.filter((name) => !isOurs(name)).flatMap((other) => names.filter(isOurs).map((ours) => make(ours, other)))
}

function targetOf(target: Target | undefined, baselineName: string): number | undefined {
  return target?.[baselineName as keyof Target]
}

async function measure({ progress }: BenchmarkContext, operation: OperationName, workload: Workload): Promise<Measurement[]> {
  progress(`${operation}, ${workload.name}`)
  const turns: Turn[] = []
  let operations = 0
  for (const contender of contendersFor(workload)) {
    const own = (await import(`./loops.ts?${encodeURIComponent(contender.name)}`)) as Loops
    const loop = own.loopOf(contender, operation, workload)
    if (loop === undefined) continue
    turns.push({ name: contender.name, run: loop.run })
    operations = loop.operations
  }
  const best = timeTurns(turns)
  return rowsOf(best, (ours, baselineName) => {
    const isOnBytes = ours === splinterView.name
    const target = (isOnBytes ? TARGETS_ON_BYTES : TARGETS)[operation]?.[workload.family]
    return {
      case: caseOf(operation, workload.name, isOnBytes),
      unit: 'ns',
      better: 'less',
      ours: (best.get(ours)! * MILLI_TO_NANO) / operations,
      baseline: (best.get(baselineName)! * MILLI_TO_NANO) / operations,
      baselineName,
      target: targetOf(target, baselineName),
    }
  })
}

function unionAllRows({ progress }: BenchmarkContext): Measurement[] {
  progress(UNION_MANY)
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
  const native = nativeRoaring()
  const best = timeTurns([turn(splinter), ...(native === undefined ? [] : [turn(native)]), turn(roaringWasm)])
  return rowsOf(best, (ours, baselineName) => ({
    case: UNION_MANY,
    unit: 'ms',
    better: 'less',
    ours: best.get(ours)!,
    baseline: best.get(baselineName)!,
    baselineName,
    target: targetOf(UNION_ALL, baselineName),
  }))
}

/** Encoded bytes of a set, on average. Both ports of CRoaring write the same. */
function sizeRows({ name }: WorkloadInfo, index: number): Measurement[] {
  const sets = setsOf(index)
  function mean<S>(contender: Contender<S>): number {
    let bytes = 0
    for (const values of sets) {
      const set = contender.make(values)
      bytes += contender.encode!(set).length
      contender.drop(set)
    }
    return bytes / sets.length
  }
  const values = { ours: mean(splinter), baseline: mean(roaringWasm), baselineName: 'portable Roaring' }
  return [{ case: caseOf(SIZE, name), unit: 'bytes', better: 'less', ...values }]
}

function memoryRows(info: WorkloadInfo, index: number): Measurement[] {
  const bytes = new Map(contendersInMemory(info).map(({ name }) => [name, memoryPerSet(name, index)]))
  return rowsOf(bytes, (ours, baselineName) => ({
    case: caseOf(MEMORY, info.name, ours === splinterView.name),
    unit: 'bytes',
    better: 'less',
    ours: bytes.get(ours)!,
    baseline: bytes.get(baselineName)!,
    baselineName,
  }))
}
