import { Splinter } from '@graft-ts/splinter'
import { Crc64Nvme } from '@graft-ts/splinter/crc64'
import {
  concatBytes,
  type EncodedRun,
  FRAME_HEADER_BYTES,
  framePages,
  type IdSource,
  type PageSize,
  parsePageSize,
  type SegmentRef,
  type VolumeId,
} from '../src/index.ts'

/** A source whose ids are the same in every run. */
export function countingIdSource(): IdSource {
  let next = 1
  return {
    nowMs: () => 1_700_000_000_000 + next,
    randomBytes: (length) => Uint8Array.from({ length }, (_, i) => (next++ * 31 + i) & 0xff),
  }
}

/** Bytes that compress, and differ by seed. */
export function compressibleBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i % 64 === 0 ? (i / 64 + seed) & 0xff : 7))
}

/** Bytes that do not compress: a linear congruential generator. */
export function randomBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  let state = seed >>> 0
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

/** A run of the given pages, each page filled by its own seed. */
export function runOf(volumeId: VolumeId, pageIndexes: readonly number[], pageBytes = 512, fill = compressibleBytes) {
  const pageSize: PageSize = parsePageSize(pageBytes)
  const pages = Splinter.from(pageIndexes)
  const data = new Uint8Array(pages.size * pageSize)
  let offset = 0
  for (const pageIndex of pages) {
    data.set(fill(pageSize, pageIndex), offset)
    offset += pageSize
  }
  return { volumeId, pageSize, pages, data }
}

/** The frames of an encoded run, each as a reader fetches it. */
export function framesOf(encoded: EncodedRun): Uint8Array<ArrayBuffer>[] {
  const bytes = concatBytes(encoded.parts)
  let end = 0
  return Array.from(encoded.frames.lengths, (length) => bytes.slice(end, (end += length)))
}

/** What a reader of one frame of a ref expects. */
export function expectationOf(ref: SegmentRef, volumeId: VolumeId, pageSize: PageSize, frame: number) {
  if (ref.segmentId === undefined) throw new Error('the samples have no inline refs')
  const checksum = ref.frames.checksums[frame] as bigint
  return { volumeId, ownerId: ref.segmentId, pageSize, checksum, ...framePages(ref, pageSize, frame) }
}

/** The checksum that a frame should carry, for frames that were tampered with. */
export function frameChecksum(frame: Uint8Array): bigint {
  return new Crc64Nvme().update(frame.subarray(0, 56)).update(frame.subarray(FRAME_HEADER_BYTES)).digest()
}

/** Gives a tampered frame a checksum that fits it, as an attacker would. */
export function reseal(frame: Uint8Array<ArrayBuffer>): bigint {
  const checksum = frameChecksum(frame)
  new DataView(frame.buffer, frame.byteOffset, frame.length).setBigUint64(56, checksum, true)
  return checksum
}
