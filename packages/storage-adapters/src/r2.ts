import { bytesOf, isSource, type ObjectBody, readSource } from './bodies.ts'
import { abortedError, isStoreError, StoreError, throwIfAborted } from './errors.ts'
import { checkKey, checkPrefix, isKey, KEY_BYTES_MAX } from './keys.ts'
import {
  type ByteRange,
  type CallOptions,
  type CompareAndSwapOptions,
  checkBareEtag,
  checkBody,
  checkBytes,
  checkLimit,
  checkObjectBytes,
  checkObjectBytesMax,
  checkRange,
  checkStartAfter,
  type DeleteOptions,
  type GetOptions,
  type ListEntry,
  type ListOptions,
  type ListPage,
  type ObjectInfo,
  type ObjectStore,
  rangeError,
  resolveRange,
  type StoreCapabilities,
  type StoredObject,
  unsupportedError,
  type WriteResult,
} from './object-store.ts'
import type { R2BucketLike, R2Condition, R2ObjectBodyLike } from './r2/binding.ts'
import { type R2Call, r2Error } from './r2/r2-errors.ts'
import { untilAborted } from './until-aborted.ts'

export type { R2BucketLike, R2Condition, R2ObjectBodyLike, R2ObjectLike } from './r2/binding.ts'

/** Options of {@link R2Store}. */
export interface R2StoreOptions {
  /** The binding of the Worker: `env.BUCKET`. */
  readonly bucket: R2BucketLike
  /** The largest object, in bytes; default 64 MiB, since a Worker has 128 MB of memory for everything. */
  readonly objectBytesMax?: number | undefined
}

const OBJECT_BYTES_MAX_DEFAULT = 64 * 1024 ** 2
// What one call of `delete` takes.
const DELETIONS_MAX = 1000

/**
 * Keeps objects in a bucket of Cloudflare R2, through the binding of a Worker; from elsewhere R2 is reached by `S3Store`.
 *
 * The binding takes no signal. A call that is given up is not waited for, but goes on; a write is `unknown` then. Deletions
 * cannot be conditional. Etags are a hash of the body, so A, then B, then A again passes a comparison.
 */
export class R2Store implements ObjectStore {
  readonly capabilities: StoreCapabilities
  readonly #bucket: R2BucketLike

  constructor(options: R2StoreOptions) {
    this.#bucket = options.bucket
    this.capabilities = Object.freeze({
      create: true,
      compareAndSwap: true,
      conditionalDelete: false,
      orderedListing: true,
      uniqueEtags: false,
      objectBytesMax: checkObjectBytesMax(options.objectBytesMax ?? OBJECT_BYTES_MAX_DEFAULT),
      keyBytesMax: KEY_BYTES_MAX,
    })
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    checkKey(key)
    const { range, signal } = options
    const call = { what: `get, key=${key}`, isWrite: false }
    const reply = await this.#ask(call, key, options)
    if (reply === null) return undefined
    try {
      const { start, end } = this.#partOf(reply, range)
      const bytes = new Uint8Array(await this.#make(call, signal, () => reply.arrayBuffer()))
      if (bytes.byteLength !== end - start) throw cutOff(key, end - start, bytes.byteLength)
      return { bytes, size: reply.size, etag: reply.etag, offset: start }
    } catch (error) {
      discard(reply)
      throw error
    }
  }

  async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    checkKey(key)
    const call = { what: `head, key=${key}`, isWrite: false }
    const reply = await this.#make(call, options?.signal, () => this.#bucket.head(key))
    return reply === null ? undefined : { size: reply.size, etag: reply.etag }
  }

  async put(key: string, body: ObjectBody, options?: CallOptions): Promise<WriteResult> {
    checkKey(key)
    checkBody(body, this.capabilities)
    const call = { what: `put, key=${key}`, isWrite: true }
    if (!isSource(body)) return this.#write(call, key, body, undefined, options)
    const signal = options?.signal
    throwIfAborted(signal)
    const fixed = fixedLengthStream(body.size)
    if (fixed === undefined) return this.#write(call, key, await bytesOf(body, signal), undefined, options)
    // The source's failure is the cause of the write's, which only says that its stream ended.
    const sending = send(readSource(body, signal), fixed.writable)
    const writing = this.#write(call, key, fixed.readable, undefined, options)
    const [sent, written] = await Promise.allSettled([sending, writing])
    if (sent.status === 'rejected' && isStoreError(sent.reason)) throw sent.reason
    if (written.status === 'rejected') throw written.reason
    return written.value
  }

  async create(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    checkBytes(body, this.capabilities)
    const call = { what: `create, key=${key}`, isWrite: true, conflict: 'STORE_EXISTS' } as const
    return this.#write(call, key, body, { etagDoesNotMatch: '*' }, options)
  }

