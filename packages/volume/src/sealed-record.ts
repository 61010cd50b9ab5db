import { Crc64Nvme } from '@graft-ts/splinter/crc64'
import { RecordError, VolumeError } from './errors.ts'

/** What a sealed record holds. */
export type RecordKind = 'commit' | 'checkpoint' | 'head' | 'segment-index' | 'horizon'

const KIND_BYTES: Readonly<Record<RecordKind, number>> = { commit: 1, checkpoint: 2, head: 3, 'segment-index': 4, horizon: 5 }
const MAGIC = 0x52535447 // "GTSR" in file order
const VERSION = 1
const CHECKSUM_OFFSET = 16

/** Bytes before the payload of a sealed record. */
export const RECORD_HEADER_BYTES = 24
/** Largest payload of a sealed record. Checked before anything is allocated or read. */
export const RECORD_PAYLOAD_BYTES_MAX: number = 8 * 2 ** 20

/*
 * offset size field (numbers are little-endian)
 *      0    4 magic "GTSR"
 *      4    1 kind: 1 commit, 2 checkpoint (reserved), 3 head hint, 4 segment index, 5 horizon (reserved)
 *      5    1 version of the payload, 1
 *      6    2 zero
 *      8    4 payload length n
 *     12    4 zero
 *     16    8 CRC-64/NVME over bytes 0..15 and the payload
 *     24    n payload
 *
 * The checksum covers the header too, and its place is the same in every version: a reader can therefore tell a newer
 * version (`unsupported`) from a damaged version byte (`corrupt`).
 */

/**
 * Puts a payload behind a checked header.
 *
 * @param payload Borrowed; copied into the answer.
 * @returns Fresh bytes that the caller owns.
 * @throws {@link VolumeError} `RECORD_TOO_LARGE` above {@link RECORD_PAYLOAD_BYTES_MAX}.
 */
export function sealRecord(kind: RecordKind, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  if (payload.length > RECORD_PAYLOAD_BYTES_MAX) {
    throw new VolumeError('RECORD_TOO_LARGE', `a record's payload is limited, bytes=${payload.length}`)
  }
  const bytes = new Uint8Array(RECORD_HEADER_BYTES + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  bytes[4] = KIND_BYTES[kind]
  bytes[5] = VERSION
  view.setUint32(8, payload.length, true)
  bytes.set(payload, RECORD_HEADER_BYTES)
  view.setBigUint64(CHECKSUM_OFFSET, checksum(bytes, bytes.length), true)
  return bytes
}

/**
 * Tells how long a sealed record is from its first bytes, so that a ranged read knows what is missing.
 *
 * @param prefix At least {@link RECORD_HEADER_BYTES} bytes.
 * @throws {@link RecordError} if they do not begin a record.
 */
export function sealedLength(prefix: Uint8Array): number {
  const view = headerView(prefix)
  if (view.getUint32(0, true) !== MAGIC) throw new RecordError('RECORD_MAGIC', 'not a sealed record')
  const payloadBytes = view.getUint32(8, true)
  if (payloadBytes > RECORD_PAYLOAD_BYTES_MAX) {
    throw new RecordError('RECORD_LENGTH', `payload length is over the limit, bytes=${payloadBytes}`)
  }
  return RECORD_HEADER_BYTES + payloadBytes
}

/**
 * Checks a sealed record and gives its payload.
 *
 * @param bytes Begins with the record; what follows it (a commit's inline frames) is ignored.
 * @returns The payload as a view over `bytes`, and the record's whole length.
 * @throws {@link RecordError}: damaged, of another kind, or of a newer version.
 */
export function openRecord(kind: RecordKind, bytes: Uint8Array): { payload: Uint8Array; byteLength: number } {
  const byteLength = sealedLength(bytes)
  if (bytes.length < byteLength) {
    throw new RecordError('RECORD_TRUNCATED', `record ends early, bytes=${bytes.length} expected=${byteLength}`)
  }
  const stored = headerView(bytes).getBigUint64(CHECKSUM_OFFSET, true)
  const actual = checksum(bytes, byteLength)
  if (stored !== actual) {
    throw new RecordError('RECORD_CHECKSUM', `checksum differs, expected=${stored.toString(16)} actual=${actual.toString(16)}`)
  }
  if (bytes[4] !== KIND_BYTES[kind]) throw new RecordError('RECORD_KIND', `not a ${kind} record, kind=${bytes[4]}`)
  if (bytes[5] !== VERSION) {
    throw new RecordError(
      'RECORD_VERSION',
      `${kind} record of a version that is not supported, version=${bytes[5]} supported=${VERSION}`,
    )
  }
  return { payload: bytes.subarray(RECORD_HEADER_BYTES, byteLength), byteLength }
}

function headerView(bytes: Uint8Array): DataView {
  if (bytes.length < RECORD_HEADER_BYTES) {
    throw new RecordError('RECORD_TRUNCATED', `record ends within its header, bytes=${bytes.length}`)
  }
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

function checksum(bytes: Uint8Array, byteLength: number): bigint {
  return new Crc64Nvme()
    .update(bytes.subarray(0, CHECKSUM_OFFSET))
    .update(bytes.subarray(RECORD_HEADER_BYTES, byteLength))
    .digest()
}
