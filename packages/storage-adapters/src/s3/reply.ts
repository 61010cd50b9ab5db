import { abortedError, StoreError } from '../errors.ts'
import {
  type ByteRange,
  checkObjectBytes,
  type ObjectInfo,
  rangeError,
  type StoreCapabilities,
  type StoredObject,
} from '../object-store.ts'

/** The fields of a reply to GET and HEAD that count. */
export interface ObjectReply {
  readonly $metadata: { readonly httpStatusCode?: number | undefined }
  readonly ETag?: string | undefined
  readonly ContentLength?: number | undefined
  readonly ContentRange?: string | undefined
  readonly Body?: unknown
}

/** What a GET asked for. */
export interface Asked {
  readonly key: string
  readonly range: ByteRange | undefined
  readonly capabilities: StoreCapabilities
  readonly signal: AbortSignal | undefined
}

interface Part extends ObjectInfo {
  readonly start: number
  readonly end: number
}

interface StreamingBody {
  transformToByteArray(): Promise<Uint8Array>
  /** Streams of Node have this, … */
  destroy?(error: Error): void
  /** … those of the Web this. */
  cancel?(reason: unknown): Promise<void>
}

/** The value of a `Range` header. */
export function rangeHeader({ offset, length }: ByteRange): string {
  const last = offset + length - 1
  // Beyond the numbers that are exact, everything is asked for.
  return `bytes=${offset}-${Number.isSafeInteger(last) ? last : ''}`
}

/** Takes the quotes off an etag: some servers send them and some do not, even in replies of one server. */
export function bareEtag(etag: string | undefined): string | undefined {
  if (etag === undefined || etag === '') return undefined
  return etag.length > 2 && etag.startsWith('"') && etag.endsWith('"') ? etag.slice(1, -1) : etag
}

/** Reads the reply to a HEAD. @throws {@link StoreError} `STORE_REPLY` */
export function infoOf(reply: ObjectReply, key: string): ObjectInfo {
  const etag = bareEtag(reply.ETag)
  if (etag === undefined) throw replyError('it has no etag', key)
  if (reply.ContentLength === undefined) throw replyError('it does not tell the length', key)
  return { size: reply.ContentLength, etag }
}

/**
 * Reads the reply to a GET, after checking that it is one to the question: a server that ignores ranges sends the whole
 * object, and a cache may send another part.
 *
 * @throws {@link StoreError} `STORE_REPLY`; `STORE_RANGE` for a part of an empty object; `STORE_OBJECT_TOO_LARGE`;
 * `STORE_UNAVAILABLE` if the connection breaks.
 */
export async function objectOf(reply: ObjectReply, asked: Asked): Promise<StoredObject> {
  const body = reply.Body as StreamingBody | undefined
  if (body === undefined) throw replyError('it has no body', asked.key)
  let part: Part
  try {
    part = partOf(reply, asked)
    checkObjectBytes(part.end - part.start, asked.capabilities)
  } catch (error) {
    // Else the connection stays busy with what nobody wants.
    discard(body, error)
    throw error
  }
  const bytes = await readBody(body, asked)
  const expected = part.end - part.start
  if (bytes.byteLength !== expected) {
    const what = `key=${asked.key} expected=${expected} actual=${bytes.byteLength}`
    throw new StoreError('STORE_UNAVAILABLE', `the reply ended early, ${what}`)
  }
  return { bytes, size: part.size, etag: part.etag, offset: part.start }
}

function partOf(reply: ObjectReply, { key, range }: Asked): Part {
  const { size: length, etag } = infoOf(reply, key)
  const status = reply.$metadata.httpStatusCode
  if (range === undefined) {
    if (status !== 200) throw replyError(`a whole object came with status ${status}`, key)
    return { size: length, etag, start: 0, end: length }
  }
  // An empty object has no part to send, and some servers send it whole then.
  if (status === 200 && length === 0) throw rangeError(range, 0)
  if (status !== 206) throw replyError(`a part was asked for, the status is ${status}`, key)
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(reply.ContentRange ?? '')
  if (match === null) throw replyError(`its content-range is ${reply.ContentRange}`, key)
  const [first, last, size] = match.slice(1).map(Number) as [number, number, number]
  const isPart = first === range.offset && last === Math.min(size, range.offset + range.length) - 1
  if (!isPart || length !== last - first + 1) {
    throw replyError(`its content-range is ${reply.ContentRange}, offset=${range.offset} length=${range.length}`, key)
  }
  return { size, etag, start: first, end: last + 1 }
}

async function readBody(body: StreamingBody, { key, signal }: Asked): Promise<Uint8Array<ArrayBuffer>> {
  const stop = (): void => discard(body, signal?.reason)
  if (signal?.aborted === true) stop()
  signal?.addEventListener('abort', stop, { once: true })
  try {
    return owned(await body.transformToByteArray())
  } catch (error) {
    if (signal?.aborted === true) throw abortedError(signal)
    throw new StoreError('STORE_UNAVAILABLE', `the reply broke off, key=${key}`, { cause: error })
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

/** Bytes in memory of their own: small ones may lie in a pool that other bytes share. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? new Uint8Array(buffer) : new Uint8Array(bytes)
}

function discard(body: StreamingBody, reason: unknown): void {
  const error = reason instanceof Error ? reason : new Error('the rest is not wanted', { cause: reason })
  if (body.destroy !== undefined) body.destroy(error)
  // Rejects if the stream is being read; `fetch` then got the signal itself.
  else body.cancel?.(error).catch(() => undefined)
}

/** The error of a reply that is not one to the question. */
export function replyError(what: string, key: string): StoreError {
  return new StoreError('STORE_REPLY', `the reply is not to be believed, ${what}, key=${key}`)
}
