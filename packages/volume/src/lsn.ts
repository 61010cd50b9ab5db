import { VolumeError } from './errors.ts'

declare const lsnBrand: unique symbol

/**
 * Log sequence number: 1, 2, 3… without gaps, one per commit of a volume. 0 ({@link LSN_NONE}) stands for the empty
 * volume before its first commit. u64 on the wire; at most 2^53 - 1 in code, asserted where it is decoded.
 */
export type Lsn = number & { readonly [lsnBrand]: true }

/** The empty volume before its first commit. */
export const LSN_NONE: Lsn = 0 as Lsn

/** Checks a position in a log, 0 to 2^53 - 1. Throws {@link VolumeError} `LSN_RANGE`. */
export function parseLsn(value: number | bigint): Lsn {
  const lsn = typeof value === 'bigint' && value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.NaN : Number(value)
  if (!Number.isSafeInteger(lsn) || lsn < 0) throw new VolumeError('LSN_RANGE', `lsn must be 0 to 2^53 - 1, got=${value}`)
  return lsn as Lsn
}

/** The next position. */
export function nextLsn(lsn: Lsn): Lsn {
  return parseLsn(lsn + 1)
}
