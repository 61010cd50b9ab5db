import { Crc64Nvme } from '@graft-ts/splinter/crc64'
import { isTypedError, SegmentError, VolumeError } from './errors.ts'
import type { FrameCodec } from './frame-codec.ts'
import { type CommitId, idToBytes, type SegmentId, type VolumeId } from './ids.ts'
import { looksRandom } from './looks-random.ts'
import type { PageSet, PageSize } from './page.ts'

const MAGIC = 0x46535447 // "GTSF" in file order
const VERSION = 1
const CHECKSUM_OFFSET = 56
const CODEC_RAW = 0
const CODEC_DEFLATE = 1
const CODEC_ZSTD = 2
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
  /** One after the other they are the frames: a header, its payload, the next header… Payloads stored raw are views of the run's data. */
  readonly parts: readonly Uint8Array[]
  readonly frames: FrameTable
  readonly byteLength: number
}

/**
 * Cuts a run into frames and compresses those that shrink by an eighth or more.
 *
 * @param run Its data is borrowed for as long as the parts are used, and must not change.
 * @param ownerId The segment or commit that will hold the frames; it is written into each of them.
 * @throws {@link VolumeError} `SET_EMPTY`, `SET_PAGE_ZERO`, `PAGE_LENGTH`; `CODEC_UNSUPPORTED` if the codec cannot do what it
 * is to write.
 */
export async function encodeRun(run: Run, ownerId: SegmentId | CommitId, codec: FrameCodec): Promise<EncodedRun> {
  checkRun(run)
  const perFrame = pagesPerFrame(run.pageSize)
  const indexes = run.pages.toUint32Array()
  const starts = Array.from({ length: Math.ceil(indexes.length / perFrame) }, (_, frame) => frame * perFrame)
  const frames = await Promise.all(
    starts.map((start) => {
      const end = Math.min(start + perFrame, indexes.length)
      const raw = run.data.subarray(start * run.pageSize, end * run.pageSize)
      const pages = { first: indexes[start] as number, last: indexes[end - 1] as number, count: end - start }
      return encodeFrame(raw, { volumeId: run.volumeId, ownerId, ...pages }, codec)
    }),
  )
  const lengths = Uint32Array.from(frames, ({ header, payload }) => header.length + payload.length)
  return {
    parts: frames.flatMap(({ header, payload }) => [header, payload]),
    frames: { lengths, checksums: BigUint64Array.from(frames, ({ checksum }) => checksum) },
    byteLength: lengths.reduce((sum, length) => sum + length, 0),
  }
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
 *      5    1 codec: 0 raw, 1 deflate-raw, 2 zstd
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
async function encodeFrame(raw: Uint8Array, identity: FrameIdentity, codec: FrameCodec): Promise<EncodedFrame> {
  const { codecByte, payload } = await compress(raw, codec)
  const header = new Uint8Array(FRAME_HEADER_BYTES)
  const view = new DataView(header.buffer)
  view.setUint32(0, MAGIC, true)
  header[4] = VERSION
  header[5] = codecByte
  view.setUint16(6, identity.count, true)
  view.setUint32(8, identity.first, true)
  view.setUint32(12, identity.last, true)
  view.setUint32(16, raw.length, true)
  view.setUint32(20, payload.length, true)
  header.set(idToBytes(identity.volumeId), 24)
  header.set(idToBytes(identity.ownerId), 40)
  const checksum = checksumOf(header, payload)
  view.setBigUint64(CHECKSUM_OFFSET, checksum, true)
  return { header, payload, checksum }
}

/** A frame in two parts, so that a payload that is stored raw need not be copied. */
interface EncodedFrame {
  readonly header: Uint8Array<ArrayBuffer>
  readonly payload: Uint8Array
  readonly checksum: bigint
}

/** The payload of a frame: compressed if that makes it smaller by an eighth, else as it is. */
async function compress(raw: Uint8Array, codec: FrameCodec): Promise<{ codecByte: number; payload: Uint8Array }> {
  const asItIs = { codecByte: CODEC_RAW, payload: raw }
  const { format = 'deflate-raw' } = codec
  if (format === 'raw' || looksRandom(raw)) return asItIs
  const isZstd = format === 'zstd'
  const payload = await (isZstd ? zstdOf(codec).compress(raw) : codec.deflateRaw(raw))
  if (payload.length > raw.length - raw.length / 8) return asItIs
  return { codecByte: isZstd ? CODEC_ZSTD : CODEC_DEFLATE, payload }
}

function zstdOf(codec: FrameCodec): NonNullable<FrameCodec['zstd']> {
  if (codec.zstd === undefined) throw new VolumeError('CODEC_UNSUPPORTED', 'this codec has no zstd')
  return codec.zstd
}

/**
 * Checks a frame against what was asked for, and expands it.
 *
 * @param bytes Exactly the frame, as its ranged read gave it; borrowed.
 * @param expected What the ref says: identity, page size, and the checksum of its frame table.
 * @returns The pages, concatenated: fresh bytes, or a view over `bytes` when the frame is stored raw.
 * @throws {@link SegmentError}: damaged, of another volume, segment or set of pages, of a newer version, or in a format that
 * the codec does not have (I11).
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
  const actual = checksumOf(bytes, bytes.subarray(FRAME_HEADER_BYTES))
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
  if (codecByte === CODEC_RAW) {
    if (payload.length === rawBytes) return payload
    throw new SegmentError('FRAME_LENGTH', `raw payload differs, bytes=${payload.length} expected=${rawBytes}`)
  }
  const raw = await expandCompressed(codecByte, payload, rawBytes, codec)
  if (raw.length !== rawBytes) {
    throw new SegmentError('FRAME_CONTENT', `frame expands to another length, bytes=${raw.length} expected=${rawBytes}`)
  }
  return raw
}

async function expandCompressed(
  codecByte: number,
  payload: Uint8Array,
  rawBytes: number,
  codec: FrameCodec,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    if (codecByte === CODEC_DEFLATE) return await codec.inflateRaw(payload, rawBytes)
    if (codecByte === CODEC_ZSTD && codec.zstd !== undefined) return await codec.zstd.expand(payload, rawBytes)
  } catch (cause) {
    if (isTypedError(cause)) throw cause
    // Whatever a codec stumbles over came out of the store: its checks have passed, so it was written like this.
    throw new SegmentError('FRAME_CONTENT', 'frame does not expand', { cause })
  }
  throw new SegmentError('FRAME_CODEC', `codec is not supported here, codec=${codecByte}`)
}

function holds(bytes: Uint8Array, offset: number, expected: Uint8Array): boolean {
  return expected.every((byte, i) => bytes[offset + i] === byte)
}

function checksumOf(header: Uint8Array, payload: Uint8Array): bigint {
  return new Crc64Nvme().update(header.subarray(0, CHECKSUM_OFFSET)).update(payload).digest()
}
