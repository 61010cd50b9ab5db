import { isStoreError, StoreError } from './errors.ts'
import { follow } from './follow.ts'
import type { ByteRange, GetOptions, ObjectInfo, ObjectStore, StoredObject } from './object-store.ts'

/** Options of {@link getStream}. */
export interface GetStreamOptions extends GetOptions {
  /** How many bytes one request asks for; default 4 MiB. At most two such pieces are in memory. */
  readonly pieceBytes?: number | undefined
}

/** One version of an object, or a part of it, as it is being read. */
export interface StreamedObject extends ObjectInfo {
  /** Position in the object of the first byte of the stream. */
  readonly offset: number
  /** The bytes, in pieces that the reader owns. Fails with `STORE_CHANGED` if the object is overwritten meanwhile. */
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>
}

const PIECE_BYTES_DEFAULT = 4 * 1024 * 1024

/**
 * Reads an object without holding it in memory: piece by piece, as the reader goes on, each by a request of its own, so that
 * what wraps the store (retries, deadlines, meters) sees each of them. `undefined` if the key is absent.
 *
 * All pieces are of one version. Costs a request for each piece, the first one before the promise settles.
 *
 * @throws {@link StoreError} as `get` does; what goes wrong later fails the stream.
 */
export async function getStream(
  store: ObjectStore,
  key: string,
  options: GetStreamOptions = {},
): Promise<StreamedObject | undefined> {
  const { range, pieceBytes = PIECE_BYTES_DEFAULT, signal } = options
  if (!Number.isSafeInteger(pieceBytes) || pieceBytes < 1) {
    throw new StoreError('STORE_ARGUMENT', `a piece has at least one byte, pieceBytes=${pieceBytes}`)
  }
  const first = await firstPiece(store, key, range, pieceBytes, signal)
  if (first === undefined) return undefined
  const { offset, size, etag } = first
  const end = Math.min(size, range === undefined ? size : range.offset + range.length)
  return { offset, size, etag, stream: streamOf(store, key, first, end, pieceBytes, signal) }
}

async function firstPiece(
  store: ObjectStore,
  key: string,
  range: ByteRange | undefined,
  pieceBytes: number,
  signal: AbortSignal | undefined,
): Promise<StoredObject | undefined> {
  if (range !== undefined) {
    // The given range is checked by the store, so what is wrong with it must not be lost by cutting it.
    const isLong = range.length > pieceBytes
    return store.get(key, { range: isLong ? { offset: range.offset, length: pieceBytes } : range, signal })
  }
  try {
    return await store.get(key, { range: { offset: 0, length: pieceBytes }, signal })
  } catch (error) {
    // An empty object has no parts.
    if (!isStoreError(error) || error.code !== 'STORE_RANGE') throw error
    return store.get(key, { signal })
  }
}

function streamOf(
  store: ObjectStore,
  key: string,
  first: StoredObject,
  end: number,
  pieceBytes: number,
  signal: AbortSignal | undefined,
): StreamedObject['stream'] {
  // Gives up on the piece that is being read.
  let stop = (_reason: unknown): void => undefined
  let piece: StoredObject = first
  let position = first.offset + first.bytes.byteLength
  return new ReadableStream({
    start(controller) {
      if (first.bytes.byteLength > 0) controller.enqueue(first.bytes)
      if (position >= end) controller.close()
    },
    async pull(controller) {
      const range = { offset: position, length: Math.min(pieceBytes, end - position) }
      // For each piece anew: a stream that nobody reads to its end leaves nothing on the caller's signal.
      const { controller: ending, letGo } = follow(signal)
      stop = (reason) => ending.abort(reason)
      const next = await store.get(key, { range, signal: ending.signal }).finally(letGo)
      if (next?.etag !== piece.etag || next.bytes.byteLength === 0) {
        throw new StoreError('STORE_CHANGED', `the object was overwritten or deleted while it was read, key=${key}`)
      }
      piece = next
      position += next.bytes.byteLength
      controller.enqueue(next.bytes)
      if (position >= end) controller.close()
    },
    cancel(reason) {
      stop(reason)
    },
  })
}
