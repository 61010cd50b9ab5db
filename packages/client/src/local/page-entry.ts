import { crc64Nvme } from '@graft-ts/splinter/crc64'
import { type Lsn, parseLsn } from '@graft-ts/volume'
import { ClientError } from '../errors.ts'

/**
 * What the local store knows of a page of the remote log: its content, and the interval of LSNs for which it holds.
 * That an entry exists is what makes a page present (I8); zeros are a content like any other.
 */
export interface PageEntry {
  /** First LSN for which it is known to hold: the commit that wrote it, or for zeros the commit at which they were read. */
  readonly from: Lsn
  /** Last LSN for which it is known to hold; `undefined`: up to the base, wherever that goes. */
  readonly to: Lsn | undefined
  readonly content: PageEntryContent
}

/** Where the bytes are. */
export type PageEntryContent =
  | { readonly type: 'zero' }
  /** Borrowed from the local store, or from who made the entry. */
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  /** In the page that a local commit of this client wrote. */
  | { readonly type: 'local'; readonly sequence: number }

/*
 * A page entry (numbers are little-endian)
 * offset size field
 *      0    1 content: 0 zero, 1 bytes, 2 local
 *      1    8 from
 *      9    8 to; 0: open
 *     17    n bytes: the page, as below; local: its sequence, 8 bytes; zero: nothing
 *
 * A page, there and under its own key
 *      0    8 CRC-64/NVME of the page
 *      8    n the page
 */
const HEADER_BYTES = 17
const CHECKSUM_BYTES = 8
const CONTENT = { zero: 0, bytes: 1, local: 2 } as const

/** Encodes an entry. Fresh bytes. */
export function encodePageEntry(entry: PageEntry): Uint8Array<ArrayBuffer> {
  const { content } = entry
  const bytes = new Uint8Array(HEADER_BYTES + contentBytes(content))
  const view = new DataView(bytes.buffer)
  bytes[0] = CONTENT[content.type]
  view.setBigUint64(1, BigInt(entry.from), true)
  view.setBigUint64(9, BigInt(entry.to ?? 0), true)
  if (content.type === 'bytes') bytes.set(encodePage(content.bytes), HEADER_BYTES)
  else if (content.type === 'local') view.setBigUint64(HEADER_BYTES, BigInt(content.sequence), true)
  return bytes
}

function contentBytes(content: PageEntryContent): number {
  if (content.type === 'zero') return 0
  return content.type === 'local' ? 8 : storedPageBytes(content.bytes.length)
}

/**
 * Decodes an entry; its bytes are a view.
 *
 * @throws {@link ClientError} `LOCAL_STORE_CORRUPT`.
 */
export function decodePageEntry(bytes: Uint8Array): PageEntry {
  if (bytes.length < HEADER_BYTES) throw corrupt(`an entry is too short, bytes=${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const to = readLsn(view, 9)
  return { from: readLsn(view, 1), to: to === 0 ? undefined : to, content: decodeContent(bytes, view) }
}

function readLsn(view: DataView, offset: number): Lsn {
  const value = view.getBigUint64(offset, true)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw corrupt(`lsn=${value}`)
  return parseLsn(value)
}

function decodeContent(bytes: Uint8Array, view: DataView): PageEntryContent {
  const body = bytes.subarray(HEADER_BYTES)
  if (bytes[0] === CONTENT.zero && body.length === 0) return { type: 'zero' }
  if (bytes[0] === CONTENT.bytes) return { type: 'bytes', bytes: decodePage(body) }
  if (bytes[0] === CONTENT.local && body.length === 8) return { type: 'local', sequence: readLsn(view, HEADER_BYTES) }
  throw corrupt(`content=${bytes[0]} bytes=${body.length}`)
}

/** Bytes that a page takes up with its checksum. */
export function storedPageBytes(pageBytes: number): number {
  return CHECKSUM_BYTES + pageBytes
}

/** Encodes a page with its checksum: what a browser's or a disk's storage gives back is not believed. Fresh bytes. */
export function encodePage(page: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(storedPageBytes(page.length))
  new DataView(bytes.buffer).setBigUint64(0, crc64Nvme(page), true)
  bytes.set(page, CHECKSUM_BYTES)
  return bytes
}

/** A page with its checksum, as a view without it. Throws {@link ClientError} `LOCAL_STORE_CORRUPT`. */
export function decodePage(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= CHECKSUM_BYTES) throw corrupt(`length of a page, bytes=${bytes.length}`)
  const page = bytes.subarray(CHECKSUM_BYTES)
  const checksum = new DataView(bytes.buffer, bytes.byteOffset, CHECKSUM_BYTES).getBigUint64(0, true)
  if (checksum !== crc64Nvme(page)) throw corrupt('checksum of a page')
  return page
}

function corrupt(why: string): ClientError {
  return new ClientError('LOCAL_STORE_CORRUPT', `the local store is damaged: ${why}`)
}
