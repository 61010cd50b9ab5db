import { Crc64Nvme } from '@graft-ts/splinter/crc64'
import { SegmentError, VolumeError } from './errors.ts'
import type { FrameCodec } from './frame-codec.ts'
import { type CommitId, idToBytes, type SegmentId, type VolumeId } from './ids.ts'
import type { PageSet, PageSize } from './page.ts'

const MAGIC = 0x46535447 // "GTSF" in file order
const VERSION = 1
const CHECKSUM_OFFSET = 56
const CODEC_RAW = 0
const CODEC_DEFLATE = 1
const RAW_BYTES_MAX = 262144
const PAGES_MAX = 64

/** Bytes before the payload of a frame. */
export const FRAME_HEADER_BYTES = 64
/** Largest frame, header included. */
export const FRAME_BYTES_MAX: number = FRAME_HEADER_BYTES + RAW_BYTES_MAX

/** How many pages a full frame holds: at most 64 and at most 256 KiB, at least one. */
export function pagesPerFrame(pageSize: PageSize): number {
  return Math.max(1, Math.min(PAGES_MAX, Math.floor(RAW_BYTES_MAX / pageSize)))
}

/** Where the frames of a run are, so that one ranged read fetches exactly those that are needed. */
export interface FrameTable {
  /** Bytes of each frame, header included. */
  readonly lengths: Uint32Array
  /** CRC-64/NVME of each frame, as in its header. */
  readonly checksums: BigUint64Array
}

/** Pages of one volume in one write, in ascending order of index. */
export interface Run {
  readonly volumeId: VolumeId
  readonly pageSize: PageSize
  readonly pages: PageSet
  /** The pages in ascending order of index, concatenated: `pages.size * pageSize` bytes. Borrowed. */
  readonly data: Uint8Array
}

/** A run as frames. */
export interface EncodedRun {
  readonly parts: readonly Uint8Array<ArrayBuffer>[]
  readonly frames: FrameTable
  readonly byteLength: number
}

/**
 * Cuts a run into frames and compresses those that shrink by an eighth or more.
 *
 * @param ownerId The segment or commit that will hold the frames; it is written into each of them.
 * @throws {@link VolumeError} `SET_EMPTY`, `SET_PAGE_ZERO`, `PAGE_LENGTH`.
 */
export async function encodeRun(run: Run, ownerId: SegmentId | CommitId, codec: FrameCodec): Promise<EncodedRun> {
  checkRun(run)
  const perFrame = pagesPerFrame(run.pageSize)
  const indexes = run.pages.toUint32Array()
  const starts = Array.from({ length: Math.ceil(indexes.length / perFrame) }, (_, frame) => frame * perFrame)
  const parts = await Promise.all(
    starts.map((start) => {
      const end = Math.min(start + perFrame, indexes.length)
      const raw = run.data.subarray(start * run.pageSize, end * run.pageSize)
      const pages = { first: indexes[start] as number, last: indexes[end - 1] as number, count: end - start }
      return encodeFrame(raw, { volumeId: run.volumeId, ownerId, ...pages }, codec)
    }),
  )
  const frames = {
    lengths: Uint32Array.from(parts, (part) => part.length),
    checksums: BigUint64Array.from(parts, storedChecksum),
  }
  return { parts, frames, byteLength: parts.reduce((sum, part) => sum + part.length, 0) }
}

function checkRun(run: Run): void {
  if (run.pages.size === 0) throw new VolumeError('SET_EMPTY', 'a run needs at least one page')
  if (run.pages.has(0)) throw new VolumeError('SET_PAGE_ZERO', 'page 0 is not a page')
  const expected = run.pages.size * run.pageSize
  if (run.data.length !== expected) {
    throw new VolumeError('PAGE_LENGTH', `data does not fit the pages, bytes=${run.data.length} expected=${expected}`)
  }
}

/** What a reader expects of a frame, checked against its header. */
export interface FrameIdentity {
  readonly volumeId: VolumeId
  /** The segment or commit that holds the frame. */
  readonly ownerId: SegmentId | CommitId
  /** Index of the first and of the last page, and how many there are. */
  readonly first: number
  readonly last: number
  readonly count: number
}

/*
 * offset size field (numbers are little-endian)
 *      0    4 magic "GTSF"
 *      4    1 version, 1
 *      5    1 codec: 0 raw, 1 deflate-raw, 2 zstd (reserved)
 *      6    2 page count, 1 to 64
 *      8    4 index of the first page
 *     12    4 index of the last page
 *     16    4 raw length: page count * page size
 *     20    4 payload length
 *     24   16 volume id
 *     40   16 segment id or commit id
 *     56    8 CRC-64/NVME over bytes 0..55 and the payload
 *     64      payload
 */
