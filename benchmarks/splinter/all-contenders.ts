import type { Contender } from './contender.ts'
import { nativeSet, sortedArray, splinter, splinterView, typedFastBitSet } from './contenders.ts'
import { nativeRoaring, roaringWasm } from './roaring.ts'
import type { WorkloadInfo } from './workloads.ts'

// Each has sets of its own make, which nothing but itself is handed.
type AnyContender = Contender<unknown>

/** All that can run here, ours first. */
export function allContenders(): AnyContender[] {
  const native = nativeRoaring()
  return [splinter, splinterView, ...(native === undefined ? [] : [native]), roaringWasm, typedFastBitSet, nativeSet, sortedArray]
}

/** Those that are timed on a workload: the slow ones on a few only. */
export function contendersFor(workload: WorkloadInfo): AnyContender[] {
  const isEverywhere = new Set(['Splinter', 'SplinterView', 'roaring', 'roaring-wasm'])
  return contendersInMemory(workload).filter(({ name }) => workload.isForAll || isEverywhere.has(name))
}

/** Those that can have a workload's sets in memory: one of them has a bit for each possible value, up to the largest. */
export function contendersInMemory({ family }: WorkloadInfo): AnyContender[] {
  return allContenders().filter(({ name }) => family !== 'sparse' || name !== typedFastBitSet.name)
}
