import type { OperationName } from './loops.ts'
import type { Family } from './workloads.ts'

/** How many times faster than CRoaring something has to be: than the addon, and than WebAssembly. */
export interface Target {
  readonly roaring: number
  readonly 'roaring-wasm': number
}

type ByFamily = Readonly<Partial<Record<Family, Target>>>

const than = (roaring: number, wasm: number): Target => ({ roaring, 'roaring-wasm': wasm })
const POSITIONS: ByFamily = { pages: than(0.5, 0.4), sparse: than(1.2, 1), dense: than(0.5, 0.3) }

/** Of sets in memory, and of bytes where the name says so. */
export const TARGETS: Readonly<Record<OperationName, ByFamily>> = {
  has: { pages: than(1.5, 1.2), sparse: than(2.5, 2), dense: than(1.2, 1) },
  'bytes -> first answer': { pages: than(2.5, 1.5), sparse: than(14, 9), dense: than(5, 4) },
  'array -> bytes': { pages: than(1.3, 1.2), sparse: than(4, 3), dense: than(1, 1) },
  union: { pages: than(1.5, 0.8), sparse: than(6, 2.5), dense: than(0.5, 0.5) },
  intersection: { pages: than(0.6, 0.6), sparse: than(5, 2.3), dense: than(0.5, 0.5) },
  'bytes -> mutable set': { pages: than(0.8, 0.5), sparse: than(4, 1.4), dense: than(0.5, 0.3) },
  'mutable set -> bytes': { pages: than(0.6, 0.3), sparse: than(1.2, 1), dense: than(0.5, 0.3) },
  rank: POSITIONS,
  select: POSITIONS,
}

/** The same asked of bytes in place. */
export const TARGETS_ON_BYTES: Readonly<Partial<Record<OperationName, ByFamily>>> = {
  has: { pages: than(1, 0.8), sparse: than(1.5, 1.1), dense: than(1, 0.8) },
  rank: POSITIONS,
  select: POSITIONS,
}

/** The union of 1000 page sets from bytes. */
export const UNION_ALL: Target = than(8, 2)
/** CRC-64 against `@aws-sdk/crc64-nvme`. */
export const CRC64 = 2
