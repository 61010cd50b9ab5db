import { abortedError, isStoreError, StoreError } from './errors.ts'
import { untilAborted } from './until-aborted.ts'

/** Bytes that need not be in memory all at once. A `Blob` or `File` is one; so is `openAsBlob` of a file under Node. */
export interface ByteSource {
  /** How many bytes the stream gives, exactly. */
  readonly size: number
  /** Opens the bytes, from the first one; asked again by each attempt of a write. */
  stream(): ReadableStream<Uint8Array>
}

/** What {@link ObjectStore.put} writes: bytes, which are borrowed until the promise settles, or a source of them. */
export type ObjectBody = Uint8Array | ByteSource

/** Tells a source from bytes. */
export function isSource(body: ObjectBody): body is ByteSource {
  return !ArrayBuffer.isView(body)
}

/** Length of a body. @throws {@link StoreError} `STORE_ARGUMENT` if it is none, or a source that does not tell its length. */
export function bodyLength(body: ObjectBody): number {
  if (!isSource(body)) return bytesLength(body)
  const { size } = Object(body) as ByteSource
  if (Number.isSafeInteger(size) && size >= 0) return size
  throw new StoreError('STORE_ARGUMENT', `the body does not tell its length, size=${size}`)
}

/** By the name and not the class: bytes may come from another realm. Views of other kinds would be copied element by element. */
function bytesLength(bytes: Uint8Array): number {
  const name = bytes[Symbol.toStringTag] as string
  if (name === 'Uint8Array') return bytes.byteLength
  throw new StoreError('STORE_ARGUMENT', `the body is a ${name} and not a Uint8Array`)
}

/**
 * Reads a source to its end, as it comes. Whoever stops early, stops the source.
 *
 * @throws {@link StoreError} `STORE_ARGUMENT` if the source fails or is not as long as it says; `STORE_ABORTED`.
 */
export async function* readSource(
  source: ByteSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = source.stream().getReader()
  let left = source.size
  try {
    for (;;) {
      const { done, value } = await nextOf(reader, signal)
      if (done) break
      left -= value.byteLength
      if (left < 0) throw wrongLength(source, 'longer')
      yield value
    }
    if (left > 0) throw wrongLength(source, 'shorter')
  } finally {
    // Does nothing to a source that is at its end, and rejects for one that has failed.
    reader.cancel().catch(() => undefined)
  }
}

/** Reads a source in pieces of one length, the last one shorter; none if it is empty. The caller owns them. */
export async function* readPieces(
  source: ByteSource,
  pieceBytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  let left = source.size
  let piece = new Uint8Array(Math.min(pieceBytes, left))
  let filled = 0
  for await (const chunk of readSource(source, signal)) {
    for (let offset = 0; offset < chunk.byteLength; ) {
      const taken = chunk.subarray(offset, offset + piece.byteLength - filled)
      piece.set(taken, filled)
      filled += taken.byteLength
      offset += taken.byteLength
      if (filled < piece.byteLength) continue
      left -= filled
      yield piece
      piece = new Uint8Array(Math.min(pieceBytes, left))
      filled = 0
    }
  }
}

/** The bytes of a body, all in memory. */
export async function bytesOf(body: ObjectBody, signal: AbortSignal | undefined): Promise<Uint8Array> {
  if (!isSource(body)) return body
  const bytes = new Uint8Array(body.size)
  let offset = 0
  for await (const chunk of readSource(body, signal)) {
    bytes.set(chunk, offset)
    offset += chunk.byteLength
  }
  return bytes
}

async function nextOf(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await untilAborted(reader.read(), signal)
  } catch (error) {
    if (signal?.aborted === true) throw abortedError(signal)
    if (isStoreError(error)) throw error
    throw new StoreError('STORE_ARGUMENT', 'the source of the body failed', { cause: error })
  }
}

function wrongLength({ size }: ByteSource, what: string): StoreError {
  return new StoreError('STORE_ARGUMENT', `the source of the body is ${what} than it says, size=${size}`)
}
