import type { PageSize } from '@graft-ts/volume'
import { mustHold } from '../violation.ts'

/** What a page says of itself: which run of which transaction wrote it, and the value that the workload keeps there. */
export interface PageContent {
  /** The run; 0: nobody wrote the page, it is zeros. */
  readonly stamp: number
  readonly value: number
}

/** A page that nobody wrote. */
export const ZERO_PAGE: PageContent = { stamp: 0, value: 0 }

/*
 * offset size field (numbers are little-endian)
 *      0    4 stamp, from 1
 *      4    4 value
 *      8    4 page index
 *     12    4 number of the volume
 *     16      filler that follows from the above: half of all pages can be compressed, the others cannot
 */
const HEADER_WORDS = 4

/** The bytes of a page. Fresh. */
export function encodePage(content: PageContent, place: PagePlace, pageSize: PageSize): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(pageSize / 4)
  fill(words, content, place)
  return new Uint8Array(words.buffer)
}

/** Where a page is. */
export interface PagePlace {
  readonly volume: number
  readonly pageIndex: number
}

/**
 * Reads a page, and looks at every byte of it: a page of another place, of two writers, or one that nobody wrote is found out.
 *
 * @param who Says where the bytes come from, for the message.
 */
export function decodePage(bytes: Uint8Array, place: PagePlace, who: string): PageContent {
  const words = new Uint32Array(
    bytes.byteOffset % 4 === 0 ? bytes.buffer : bytes.slice().buffer,
    bytes.byteOffset % 4 === 0 ? bytes.byteOffset : 0,
    bytes.length / 4,
  )
  const content = { stamp: words[0] as number, value: words[1] as number }
  if (content.stamp === 0) {
    mustHold(
      words.every((word) => word === 0),
      'I8',
      () => `${who}: page ${place.pageIndex} is neither zeros nor written`,
    )
    return ZERO_PAGE
  }
  const expected = new Uint32Array(words.length)
  fill(expected, content, place)
  for (let i = 0; i < words.length; i++) {
    mustHold(
      words[i] === expected[i],
      'I4',
      () => `${who}: page ${place.pageIndex} is damaged or foreign, stamp=${content.stamp}`,
    )
  }
  return content
}

function fill(words: Uint32Array, { stamp, value }: PageContent, { volume, pageIndex }: PagePlace): void {
  words.set([stamp, value, pageIndex, volume])
  let word = Math.imul(stamp ^ (pageIndex << 16), 2654435761) >>> 0
  const isCompressible = (stamp & 1) === 0
  for (let i = HEADER_WORDS; i < words.length; i++) {
    if (!isCompressible) {
      word ^= word << 13
      word ^= word >>> 17
      word ^= word << 5
    }
    words[i] = word
  }
}
