import type { Splinter, SplinterReader } from '@graft-ts/splinter'
import { VolumeError } from './errors.ts'
import type { VolumeId } from './ids.ts'
import type { Lsn } from './lsn.ts'

declare const pageSizeBrand: unique symbol

/** Bytes of each page of a volume: a power of two from 512 to 65,536, fixed at the volume's first commit. */
export type PageSize = number & { readonly [pageSizeBrand]: true }

/** A set of page indexes. Never holds 0. */
export type PageSet = SplinterReader

/** Page size where the caller names none: 4,096 bytes, SQLite's own. */
export const PAGE_SIZE_DEFAULT: PageSize = 4096 as PageSize
const PAGE_SIZE_MIN = 512
const PAGE_SIZE_MAX = 65536
/** Highest page index and highest page count: 2^32 - 1. */
export const PAGE_INDEX_MAX = 0xffffffff

/** A fixed point of a volume's history that can be read for as long as it is retained. */
export interface Snapshot {
  readonly volumeId: VolumeId
  /** The last commit that it includes. */
  readonly lsn: Lsn
  /** Logical length: the highest page that exists; pages below it that were never written read as zeros. */
  readonly pageCount: number
  readonly pageSize: PageSize
  /** When that commit was made, milliseconds since 1970 by the meta store's clock; never decides anything. */
  readonly timestampMs: number
}

/** What changed in a range of commits. */
export interface Changes {
  /** Pages that changed, each once, and none above a later floor. */
  readonly pages: Splinter
  /** The lowest page count truncated to in the range; pages above it changed too. `undefined`: nothing was cut off. */
  readonly floor: number | undefined
}

/** Checks a page size. Throws {@link VolumeError} `PAGE_SIZE`. */
export function parsePageSize(value: number): PageSize {
  const isPowerOfTwo = Number.isInteger(value) && value > 0 && 2 ** Math.round(Math.log2(value)) === value
  if (!isPowerOfTwo || value < PAGE_SIZE_MIN || value > PAGE_SIZE_MAX) {
    throw new VolumeError('PAGE_SIZE', `page size must be a power of two from 512 to 65536, got=${value}`)
  }
  return value as PageSize
}

/** Checks a page index, 1 to 2^32 - 1, and gives it back. Throws {@link VolumeError} `PAGE_INDEX`. */
export function checkPageIndex(value: number): number {
  if (!Number.isInteger(value) || value < 1 || value > PAGE_INDEX_MAX) {
    throw new VolumeError('PAGE_INDEX', `page index must be 1 to 2^32 - 1, got=${value}`)
  }
  return value
}

/** Checks a page count, 0 to 2^32 - 1, and gives it back. Throws {@link VolumeError} `PAGE_COUNT`. */
export function checkPageCount(value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > PAGE_INDEX_MAX) {
    throw new VolumeError('PAGE_COUNT', `page count must be 0 to 2^32 - 1, got=${value}`)
  }
  return value
}

/** The lower of two floors, where `undefined` is infinite. */
export function lowerFloor(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b
  return b === undefined ? a : Math.min(a, b)
}
