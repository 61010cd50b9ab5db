import { Crc64Nvme } from '@graft-ts/splinter/crc64'
import { FRAME_BYTES_MAX } from '@graft-ts/volume'

/*
 * A cache file: a header, entries in the order of their writing, then, when no more are to come, an index of them and a
 * trailer. Numbers are little-endian. docs/format/frame-cache.md has the same table.
 *
 * header   offset size field
 *               0    4 magic "GTKF"
 *               4    4 version, 1
 *               8    8 sequence, below 2^53: files with a higher one are newer
 *              16    8 CRC-64/NVME over bytes 0..15
 * entry
 *               0    4 magic "GTKE"
 *               4    4 length of the frame
 *               8    8 key, below 2^53
 *              16      the frame, as on the object store
 * index, for each entry
 *               0    8 key
 *               8    4 length of the frame
 * trailer, the last bytes of the file
 *               0    8 CRC-64/NVME over the index and the next four bytes
 *               8    4 how many entries
 *              12    4 magic "GTKI"
 *
 * Frames carry checksums of their own, which whoever reads them verifies. So nothing here has to be synced, and nothing that
 * a crash tears can be taken for a frame.
 */
const HEADER_MAGIC = 0x464b5447
const ENTRY_MAGIC = 0x454b5447
const INDEX_MAGIC = 0x494b5447
const VERSION = 1
const INDEX_ENTRY_BYTES = 12
const KEY_BITS = 53

/** Bytes before the first entry of a file. */
export const HEADER_BYTES = 24
/** Bytes before each frame. */
export const ENTRY_HEADER_BYTES = 16
/** Bytes at the end of a file that has an index. */
export const TRAILER_BYTES = 16
/** Entries of one file: their keys and places are held in memory. */
export const FILE_ENTRIES_MAX = 16_384

/** A frame in a file. The first one begins after the header, each next one after the frame before it. */
export interface Entry {
  readonly key: number
  /** Bytes of the frame. */
  readonly length: number
}

const encoder = new TextEncoder()

/**
 * A number for the name of a frame: the low 53 bits of its CRC-64/NVME. Two names may share one; then each finds the other's
 * frame, which is not what was asked for, and is taken for damage.
 */
export function keyOf(name: string): number {
  return Number(BigInt.asUintN(KEY_BITS, new Crc64Nvme().update(encoder.encode(name)).digest()))
}

/** Bytes of the index of so many entries, trailer included. */
export function indexBytes(entries: number): number {
  return entries * INDEX_ENTRY_BYTES + TRAILER_BYTES
}

/** The first bytes of a file. */
export function encodeHeader(sequence: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, HEADER_MAGIC, true)
  view.setUint32(4, VERSION, true)
  view.setBigUint64(8, BigInt(sequence), true)
  view.setBigUint64(16, new Crc64Nvme().update(bytes.subarray(0, 16)).digest(), true)
  return bytes
}

/** The sequence of a file; `undefined`: it is damaged, or of another version. */
export function decodeHeader(bytes: Uint8Array): number | undefined {
  const view = viewOf(bytes)
  if (view.getUint32(0, true) !== HEADER_MAGIC || view.getUint32(4, true) !== VERSION) return undefined
  if (view.getBigUint64(16, true) !== new Crc64Nvme().update(bytes.subarray(0, 16)).digest()) return undefined
  const sequence = Number(view.getBigUint64(8, true))
  return Number.isSafeInteger(sequence) ? sequence : undefined
}

/** What is written before a frame. */
export function encodeEntryHeader({ key, length }: Entry): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ENTRY_HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, ENTRY_MAGIC, true)
  view.setUint32(4, length, true)
  view.setBigUint64(8, BigInt(key), true)
  return bytes
}

/** The entry whose header this is; `undefined`: it is none. */
export function decodeEntryHeader(bytes: Uint8Array): Entry | undefined {
  const view = viewOf(bytes)
  if (view.getUint32(0, true) !== ENTRY_MAGIC) return undefined
  return possible({ key: Number(view.getBigUint64(8, true)), length: view.getUint32(4, true) })
}

/** The index of a file with its trailer. */
export function encodeIndex(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(indexBytes(entries.length))
  const view = new DataView(bytes.buffer)
  for (const [i, { key, length }] of entries.entries()) {
    view.setBigUint64(i * INDEX_ENTRY_BYTES, BigInt(key), true)
    view.setUint32(i * INDEX_ENTRY_BYTES + 8, length, true)
  }
  const trailer = bytes.length - TRAILER_BYTES
  view.setUint32(trailer + 8, entries.length, true)
  view.setUint32(trailer + 12, INDEX_MAGIC, true)
  view.setBigUint64(trailer, indexChecksum(bytes), true)
  return bytes
}

/** Bytes of the index that a file says to end with, trailer included; `undefined`: it has none. */
export function indexBytesOf(trailer: Uint8Array): number | undefined {
  const view = viewOf(trailer)
  const entries = view.getUint32(8, true)
  return view.getUint32(12, true) === INDEX_MAGIC && entries <= FILE_ENTRIES_MAX ? indexBytes(entries) : undefined
}

/**
 * What {@link encodeIndex} wrote.
 *
 * @param fileBytes Length of the file, which index, frames and header must come to.
 * @returns `undefined` if it is damaged.
 */
export function decodeIndex(bytes: Uint8Array, fileBytes: number): Entry[] | undefined {
  const view = viewOf(bytes)
  const trailer = bytes.length - TRAILER_BYTES
  if (view.getBigUint64(trailer, true) !== indexChecksum(bytes)) return undefined
  const entries: Entry[] = []
  let end = HEADER_BYTES
  for (let at = 0; at < trailer; at += INDEX_ENTRY_BYTES) {
    const entry = possible({ key: Number(view.getBigUint64(at, true)), length: view.getUint32(at + 8, true) })
    if (entry === undefined) return undefined
    entries.push(entry)
    end += ENTRY_HEADER_BYTES + entry.length
  }
  return end + bytes.length === fileBytes ? entries : undefined
}

function possible(entry: Entry): Entry | undefined {
  const isPossible = Number.isSafeInteger(entry.key) && entry.length > 0 && entry.length <= FRAME_BYTES_MAX
  return isPossible ? entry : undefined
}

function indexChecksum(bytes: Uint8Array): bigint {
  const trailer = bytes.length - TRAILER_BYTES
  return new Crc64Nvme()
    .update(bytes.subarray(0, trailer))
    .update(bytes.subarray(trailer + 8, trailer + 12))
    .digest()
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
