import type { Lsn } from '@graft-ts/volume'
import { ClientError } from '../errors.ts'
import { pageChecksum } from './page-checksum.ts'

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
 *      0    4 XXH32 of the page
 *      4    n the page
 */
const HEADER_BYTES = 17
const CHECKSUM_BYTES = 4
// Numbers are written in two halves: a BigInt for each would cost as much as everything else about an entry.
const HALF = 2 ** 32
const CONTENT = { zero: 0, bytes: 1, local: 2 } as const

/** Encodes an entry. Fresh bytes. */
export function encodePageEntry(entry: PageEntry): Uint8Array<ArrayBuffer> {
  const { content } = entry
  const bytes = new Uint8Array(HEADER_BYTES + contentBytes(content))
  const view = new DataView(bytes.buffer)
  bytes[0] = CONTENT[content.type]
  writeNumber(view, 1, entry.from)
  writeNumber(view, 9, entry.to ?? 0)
  if (content.type === 'bytes') writePage(bytes, HEADER_BYTES, content.bytes)
  else if (content.type === 'local') writeNumber(view, HEADER_BYTES, content.sequence)
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
  const to = readNumber(view, 9) as Lsn
  return { from: readNumber(view, 1) as Lsn, to: to === 0 ? undefined : to, content: decodeContent(bytes, view) }
}

function decodeContent(bytes: Uint8Array, view: DataView): PageEntryContent {
  const length = bytes.length - HEADER_BYTES
  if (bytes[0] === CONTENT.zero && length === 0) return { type: 'zero' }
  if (bytes[0] === CONTENT.bytes) return { type: 'bytes', bytes: readPage(bytes, HEADER_BYTES) }
  if (bytes[0] === CONTENT.local && length === 8) return { type: 'local', sequence: readNumber(view, HEADER_BYTES) }
  throw corrupt(`content=${bytes[0]} bytes=${length}`)
}

function writeNumber(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % HALF, true)
  view.setUint32(offset + 4, value / HALF, true)
}

function readNumber(view: DataView, offset: number): number {
  const value = view.getUint32(offset + 4, true) * HALF + view.getUint32(offset, true)
  if (value > Number.MAX_SAFE_INTEGER) throw corrupt(`a number, at least=${value}`)
  return value
}

/** Bytes that a page takes up with its checksum. */
export function storedPageBytes(pageBytes: number): number {
  return CHECKSUM_BYTES + pageBytes
}

/** A page of zeros with room for its checksum, so that {@link encodePage} need not copy it. */
export function newPage(pageBytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(storedPageBytes(pageBytes)), CHECKSUM_BYTES)
}

/**
 * Encodes a page with its checksum: what a browser's or a disk's storage gives back is not believed.
 *
 * @param page Not to be written to any more: where there is room for the checksum, the page itself is part of what is given.
 */
export function encodePage(page: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = page
  const hasRoom = byteOffset === CHECKSUM_BYTES && buffer.byteLength === storedPageBytes(length)
  if (hasRoom && buffer instanceof ArrayBuffer) {
    new DataView(buffer).setUint32(0, pageChecksum(page), true)
    return new Uint8Array(buffer)
  }
  const bytes = new Uint8Array(storedPageBytes(length))
  writePage(bytes, 0, page)
  return bytes
}

/** A page with its checksum, as a view without it. Throws {@link ClientError} `LOCAL_STORE_CORRUPT`. */
export function decodePage(bytes: Uint8Array): Uint8Array {
  return readPage(bytes, 0)
}

function writePage(bytes: Uint8Array<ArrayBuffer>, offset: number, page: Uint8Array): void {
  new DataView(bytes.buffer).setUint32(offset, pageChecksum(page), true)
  bytes.set(page, offset + CHECKSUM_BYTES)
}

function readPage(bytes: Uint8Array, offset: number): Uint8Array {
  const { buffer, byteOffset, length } = bytes
  const pageBytes = length - offset - CHECKSUM_BYTES
  if (pageBytes <= 0) throw corrupt(`length of a page, bytes=${length}`)
  // Not `subarray`, which gives views of the store's own class.
  const page = new Uint8Array(buffer, byteOffset + offset + CHECKSUM_BYTES, pageBytes)
  const checksum = new DataView(buffer, byteOffset, length).getUint32(offset, true)
  if (checksum !== pageChecksum(page)) throw corrupt('checksum of a page')
  return page
}

function corrupt(why: string): ClientError {
  return new ClientError('LOCAL_STORE_CORRUPT', `the local store is damaged: ${why}`)
}
