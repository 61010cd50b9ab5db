import { popcount } from '../bits.ts'
import {
  BITMAP_BYTES,
  KIND_BITMAP,
  KIND_EMPTY,
  KIND_FULL,
  KIND_RUN,
  KIND_TREE,
  SEGMENT_LIST_MAX,
  SEGMENTS_MAX,
} from '../format.ts'

/*
 * Whether a value is a member, asked of a sound partition in place. This is asked most, so it is little code without calls, the
 * same for all widths.
 *
 * Numbers are read as four bytes whatever their width, and what is too much is shifted out: the checksum follows the last one.
 * They are compared as signed numbers, where the width is 4 with their top bits turned round.
 */

/**
 * Whether a value is in a partition.
 *
 * @param rootValue As a signed number.
 */
export function partitionHas(view: DataView, rootWidth: number, rootEnd: number, rootValue: number): boolean {
  let width = rootWidth
  let end = rootEnd
  let value = rootValue
  for (let kind = view.getUint8(end - 1); ; kind = view.getUint8(end - 1)) {
    if (kind === KIND_BITMAP) return ((view.getUint8(end - 1 - BITMAP_BYTES[width]! + (value >>> 3)) >>> (value & 7)) & 1) === 1
    if (kind !== KIND_TREE) return kind > KIND_FULL ? searchHas(view, width, end - 1 - width, value) : kind !== KIND_EMPTY
    const bits = 8 * (width - 1)
    const segment = (value >>> bits) & 255
    const children = view.getUint8(end - 2) + 1
    let index = segment
    let segmentsAt = end - 2
    if (children <= SEGMENT_LIST_MAX) {
      segmentsAt -= children
      let low = segmentsAt
      for (let length = children; length > 1; ) {
        const half = length >>> 1
        low += half & -Number(view.getUint8(low + half) <= segment)
        length -= half
      }
      if (view.getUint8(low) !== segment) return false
      index = low - segmentsAt
    } else if (children < SEGMENTS_MAX) {
      segmentsAt -= 32
      if (((view.getUint8(segmentsAt + (segment >>> 3)) >>> (segment & 7)) & 1) === 0) return false
      index = segmentsBelow(view, segmentsAt, segment)
    }
    const offsetsAt = segmentsAt - 2 * children * width
    end = offsetsAt - (view.getInt32(offsetsAt + index * width, false) >>> (24 - bits))
    value &= (1 << bits) - 1
    width--
  }
}

/** How many bits below `segment` are set in the 256 bits at `place`. */
function segmentsBelow(view: DataView, place: number, segment: number): number {
  const last = place + 4 * (segment >>> 5)
  let below = popcount(view.getInt32(last, true) & ~(-1 << (segment & 31)))
  for (let at = place; at < last; at += 4) below += popcount(view.getInt32(at, true))
  return below
}

/**
 * Whether a value is in the vec, or in the runs, before the count at `countAt`: the last number that is not above it decides.
 * The search has no branches on what is found, see the search in lists.
 */
function searchHas(view: DataView, width: number, countAt: number, value: number): boolean {
  const unused = 32 - 8 * width
  const flip = width === 4 ? 1 << 31 : 0
  const wanted = value ^ flip
  const isRuns = view.getUint8(countAt + width) === KIND_RUN
  const stride = isRuns ? 2 * width : width
  let length = (view.getInt32(countAt, false) >>> unused) + 1
  let low = countAt - length * stride
  while (length > 1) {
    const half = length >>> 1
    const step = half * stride
    low += step & -Number(((view.getInt32(low + step, false) >>> unused) ^ flip) <= wanted)
    length -= half
  }
  const first = (view.getInt32(low, false) >>> unused) ^ flip
  if (!isRuns) return first === wanted
  return first <= wanted && ((view.getInt32(low + width, false) >>> unused) ^ flip) >= wanted
}
