import { Splinter } from '@graft-ts/splinter'
import { ProtocolError } from '../errors.ts'

/**
 * The page set in a message; empty bytes stand for the empty set.
 *
 * @param limits.pagesMax How many pages are accepted.
 * @returns A set that the caller owns.
 * @throws {@link ProtocolError} `SET_INVALID`, `SET_PAGE_ZERO`, `SET_TOO_LARGE` (I11).
 */
export function pageSetFromWire(bytes: Uint8Array, limits: { readonly pagesMax: number }): Splinter {
  if (bytes.length === 0) return new Splinter()
  let pages: Splinter
  try {
    pages = Splinter.fromBytes(bytes)
  } catch (cause) {
    throw new ProtocolError('SET_INVALID', 'not a page set', { cause })
  }
  if (pages.has(0)) throw new ProtocolError('SET_PAGE_ZERO', 'page 0 is not a page')
  if (pages.size > limits.pagesMax) {
    throw new ProtocolError('SET_TOO_LARGE', `too many pages, pages=${pages.size} most=${limits.pagesMax}`)
  }
  return pages
}
