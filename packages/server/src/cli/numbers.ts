import { type Lsn, type PageSize, parseLsn, parsePageSize } from '@graft-ts/volume'
import { CliError } from './errors.ts'

/** Reads a whole number in a range. Throws {@link CliError} `USAGE`. */
export function parseInteger(text: string, name: string, range: { readonly min: number; readonly max: number }): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (value >= range.min && value <= range.max) return value
  throw new CliError('USAGE', `${name} must be a whole number from ${range.min} to ${range.max}, got=${text}`)
}

/** Reads the position of a commit, 1 or more. Throws {@link CliError} `USAGE`. */
export function parseLsnText(text: string, name: string): Lsn {
  return parseLsn(parseInteger(text, name, { min: 1, max: Number.MAX_SAFE_INTEGER }))
}

/** Reads a page size. Throws `PAGE_SIZE`, {@link CliError} `USAGE`. */
export function parsePageSizeText(text: string): PageSize {
  return parsePageSize(parseInteger(text, '--page-size', { min: 1, max: Number.MAX_SAFE_INTEGER }))
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const DURATION_MS_MAX = 366 * 86_400_000

/** Reads a time such as `90s` or `1h`, up to 366 days, in milliseconds. Throws {@link CliError} `USAGE`. */
export function parseDuration(text: string, name: string): number {
  const [, digits, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const ms = Number(digits) * (UNIT_MS[unit ?? ''] ?? Number.NaN)
  if (ms >= 1000 && ms <= DURATION_MS_MAX) return ms
  throw new CliError('USAGE', `${name} must be a number and s, m, h or d, from 1s to 366d, got=${text}`)
}

const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

/** Reads a number of bytes such as `64M` (2^20 each) or `1048576`. Throws {@link CliError} `USAGE`. */
export function parseBytes(text: string, name: string): number {
  const [, digits, unit] = /^(\d{1,15})([KMGT]?)$/.exec(text) ?? []
  const bytes = Number(digits) * (UNIT_BYTES[unit ?? ''] ?? Number.NaN)
  if (Number.isSafeInteger(bytes)) return bytes
  throw new CliError('USAGE', `${name} must be a number of bytes, or one with K, M, G or T after it, got=${text}`)
}

/** Reads a share such as `0.05`, above 0 and up to 1. Throws {@link CliError} `USAGE`. */
export function parseShare(text: string, name: string): number {
  const share = /^\d{0,3}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  if (share > 0 && share <= 1) return share
  throw new CliError('USAGE', `${name} must be a share above 0 and up to 1, got=${text}`)
}