async function encodeFrame(raw: Uint8Array, identity: FrameIdentity, codec: FrameCodec): Promise<Uint8Array<ArrayBuffer>> {
  const deflated = await codec.deflateRaw(raw)
  const isSmaller = deflated.length <= raw.length - raw.length / 8
  const payload = isSmaller ? deflated : raw
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  bytes[4] = VERSION
  bytes[5] = isSmaller ? CODEC_DEFLATE : CODEC_RAW
  view.setUint16(6, identity.count, true)
  view.setUint32(8, identity.first, true)
  view.setUint32(12, identity.last, true)
  view.setUint32(16, raw.length, true)
  view.setUint32(20, payload.length, true)
  bytes.set(idToBytes(identity.volumeId), 24)
  bytes.set(idToBytes(identity.ownerId), 40)
  bytes.set(payload, FRAME_HEADER_BYTES)
  view.setBigUint64(CHECKSUM_OFFSET, checksum(bytes), true)
  return bytes
}

/**
 * Checks a frame against what was asked for, and expands it.
 *
 * @param bytes Exactly the frame, as its ranged read gave it; borrowed.
 * @param expected What the ref says: identity, page size, and the checksum of its frame table.
 * @returns The pages, concatenated: fresh bytes, or a view over `bytes` when the frame is stored raw.
 * @throws {@link SegmentError}: damaged, of another volume, segment or set of pages, or of a newer version (I11).
 */
export async function decodeFrame(
  bytes: Uint8Array,
  expected: FrameIdentity & { readonly pageSize: PageSize; readonly checksum: bigint },
  codec: FrameCodec,
): Promise<Uint8Array> {
  if (bytes.length < FRAME_HEADER_BYTES) {
    throw new SegmentError('FRAME_TRUNCATED', `frame ends within its header, bytes=${bytes.length}`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(0, true) !== MAGIC) throw new SegmentError('FRAME_MAGIC', 'not a frame')
  checkIntegrity(bytes, view, expected.checksum)
  checkIdentity(bytes, view, expected)
  const rawBytes = view.getUint32(16, true)
  if (rawBytes !== expected.count * expected.pageSize) {
    throw new SegmentError('FRAME_LENGTH', `raw length differs, bytes=${rawBytes} expected=${expected.count * expected.pageSize}`)
  }
  return expand(bytes[5] as number, bytes.subarray(FRAME_HEADER_BYTES), rawBytes, codec)
}

function checkIntegrity(bytes: Uint8Array, view: DataView, expected: bigint): void {
  const payloadBytes = view.getUint32(20, true)
  if (payloadBytes !== bytes.length - FRAME_HEADER_BYTES) {
    throw new SegmentError(
      'FRAME_TRUNCATED',
      `payload length differs, bytes=${bytes.length - FRAME_HEADER_BYTES} expected=${payloadBytes}`,
    )
  }
  const stored = view.getBigUint64(CHECKSUM_OFFSET, true)
  const actual = checksum(bytes)
  if (stored !== actual || stored !== expected) {
    const values = `expected=${expected.toString(16)} stored=${stored.toString(16)} actual=${actual.toString(16)}`
    throw new SegmentError('FRAME_CHECKSUM', `frame checksum differs, ${values}`)
  }
  if (bytes[4] !== VERSION) {
    throw new SegmentError('FRAME_VERSION', `frame of a version that is not supported, version=${bytes[4]} supported=${VERSION}`)
  }
}

function checkIdentity(bytes: Uint8Array, view: DataView, expected: FrameIdentity): void {
  if (!holds(bytes, 24, idToBytes(expected.volumeId))) throw new SegmentError('FRAME_FOREIGN', 'frame of another volume')
  if (!holds(bytes, 40, idToBytes(expected.ownerId))) throw new SegmentError('FRAME_FOREIGN', 'frame of another object')
  const count = view.getUint16(6, true)
  const first = view.getUint32(8, true)
  const last = view.getUint32(12, true)
  if (count !== expected.count || first !== expected.first || last !== expected.last) {
    const wanted = `${expected.first}..${expected.last} (${expected.count})`
    throw new SegmentError('FRAME_PAGES', `frame of other pages, got=${first}..${last} (${count}) expected=${wanted}`)
  }
}

async function expand(codecByte: number, payload: Uint8Array, rawBytes: number, codec: FrameCodec): Promise<Uint8Array> {
  if (codecByte === CODEC_DEFLATE) return codec.inflateRaw(payload, rawBytes)
  if (codecByte !== CODEC_RAW) throw new SegmentError('FRAME_CODEC', `codec is not supported, codec=${codecByte}`)
  if (payload.length !== rawBytes) {
    throw new SegmentError('FRAME_LENGTH', `raw payload differs, bytes=${payload.length} expected=${rawBytes}`)
  }
  return payload
}

function holds(bytes: Uint8Array, offset: number, expected: Uint8Array): boolean {
  return expected.every((byte, i) => bytes[offset + i] === byte)
}

function storedChecksum(frame: Uint8Array): bigint {
  return new DataView(frame.buffer, frame.byteOffset, frame.length).getBigUint64(CHECKSUM_OFFSET, true)
}

function checksum(frame: Uint8Array): bigint {
  return new Crc64Nvme().update(frame.subarray(0, CHECKSUM_OFFSET)).update(frame.subarray(FRAME_HEADER_BYTES)).digest()
}
