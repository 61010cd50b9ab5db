import type { OperationName } from './loops.ts'
import type { Family } from './workloads.ts'

type ByFamily = Readonly<Partial<Record<Family, number>>>

/** How many times faster than roaring-wasm each operation has to be, on bytes where a set in memory has its own target. */
export const TARGETS: Readonly<Record<OperationName, ByFamily>> = {
  has: { pages: 1.2, sparse: 2, dense: 1 },
  'bytes -> first answer': { pages: 1.5, sparse: 9, dense: 4 },
  'array -> bytes': { pages: 1.2, sparse: 3, dense: 1 },
  union: { pages: 0.8, sparse: 2.5, dense: 0.5 },
  intersection: { pages: 0.6, sparse: 2.3, dense: 0.5 },
  'bytes -> mutable set': { pages: 0.5, sparse: 1.4, dense: 0.3 },
  'mutable set -> bytes': { pages: 0.3, sparse: 1, dense: 0.3 },
  rank: { pages: 0.4, sparse: 1, dense: 0.3 },
  select: { pages: 0.4, sparse: 1, dense: 0.3 },
}

/** `has` on encoded bytes. */
export const HAS_ON_BYTES: ByFamily = { pages: 0.8, sparse: 1.1, dense: 0.8 }
/** The union of 1000 page sets from bytes. */
export const UNION_ALL = 2
/** CRC-64 against `@aws-sdk/crc64-nvme`. */
export const CRC64 = 2
