import { isSource, type ObjectBody, readPieces } from '../bodies.ts'
import { StoreError, throwIfAborted } from '../errors.ts'
import {
  type ByteRange,
  checkObjectBytes,
  type ObjectInfo,
  resolveRange,
  type StoreCapabilities,
  type StoredObject,
} from '../object-store.ts'
import type { Files } from './files.ts'

/*
 * An object file, version 1:
 *
 * | offset | size | field |
 * |   0    |  8   | magic: 89 46 53 4F 42 4A 0D 0A ("\x89FSOBJ\r\n") |
 * |   8    |  8   | length of the body, u64 little-endian |
 * |  16    | 16   | stamp of the write: never repeats; the etag is its hexadecimal form |
 * |  32    |  n   | body |
 *
 * The stamp lies in the file because nothing outside of it serves as an etag: inode numbers and modification times
 * come back within one tick of the file system's clock, and a hash does not tell A, B, A apart.
 */

/** Bytes before the body. */
export const HEADER_BYTES = 32
/** Bytes of a stamp. */
export const STAMP_BYTES = 16

const MAGIC = Uint8Array.of(0x89, 0x46, 0x53, 0x4f, 0x42, 0x4a, 0x0d, 0x0a)
// What is read at once before the length is known: most objects come whole with their header in one call.
const FIRST_READ_BYTES = 65536
// A range that ends this early is read together with the header, in one call instead of two.
const NEAR_RANGE_BYTES = 16384
// A range up to this long is read while the header is, before it is known how much of it exists.
const EAGER_RANGE_BYTES = 4 * 1024 * 1024
// Beyond this no file system has bytes, and some calls refuse the position.
const POSITION_MAX = 2 ** 48
const SPARE_BUFFERS_MAX = 16
// What is written at once of a body that comes from a source.
const PIECE_BYTES = 1024 * 1024

const spareBuffers: Uint8Array<ArrayBuffer>[] = []

/** The header of a body. */
export function encodeHeader(bodyBytes: number, stamp: Uint8Array): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(HEADER_BYTES)
  header.set(MAGIC)
  new DataView(header.buffer).setBigUint64(8, BigInt(bodyBytes), true)
  header.set(stamp, 16)
  return header
}

/** The etag of a stamp. */
export function etagOfStamp(stamp: Uint8Array): string {
  return Buffer.from(stamp.buffer, stamp.byteOffset, STAMP_BYTES).toString('hex')
}

function decodeHeader(bytes: Uint8Array, key: string): ObjectInfo {
  for (let i = 0; i < MAGIC.length; i++) {
    if (bytes[i] !== MAGIC[i]) throw damaged(key, 'it is not an object file')
  }
  const size = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(8, true)
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(key, 'its length is out of range')
  return { size: Number(size), etag: etagOfStamp(bytes.subarray(16, HEADER_BYTES)) }
}

/** The error of a file that is not what the store wrote. */
export function damaged(key: string, what: string): StoreError {
  return new StoreError('STORE_CORRUPT', `the file of the object is damaged, ${what}, key=${key}`)
}

/** Writes header and body to a new file from its beginning. Costs one call, for a source one for each MiB. */
export async function writeObject(
  files: Files,
  fd: number,
  header: Uint8Array,
  body: ObjectBody,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!isSource(body)) {
    await writeAll(files, fd, body.byteLength === 0 ? [header] : [header, body], 0)
    return
  }
  await writeAll(files, fd, [header], 0)
  let position = header.byteLength
  for await (const piece of readPieces(body, PIECE_BYTES, signal)) {
    await writeAll(files, fd, [piece], position)
    position += piece.byteLength
  }
}

async function writeAll(files: Files, fd: number, parts: readonly Uint8Array[], start: number): Promise<void> {
  let rest = parts
  let position = start
  // One call writes 2 GiB at most, and less when the disk fills up; the next call then says why.
  while (rest.length > 0) {
    const written = await files.writev(fd, rest, position)
    if (written === 0) throw new StoreError('STORE_UNAVAILABLE', 'the file system takes no more bytes')
    position += written
    rest = withoutFirst(rest, written)
  }
}

function withoutFirst(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes
  return parts.flatMap((part) => {
    const skipped = Math.min(left, part.byteLength)
    left -= skipped
    return skipped === part.byteLength ? [] : [part.subarray(skipped)]
  })
}

/** Reads length and etag. Costs one call. */
export async function readInfo(files: Files, fd: number, key: string): Promise<ObjectInfo> {
  const header = new Uint8Array(HEADER_BYTES)
  await readOn(files, fd, { target: header, done: 0, wanted: HEADER_BYTES, position: 0, key })
  return decodeHeader(header, key)
}

