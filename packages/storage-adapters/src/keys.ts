import { StoreError } from './errors.ts'

/** The longest key of the contract, in bytes of UTF-8. Wrappers that prepend something leave less to their callers. */
export const KEY_BYTES_MAX = 1024

/** The longest part of a key between two slashes, in bytes of UTF-8: what directory-backed stores can name. */
export const KEY_SEGMENT_BYTES_MAX = 250

const SLASH = 0x2f
const DOT = 0x2e

/**
 * Checks a key against the rules that every store keeps, and gives it back.
 *
 * Segments are separated by single slashes; none is empty, `.` or `..`, or longer than 250 bytes; the whole is at most
 * 1024 bytes of well-formed Unicode without control characters (U+0000–U+001F, U+007F) and without U+FFFE and U+FFFF,
 * which an XML listing could not carry. It is in the normal form NFC: some stores, Cloudflare R2 for one, take texts that
 * look alike for the same key.
 *
 * @throws {@link StoreError} `STORE_KEY`. Costs one pass over the key.
 */
export function checkKey(key: string): string {
  if (typeof key !== 'string') throw new StoreError('STORE_KEY', `the key is no text, type=${typeof key}`)
  const length = key.length
  if (length === 0) throw keyError(key, 'is empty')
  let total = 0
  let segmentStart = 0
  let segmentBytes = 0
  for (let i = 0; i <= length; i++) {
    const unit = i === length ? SLASH : key.charCodeAt(i)
    if (unit === SLASH) {
      checkSegment(key, segmentStart, i, segmentBytes)
      total += segmentBytes + 1
      segmentStart = i + 1
      segmentBytes = 0
    } else {
      const bytes = unitBytes(key, i, unit)
      // The second half of a surrogate pair was counted with the first.
      if (bytes === 4) i++
      segmentBytes += bytes
    }
  }
  if (total - 1 > KEY_BYTES_MAX) throw keyError(key, `is longer than ${KEY_BYTES_MAX} bytes`)
  checkNormal(key)
  return key
}

/** Tells whether {@link checkKey} lets a key pass. */
export function isKey(key: string): boolean {
  try {
    checkKey(key)
    return true
  } catch {
    return false
  }
}

/**
 * Checks the beginning of keys that a listing asks for, and gives it back. The last segment may be partial or empty.
 *
 * @throws {@link StoreError} `STORE_KEY` if no valid key could begin like this.
 */
export function checkPrefix(prefix: string): string {
  const slash = prefix.lastIndexOf('/')
  if (slash === 0) throw keyError(prefix, 'begins with a slash')
  if (slash > 0) checkKey(prefix.slice(0, slash))
  const bytes = checkText(prefix)
  if (bytes > KEY_BYTES_MAX) throw keyError(prefix, `is longer than ${KEY_BYTES_MAX} bytes`)
  return prefix
}

/**
 * Checks that a text could be part of a key and counts its bytes of UTF-8. Slashes may be anywhere.
 *
 * @throws {@link StoreError} `STORE_KEY` on control characters, unpaired surrogates, and what is not in NFC.
 */
export function checkText(text: string): number {
  let total = 0
  for (let i = 0; i < text.length; i++) {
    const bytes = unitBytes(text, i, text.charCodeAt(i))
    if (bytes === 4) i++
    total += bytes
  }
  checkNormal(text)
  return total
}

/**
 * Orders keys by their bytes of UTF-8, which is the order of ordered listings. JavaScript's own comparison differs from
 * it when a character outside the first 65,536 meets one of U+E000–U+FFFF.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return codePointRank(x) - codePointRank(y)
  }
  return a.length - b.length
}

// Surrogates stand for code points above every other unit, so they have to sort last.
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

function checkSegment(key: string, start: number, end: number, bytes: number): void {
  const length = end - start
  if (length === 0) throw keyError(key, 'has an empty segment')
  if (bytes > KEY_SEGMENT_BYTES_MAX) throw keyError(key, `has a segment over ${KEY_SEGMENT_BYTES_MAX} bytes`)
  if (length > 2 || key.charCodeAt(start) !== DOT) return
  if (length === 1 || key.charCodeAt(start + 1) === DOT) throw keyError(key, 'has a segment . or ..')
}

// Below U+0300, the first combining mark, every text is in NFC.
const MAY_BE_COMPOSED = /[\u0300-\uffff]/

function checkNormal(text: string): void {
  if (MAY_BE_COMPOSED.test(text) && text.normalize('NFC') !== text) throw keyError(text, 'is not in Unicode normal form NFC')
}

function unitBytes(text: string, index: number, unit: number): 1 | 2 | 3 | 4 {
  if (unit < 0x80) {
    if (unit < 0x20 || unit === 0x7f) throw keyError(text, 'has a control character')
    return 1
  }
  if (unit < 0x800) return 2
  if (unit >= 0xd800 && unit <= 0xdfff) {
    const next = unit < 0xdc00 ? text.charCodeAt(index + 1) : 0
    if (next >= 0xdc00 && next <= 0xdfff) return 4
    throw keyError(text, 'has an unpaired surrogate')
  }
  if (unit >= 0xfffe) throw keyError(text, 'has a character that XML forbids')
  return 3
}

function keyError(key: string, what: string): StoreError {
  const shown = key.length > 80 ? `${key.slice(0, 80)}…` : key
  return new StoreError('STORE_KEY', `the key ${what}, key=${JSON.stringify(shown)}`)
}
