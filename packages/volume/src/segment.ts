import { create, toBinary } from '@bufbuild/protobuf'
import { Crc64Nvme } from '@graft-ts/splinter/crc64'
import { RecordError, SegmentError, VolumeError } from './errors.ts'
import { type EncodedRun, encodeRun, FRAME_HEADER_BYTES, pagesPerFrame, type Run } from './frame.ts'
import type { FrameCodec } from './frame-codec.ts'
import { SegmentIndexSchema, type SegmentIndex as StoredSegmentIndex } from './gen/graft/store/v1/store_pb.ts'
import { idToBytes, type SegmentId, segmentIdFromBytes, type VolumeId, volumeIdFromBytes } from './ids.ts'
import { type PageSet, type PageSize, parsePageSize } from './page.ts'
import { openRecord, RECORD_HEADER_BYTES, RECORD_PAYLOAD_BYTES_MAX, sealRecord } from './sealed-record.ts'
import {
  checkSegmentRef,
  framesEnd,
  pageSetBytes,
  REF_SHAPE,
  type SegmentRef,
  segmentRefFromMessage,
  segmentRefToMessage,
} from './segment-ref.ts'
import { readMessage } from './stored-message.ts'

/** Largest segment where the caller names none: 16 MiB. */
export const SEGMENT_BYTES_DEFAULT: number = 16 * 2 ** 20
/** Largest segment that may be asked for: 64 MiB. */
export const SEGMENT_BYTES_MAX: number = 64 * 2 ** 20

const MAGIC = 0x53535447 // "GTSS" in file order
const VERSION = 1
/** Bytes of the footer at the end of a segment. */
export const SEGMENT_FOOTER_BYTES = 24
const FOOTER_CHECKSUM_OFFSET = 8
// What the index needs beyond its runs: the record's header and the segment id.
const INDEX_BYTES_BASE = RECORD_HEADER_BYTES + 18
// What a run needs in the index beyond its page set and frame table: ids, page size, offset, tags and lengths.
const INDEX_RUN_BYTES_MAX = 72
// A length of up to 2^18 + 64 as a varint, and a fixed64 checksum.
const INDEX_FRAME_BYTES_MAX = 3 + 8
/** Bytes that every segment needs beside its runs. */
export const SEGMENT_OVERHEAD_BYTES: number = INDEX_BYTES_BASE + SEGMENT_FOOTER_BYTES

/**
 * The most bytes that a run can take in a segment, whatever its pages hold: for deciding what fits before compressing.
 *
 * @param pages The run's set. Pass a `SplinterView`, so that its encoded size is known without encoding it.
 * @returns Bytes of the frames (stored raw), and bytes in the index.
 */
export function runBytesMax(pages: PageSet, pageSize: PageSize): { frames: number; index: number } {
  const frameCount = Math.ceil(pages.size / pagesPerFrame(pageSize))
  return {
    frames: pages.size * pageSize + frameCount * FRAME_HEADER_BYTES,
    index: pageSetBytes(pages).length + frameCount * INDEX_FRAME_BYTES_MAX + INDEX_RUN_BYTES_MAX,
  }
}

/** One run of a segment. */
export interface SegmentRun {
  readonly volumeId: VolumeId
  readonly pageSize: PageSize
  readonly ref: SegmentRef
}

// A run has ids, a page size and a ref.
const INDEX_SHAPE = { 2: { bytesMin: 2 + REF_SHAPE.bytesMin } }

/** What a segment says about itself: for scrubbing, compaction and recovery. Readers of pages use refs instead. */
export interface SegmentIndex {
  readonly segmentId: SegmentId
  readonly runs: readonly SegmentRun[]
}

/**
 * Collects runs of any volumes into one segment: frames of each run, then the index (a sealed record), then the footer.
 *
 * Each byte is copied once, by {@link SegmentBuilder.finish}: until then the data of the runs is borrowed and must not change.
 */
export class SegmentBuilder {
  readonly segmentId: SegmentId
  readonly #codec: FrameCodec
  readonly #bytesMax: number
  readonly #parts: Uint8Array[] = []
  readonly #runs: SegmentRun[] = []
  #byteLength = 0
  #indexBytes = INDEX_BYTES_BASE