/** What the reads of a body need to know. */
export interface ReadContext {
  readonly files: Files
  readonly capabilities: StoreCapabilities
  readonly key: string
  readonly signal: AbortSignal | undefined
}

/** Reads a whole object. Costs one call up to 64 KiB, two or more beyond. */
export async function readWhole(context: ReadContext, fd: number): Promise<StoredObject> {
  const { files, key } = context
  const first = spareBuffers.pop() ?? new Uint8Array(FIRST_READ_BYTES)
  try {
    let length = await files.read(fd, first, FIRST_READ_BYTES, 0)
    length = await readOn(files, fd, { target: first, done: length, wanted: HEADER_BYTES, position: 0, key })
    const info = decodeHeader(first, key)
    const end = HEADER_BYTES + info.size
    if (length > end) throw damaged(key, 'it is longer than its header says')
    if (length === end) return { ...info, bytes: first.slice(HEADER_BYTES, end), offset: 0 }
    checkObjectBytes(info.size, context.capabilities)
    throwIfAborted(context.signal)
    const bytes = allocate(info.size)
    bytes.set(first.subarray(HEADER_BYTES, length))
    const done = length - HEADER_BYTES
    await readOn(files, fd, { target: bytes, done, wanted: info.size, position: HEADER_BYTES, key })
    return { ...info, bytes, offset: 0 }
  } finally {
    if (spareBuffers.length < SPARE_BUFFERS_MAX) spareBuffers.push(first)
  }
}

/** Reads a part of an object: exactly its bytes, and the header. */
export async function readRange(context: ReadContext, fd: number, range: ByteRange): Promise<StoredObject> {
  const { files, key } = context
  const { offset, length } = range
  if (offset + length <= NEAR_RANGE_BYTES) return readNear(context, fd, range)
  if (length <= EAGER_RANGE_BYTES && offset < POSITION_MAX) return readEager(context, fd, range)
  const info = await readInfo(files, fd, key)
  const { start, end } = resolveRange(range, info.size)
  checkObjectBytes(end - start, context.capabilities)
  throwIfAborted(context.signal)
  const bytes = allocate(end - start)
  await readOn(files, fd, { target: bytes, done: 0, wanted: end - start, position: HEADER_BYTES + start, key })
  return { ...info, bytes, offset: start }
}

async function readNear(context: ReadContext, fd: number, range: ByteRange): Promise<StoredObject> {
  const { files, key } = context
  const target = new Uint8Array(HEADER_BYTES + range.offset + range.length)
  let done = await files.read(fd, target, target.byteLength, 0)
  done = await readOn(files, fd, { target, done, wanted: HEADER_BYTES, position: 0, key })
  const info = decodeHeader(target, key)
  const { start, end } = resolveRange(range, info.size)
  await readOn(files, fd, { target, done, wanted: HEADER_BYTES + end, position: 0, key })
  return { ...info, bytes: target.slice(HEADER_BYTES + start, HEADER_BYTES + end), offset: start }
}

async function readEager(context: ReadContext, fd: number, range: ByteRange): Promise<StoredObject> {
  const { files, key } = context
  const target = allocate(range.length)
  const position = HEADER_BYTES + range.offset
  // Both are awaited before the file may be closed, whichever fails.
  const [header, body] = await Promise.allSettled([readInfo(files, fd, key), files.read(fd, target, target.byteLength, position)])
  if (header.status === 'rejected') throw header.reason
  if (body.status === 'rejected') throw body.reason
  const { start, end } = resolveRange(range, header.value.size)
  const wanted = end - start
  await readOn(files, fd, { target, done: body.value, wanted, position, key })
  const bytes = wanted === target.byteLength ? target : target.slice(0, wanted)
  return { ...header.value, bytes, offset: start }
}

interface PartialRead {
  readonly target: Uint8Array
  /** Bytes of the target that have been read. */
  readonly done: number
  /** Bytes of the target that have to be there, as the header says. */
  readonly wanted: number
  /** Position in the file of the first byte of the target. */
  readonly position: number
  readonly key: string
}

/** Goes on where a read stopped short, if it did; gives the bytes read by now. */
async function readOn(files: Files, fd: number, read: PartialRead): Promise<number> {
  const { target, wanted, position, key } = read
  let { done } = read
  while (done < wanted) {
    const rest = target.subarray(done)
    const more = await files.read(fd, rest, rest.byteLength, position + done)
    if (more === 0) throw damaged(key, 'it is shorter than it has to be')
    done += more
  }
  return done
}

/** Memory that is about to be filled whole, so it is not cleared first. */
function allocate(length: number): Uint8Array<ArrayBuffer> {
  const memory = Buffer.allocUnsafeSlow(length)
  return new Uint8Array(memory.buffer, memory.byteOffset, length)
}
