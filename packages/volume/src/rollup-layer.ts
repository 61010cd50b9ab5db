import { RecordError } from './errors.ts'
import type { RollupLayer as StoredRollupLayer } from './gen/graft/store/v1/store_pb.ts'
import type { Lsn } from './lsn.ts'
import type { PageSet } from './page.ts'
import { storedPageSet } from './segment-ref.ts'
import type { MessageField } from './stored-message.ts'

/**
 * The part of a rollup that one older range of commits contributed.
 *
 * Layer i of the commit at LSN p covers (p - 2^i, p - 2^(i-1)]: the pages last changed there, and neither changed nor
 * cut off by a newer commit up to p.
 */
export interface RollupLayer {
  readonly pages: PageSet
  /** For each page in ascending order the offset of its commit in the range, `layer - 1` bits each, lowest bit first. */
  readonly packedOffsets: Uint8Array
  /** The lowest floor in (p - 2^i, p]; `undefined`: nothing was cut off there. */
  readonly floor: number | undefined
}

// A set of no page has 13 bytes; an LSN of 53 bits allows as many layers less one.
/** What a stored layer has at least, and how many there can be. */
export const LAYER_SHAPE: MessageField = { bytesMin: 2 + 13, countMax: 52 }

/** Packs the offset of each page's commit in the layer's range. Fresh bytes. */
export function packOffsets(offsets: readonly number[], layer: number): Uint8Array<ArrayBuffer> {
  const bits = layer - 1
  const bytes = new Uint8Array(packedLength(offsets.length, layer))
  for (let i = 0; i < offsets.length; i++) {
    let rest = offsets[i] as number
    let bit = i * bits
    for (let left = bits; left > 0; ) {
      const shift = bit % 8
      const take = Math.min(8 - shift, left)
      const byte = Math.floor(bit / 8)
      bytes[byte] = (bytes[byte] as number) | ((rest % 2 ** take) << shift)
      rest = Math.floor(rest / 2 ** take)
      bit += take
      left -= take
    }
  }
  return bytes
}

/**
 * The LSN of the commit that last changed the page at `position` of a layer.
 *
 * @param lsn The LSN p of the record that holds the layer.
 * @param layer Its number i, from 1.
 */
export function layerLsn(rollup: RollupLayer, lsn: Lsn, layer: number, position: number): Lsn {
  const bits = layer - 1
  let offset = 0
  let bit = position * bits
  for (let done = 0; done < bits; ) {
    const shift = bit % 8
    const take = Math.min(8 - shift, bits - done)
    const byte = rollup.packedOffsets[Math.floor(bit / 8)] as number
    offset += ((byte >> shift) % 2 ** take) * 2 ** done
    bit += take
    done += take
  }
  return (lsn - 2 ** layer + 1 + offset) as Lsn
}

function packedLength(pages: number, layer: number): number {
  return Math.ceil((pages * (layer - 1)) / 8)
}

/** How many layers a record at this LSN can have: the exponent of the largest power of two that divides it. */
export function layerCountMax(lsn: Lsn): number {
  let count = 0
  for (let rest: number = lsn; rest > 0 && rest % 2 === 0; rest /= 2) count++
  return count
}

/** The layers in a stored message. Throws {@link RecordError} `RECORD_CONTENT`. */
export function layersFromMessages(messages: readonly StoredRollupLayer[], lsn: Lsn): RollupLayer[] {
  if (messages.length > layerCountMax(lsn)) {
    throw new RecordError('RECORD_CONTENT', `more rollup layers than its LSN allows, layers=${messages.length} lsn=${lsn}`)
  }
  return messages.map((message, i) => {
    const pages = storedPageSet(message.pages)
    if (message.lsnOffsets.length !== packedLength(pages.size, i + 1)) {
      throw new RecordError('RECORD_CONTENT', `rollup layer ${i + 1}: packed offsets do not fit its pages`)
    }
    return { pages, packedOffsets: message.lsnOffsets, floor: message.floor }
  })
}
