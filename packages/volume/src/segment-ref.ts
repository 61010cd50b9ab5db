import { create, toBinary } from '@bufbuild/protobuf'
import { SplinterView } from '@graft-ts/splinter'
import { RecordError, VolumeError } from './errors.ts'
import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES, type FrameTable, pagesPerFrame } from './frame.ts'
import type { SegmentRef as StoredSegmentRef } from './gen/graft/store/v1/store_pb.ts'
import { SegmentRefSchema } from './gen/graft/store/v1/store_pb.ts'
import { idToBytes, type SegmentId, segmentIdFromBytes } from './ids.ts'
import type { PageSet, PageSize } from './page.ts'
import { type MessageField, readMessage } from './stored-message.ts'

/**
 * What a commit stores about pages: which segment, which pages, where the frames are.
 *
 * Within the run pages ascend by index, so page `p` is at position `pages.rank(p) - 1`.
 */
export interface SegmentRef {
  /** The segment; `undefined`: the frames follow the sealed record of the commit that holds this ref. */
  readonly segmentId: SegmentId | undefined
  /** All pages of the run, for addressing. Those outside the commit's own set are ignored. */
  readonly pages: PageSet
  /** First byte of the first frame: within the segment, or counted from the end of the sealed record. */
  readonly offset: number
  readonly frames: FrameTable
}

// A set of one page has 21 bytes; a frame table at least one length and one checksum.
/** What a stored ref has at least. */
export const REF_SHAPE: MessageField = { bytesMin: 2 + 21 + 2 + 9 }

/** Encodes a ref as bytes, which is what a page store signs. Fresh bytes. */
export function encodeSegmentRef(ref: SegmentRef): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(toBinary(SegmentRefSchema, segmentRefToMessage(ref)))
}

/**
 * Decodes what {@link encodeSegmentRef} wrote.
 *
 * @param bytes Borrowed for as long as the ref lives: its page set reads them in place.
 * @throws {@link RecordError} `RECORD_CONTENT` if they are not a ref.
 */
export function decodeSegmentRef(bytes: Uint8Array): SegmentRef {
  return segmentRefFromMessage(readMessage(SegmentRefSchema, bytes, {}))
}

/** The stored message of a ref. */
export function segmentRefToMessage(ref: SegmentRef): StoredSegmentRef {
  return create(SegmentRefSchema, {
    segmentId: ref.segmentId === undefined ? new Uint8Array(0) : idToBytes(ref.segmentId),
    pages: pageSetBytes(ref.pages),
    offset: BigInt(ref.offset),
    frameLengths: Array.from(ref.frames.lengths),
    frameChecksums: Array.from(ref.frames.checksums),
  })
}

/** The bytes of a page set: those of a view as they are, others freshly encoded. */
export function pageSetBytes(pages: PageSet): Uint8Array {
  return pages instanceof SplinterView ? pages.bytes : pages.toBytes()
}

/** The ref in a stored message. Throws {@link RecordError} `RECORD_CONTENT`. */
export function segmentRefFromMessage(message: StoredSegmentRef): SegmentRef {
  if (message.frameLengths.length !== message.frameChecksums.length) {
    throw new RecordError('RECORD_CONTENT', 'frame table: as many checksums as lengths are needed')
  }
  if (message.offset > 0xffffffffn) throw new RecordError('RECORD_CONTENT', `frame offset is over 2^32, got=${message.offset}`)
  const pages = storedPageSet(message.pages)
  if (pages.size === 0) throw new RecordError('RECORD_CONTENT', 'a segment ref without pages')
  return {
    segmentId: message.segmentId.length === 0 ? undefined : storedSegmentId(message.segmentId),
    pages,
    offset: Number(message.offset),
    frames: { lengths: Uint32Array.from(message.frameLengths), checksums: BigUint64Array.from(message.frameChecksums) },
  }
}

/** A page set of a stored message, read in place. Throws {@link RecordError} `RECORD_CONTENT`. */
export function storedPageSet(bytes: Uint8Array): SplinterView {
  let pages: SplinterView
  try {
    pages = new SplinterView(bytes)
  } catch (cause) {
    throw new RecordError('RECORD_CONTENT', 'not a page set', { cause })
  }
  if (pages.has(0)) throw new RecordError('RECORD_CONTENT', 'page 0 is not a page')
  return pages
}

function storedSegmentId(bytes: Uint8Array): SegmentId {
  try {
    return segmentIdFromBytes(bytes)
  } catch (cause) {
    throw new RecordError('RECORD_CONTENT', 'not a segment id', { cause })
  }
}

/**
 * Checks that a ref's frame table fits its pages: the right number of frames, none too short or too long.
 *
 * @throws {@link VolumeError} `SEGMENT_REF`.
 */
export function checkSegmentRef(ref: SegmentRef, pageSize: PageSize): void {
  const frames = Math.ceil(ref.pages.size / pagesPerFrame(pageSize))
  if (ref.frames.lengths.length !== frames) {
    throw new VolumeError(
      'SEGMENT_REF',
      `frame table does not fit the pages, frames=${ref.frames.lengths.length} expected=${frames}`,
    )
  }
  for (const length of ref.frames.lengths) {
    if (length <= FRAME_HEADER_BYTES || length > FRAME_BYTES_MAX) {
      throw new VolumeError('SEGMENT_REF', `frame length is out of range, bytes=${length}`)
    }
  }
  const end = framesEnd(ref)
  if (end > 0xffffffff) throw new VolumeError('SEGMENT_REF', `frames end past 2^32 bytes, end=${end}`)
}

/** Where the last frame of a run ends: within the segment, or counted from the end of the sealed record. */
export function framesEnd(ref: SegmentRef): number {
  return ref.frames.lengths.reduce((sum, length) => sum + length, ref.offset)
}

/** Where a page is in a run: its frame, and its position among that frame's pages; `undefined` if the run lacks it. */
export function frameOf(ref: SegmentRef, pageSize: PageSize, pageIndex: number): { frame: number; position: number } | undefined {
  const index = ref.pages.indexOf(pageIndex)
  if (index === undefined) return undefined
  const perFrame = pagesPerFrame(pageSize)
  return { frame: Math.floor(index / perFrame), position: index % perFrame }
}

/** The bytes of a frame: within the segment, or counted from the end of the sealed record. */
export function frameRange(ref: SegmentRef, frame: number): { offset: number; length: number } {
  let offset = ref.offset
  for (let i = 0; i < frame; i++) offset += ref.frames.lengths[i] as number
  return { offset, length: ref.frames.lengths[frame] as number }
}

/** Which pages a frame holds: first and last index, and how many. Costs two selects. */
export function framePages(ref: SegmentRef, pageSize: PageSize, frame: number): { first: number; last: number; count: number } {
  const perFrame = pagesPerFrame(pageSize)
  const start = frame * perFrame
  const count = Math.min(perFrame, ref.pages.size - start)
  return { first: ref.pages.select(start) as number, last: ref.pages.select(start + count - 1) as number, count }
}