  /** @throws {@link VolumeError} `SEGMENT_FULL` if `bytesMax` is over {@link SEGMENT_BYTES_MAX}. */
  constructor(options: { segmentId: SegmentId; codec: FrameCodec; bytesMax?: number }) {
    this.segmentId = options.segmentId
    this.#codec = options.codec
    this.#bytesMax = options.bytesMax ?? SEGMENT_BYTES_DEFAULT
    if (this.#bytesMax > SEGMENT_BYTES_MAX) {
      throw new VolumeError('SEGMENT_FULL', `a segment is at most 64 MiB, bytesMax=${this.#bytesMax}`)
    }
  }

  /** Bytes of the frames so far. */
  get byteLength(): number {
    return this.#byteLength
  }

  /** How many runs it holds. */
  get runCount(): number {
    return this.#runs.length
  }

  /**
   * Compresses a run and appends it; may be called again before an earlier call has finished.
   *
   * @returns The ref that a commit stores for it.
   * @throws {@link VolumeError} as {@link SegmentBuilder.encode} and {@link SegmentBuilder.append} do.
   */
  async add(run: Run): Promise<SegmentRef> {
    return this.append(run, await this.encode(run))
  }

  /** Makes frames of a run, for this segment alone, and leaves the segment as it is. Throws what {@link encodeRun} throws. */
  encode(run: Run): Promise<EncodedRun> {
    return encodeRun(run, this.segmentId, this.#codec)
  }

  /**
   * Appends a run.
   *
   * @param encoded What {@link SegmentBuilder.encode} made of `run`.
   * @returns The ref that a commit stores for it.
   * @throws {@link VolumeError} `SEGMENT_FULL` if it does not fit; the segment stays as it was.
   */
  append(run: Run, encoded: EncodedRun): SegmentRef {
    const offset = this.#byteLength
    const indexBytes = this.#indexBytes + runBytesMax(run.pages, run.pageSize).index
    // The index counts too: many small runs need more of it than of anything else, and a record has its own limit.
    const total = offset + encoded.byteLength + indexBytes + SEGMENT_FOOTER_BYTES
    if (total > this.#bytesMax || indexBytes > RECORD_PAYLOAD_BYTES_MAX) {
      throw new VolumeError('SEGMENT_FULL', `the run does not fit, bytes=${encoded.byteLength} used=${offset}`)
    }
    const ref: SegmentRef = { segmentId: this.segmentId, pages: run.pages, offset, frames: encoded.frames }
    for (const part of encoded.parts) this.#parts.push(part)
    this.#runs.push({ volumeId: run.volumeId, pageSize: run.pageSize, ref })
    this.#byteLength += encoded.byteLength
    this.#indexBytes = indexBytes
    return ref
  }

  /** The whole segment, as fresh bytes. */
  finish(): Uint8Array<ArrayBuffer> {
    const index = encodeSegmentIndex({ segmentId: this.segmentId, runs: this.#runs })
    const bytes = new Uint8Array(this.#byteLength + index.length + SEGMENT_FOOTER_BYTES)
    let offset = 0
    for (const part of this.#parts) {
      bytes.set(part, offset)
      offset += part.length
    }
    bytes.set(index, offset)
    writeFooter(bytes, index.length)
    return bytes
  }
}

/*
 * The footer; offsets count from the end of the segment (numbers are little-endian)
 * offset size field
 *    -24    4 length of the index record
 *    -20    4 length of the whole segment
 *    -16    8 CRC-64/NVME over the other 16 bytes of the footer
 *     -8    4 version, 1
 *     -4    4 magic "GTSS"
 */
function writeFooter(bytes: Uint8Array<ArrayBuffer>, indexBytes: number): void {
  const view = new DataView(bytes.buffer, bytes.length - SEGMENT_FOOTER_BYTES)
  view.setUint32(0, indexBytes, true)
  view.setUint32(4, bytes.length, true)
  view.setUint32(16, VERSION, true)
  view.setUint32(20, MAGIC, true)
  view.setBigUint64(FOOTER_CHECKSUM_OFFSET, footerChecksum(bytes), true)
}

function footerChecksum(segment: Uint8Array): bigint {
  const footer = segment.subarray(segment.length - SEGMENT_FOOTER_BYTES)
  return new Crc64Nvme()
    .update(footer.subarray(0, FOOTER_CHECKSUM_OFFSET))
    .update(footer.subarray(FOOTER_CHECKSUM_OFFSET + 8))
    .digest()
}

function encodeSegmentIndex(index: SegmentIndex): Uint8Array {
  const runs = index.runs.map((run) => ({
    volumeId: idToBytes(run.volumeId),
    pageSize: run.pageSize,
    ref: segmentRefToMessage(run.ref),
  }))
  const message = create(SegmentIndexSchema, { segmentId: idToBytes(index.segmentId), runs })
  return sealRecord('segment-index', toBinary(SegmentIndexSchema, message))
}

/**
 * Reads the index of a whole segment. The frames are not looked at.
 *
 * @param bytes The whole segment; borrowed for as long as the index lives.
 * @throws {@link SegmentError} if it is not a whole segment, {@link RecordError} if its index is damaged.
 */
export function decodeSegmentIndex(bytes: Uint8Array): SegmentIndex {
  const indexBytes = readFooter(bytes)
  const end = bytes.length - SEGMENT_FOOTER_BYTES
  const { payload, byteLength } = openRecord('segment-index', bytes.subarray(end - indexBytes, end))
  if (byteLength !== indexBytes)
    throw new SegmentError('SEGMENT_INDEX', `index length differs, bytes=${byteLength} expected=${indexBytes}`)
  return indexFromMessage(readMessage(SegmentIndexSchema, payload, INDEX_SHAPE), end - indexBytes)
}

/** The length of the index record. */
function readFooter(bytes: Uint8Array): number {
  if (bytes.length < SEGMENT_FOOTER_BYTES) {
    throw new SegmentError('SEGMENT_TRUNCATED', `segment ends within its footer, bytes=${bytes.length}`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - SEGMENT_FOOTER_BYTES, SEGMENT_FOOTER_BYTES)
  if (view.getUint32(20, true) !== MAGIC) throw new SegmentError('SEGMENT_MAGIC', 'not the end of a segment')
  if (view.getBigUint64(FOOTER_CHECKSUM_OFFSET, true) !== footerChecksum(bytes)) {
    throw new SegmentError('SEGMENT_CHECKSUM', 'footer checksum differs')
  }
  const version = view.getUint32(16, true)
  if (version !== VERSION) {
    throw new SegmentError(
      'SEGMENT_VERSION',
      `segment of a version that is not supported, version=${version} supported=${VERSION}`,
    )
  }
  const segmentBytes = view.getUint32(4, true)
  const indexBytes = view.getUint32(0, true)
  if (segmentBytes !== bytes.length) {
    throw new SegmentError('SEGMENT_TRUNCATED', `segment length differs, bytes=${bytes.length} expected=${segmentBytes}`)
  }
  if (indexBytes > bytes.length - SEGMENT_FOOTER_BYTES) {
    throw new SegmentError('SEGMENT_INDEX', `index length is over the segment, bytes=${indexBytes}`)
  }
  return indexBytes
}

function indexFromMessage(message: StoredSegmentIndex, indexOffset: number): SegmentIndex {
  let end = 0
  try {
    const segmentId = segmentIdFromBytes(message.segmentId)
    const runs = message.runs.map((run) => {
      if (run.ref === undefined) throw new RecordError('RECORD_CONTENT', 'a run without a ref')
      const ref = segmentRefFromMessage(run.ref)
      const pageSize = parsePageSize(run.pageSize)
      checkSegmentRef(ref, pageSize)
      if (ref.segmentId !== segmentId) throw new RecordError('RECORD_CONTENT', 'a run of another segment')
      // Runs fill the segment up to the index, in this order: no frame belongs to two of them, or to none.
      if (ref.offset !== end)
        throw new RecordError('RECORD_CONTENT', `a run does not follow the one before, got=${ref.offset} expected=${end}`)
      end = framesEnd(ref)
      return { volumeId: volumeIdFromBytes(run.volumeId), pageSize, ref }
    })
    if (end !== indexOffset)
      throw new RecordError('RECORD_CONTENT', `runs do not end at the index, got=${end} expected=${indexOffset}`)
    return { segmentId, runs }
  } catch (cause) {
    if (cause instanceof RecordError) throw cause
    throw new RecordError('RECORD_CONTENT', 'not a segment index', { cause })
  }
}