  async compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    checkBytes(body, this.capabilities)
    const call = { what: `compareAndSwap, key=${key}`, isWrite: true, conflict: 'STORE_CHANGED' } as const
    return this.#write(call, key, body, { etagMatches: checkBareEtag(options.etag) }, options)
  }

  async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    checkKey(key)
    throwIfAborted(options.signal)
    if (options.etag !== undefined) throw unsupportedError('conditionalDelete')
    await this.#make({ what: `delete, key=${key}`, isWrite: true }, options.signal, () => this.#bucket.delete(key))
  }

  async deleteMany(keys: readonly string[], options?: CallOptions): Promise<void> {
    const left = [...new Set(keys)].map(checkKey)
    throwIfAborted(options?.signal)
    while (left.length > 0) {
      const batch = left.splice(-DELETIONS_MAX)
      const call = { what: `deleteMany, keys=${batch.length}`, isWrite: true }
      await this.#make(call, options?.signal, () => this.#bucket.delete(batch))
    }
  }

  async list(options: ListOptions): Promise<ListPage> {
    const prefix = checkPrefix(options.prefix)
    const startAfter = checkStartAfter(options.startAfter)
    const limit = checkLimit(options.limit)
    const call = { what: `list, prefix=${prefix}`, isWrite: false }
    let from: { readonly startAfter?: string; readonly cursor?: string } = startAfter === '' ? {} : { startAfter }
    for (;;) {
      const asked = { prefix, limit, ...from }
      const page = await this.#make(call, options.signal, () => this.#bucket.list(asked))
      const entries = page.objects.filter(({ key }) => isKey(key)).map(({ key, size, etag }): ListEntry => ({ key, size, etag }))
      if (!page.truncated) return { entries }
      const last = entries.at(-1)
      if (last !== undefined) return { entries, nextStartAfter: last.key }
      // A page of keys that are not ours. There is more behind it.
      if (page.cursor === undefined) throw new StoreError('STORE_REPLY', `${call.what}: it does not tell where it goes on`)
      from = { cursor: page.cursor }
    }
  }

  async #write(
    call: R2Call,
    key: string,
    body: Uint8Array | ReadableStream,
    onlyIf: R2Condition | undefined,
    options: CallOptions | undefined,
  ): Promise<WriteResult> {
    checkKey(key)
    const condition = onlyIf === undefined ? {} : { onlyIf }
    const written = await this.#make(call, options?.signal, () => this.#bucket.put(key, body, condition))
    if (written !== null) return { etag: written.etag }
    if (call.conflict === undefined) throw new StoreError('STORE_OUTCOME_UNKNOWN', `${call.what}: R2 tells of no object`)
    throw new StoreError(call.conflict, `${call.what}: the condition does not hold`)
  }

  async #ask(call: R2Call, key: string, { range, signal }: GetOptions): Promise<R2ObjectBodyLike | null> {
    const asked = range === undefined ? {} : { range: r2Range(range) }
    try {
      return await this.#make(call, signal, () => this.#bucket.get(key, asked), discard)
    } catch (error) {
      if (range === undefined || !isStoreError(error) || error.kind !== 'unavailable') throw error
      // A range that starts at the end may fail like a broken server.
      const info = await this.head(key, { signal })
      throw info !== undefined && range.offset >= info.size ? rangeError(range, info.size, { cause: error }) : error
    }
  }

  /** Which part of the object a reply holds, after checking that it is the part that was asked for. */
  #partOf(reply: R2ObjectBodyLike, range: ByteRange | undefined): { start: number; end: number } {
    const part = resolveRange(range, reply.size)
    checkObjectBytes(part.end - part.start, this.capabilities)
    if (range === undefined) return part
    const { offset = 0, length = reply.size - offset } = (reply.range ?? {}) as { offset?: number; length?: number }
    if (offset === part.start && length === part.end - part.start) return part
    const what = `got offset=${offset} length=${length}, asked offset=${range.offset} length=${range.length}`
    throw new StoreError('STORE_REPLY', `the reply is another part, ${what}, key=${reply.key}`)
  }

  /** @param drop Lets go of a result that comes after the call was given up. */
  async #make<T>(
    call: R2Call,
    signal: AbortSignal | undefined,
    run: () => Promise<T>,
    drop: (late: T) => void = () => undefined,
  ): Promise<T> {
    throwIfAborted(signal)
    const reply = (async () => run())()
    try {
      return await untilAborted(reply, signal)
    } catch (error) {
      if (signal?.aborted !== true) throw r2Error(error, call)
      reply.then(drop, () => undefined)
      if (!call.isWrite) throw abortedError(signal)
      throw new StoreError('STORE_OUTCOME_UNKNOWN', `${call.what}: stopped on its way`, { cause: error })
    }
  }
}

/** Streams of the Workers runtime whose length is known from the start: R2 takes no others. */
interface FixedLengthStream {
  readonly readable: ReadableStream
  readonly writable: WritableStream<Uint8Array>
}

function fixedLengthStream(size: number): FixedLengthStream | undefined {
  const Stream = (globalThis as { FixedLengthStream?: new (size: number) => FixedLengthStream }).FixedLengthStream
  return Stream === undefined ? undefined : new Stream(size)
}

async function send(chunks: AsyncIterable<Uint8Array>, writable: WritableStream<Uint8Array>): Promise<void> {
  const writer = writable.getWriter()
  try {
    for await (const chunk of chunks) await writer.write(chunk)
    await writer.close()
  } catch (error) {
    // So that the write that reads the other end fails too. Nothing can be done if even this does not work.
    writer.abort(error).catch(() => undefined)
    throw error
  }
}

function r2Range(range: ByteRange): { offset: number; length?: number } {
  checkRange(range)
  const { offset, length } = range
  // Beyond the numbers that are exact, everything is asked for.
  return Number.isSafeInteger(offset + length) ? { offset, length } : { offset }
}

function cutOff(key: string, expected: number, actual: number): StoreError {
  return new StoreError('STORE_UNAVAILABLE', `the reply ended early, key=${key} expected=${expected} actual=${actual}`)
}

/** Lets go of a body that nobody reads: the runtime allows six connections, and this one would stay busy. */
function discard(reply: R2ObjectBodyLike | null): void {
  // Rejects if it is being read.
  reply?.body.cancel().catch(() => undefined)
}
