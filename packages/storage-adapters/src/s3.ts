import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  type DeleteObjectsCommandOutput,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3'
import { bytesOf, isSource, type ObjectBody } from './bodies.ts'
import { isStoreError, StoreError, throwIfAborted } from './errors.ts'
import { checkKey, checkPrefix, isKey, KEY_BYTES_MAX } from './keys.ts'
import {
  type ByteRange,
  type CallOptions,
  type CompareAndSwapOptions,
  checkBareEtag,
  checkBody,
  checkBytes,
  checkLimit,
  checkObjectBytesMax,
  checkRange,
  checkStartAfter,
  type DeleteOptions,
  type GetOptions,
  type ListEntry,
  type ListOptions,
  type ListPage,
  OBJECT_BYTES_MAX_DEFAULT,
  type ObjectInfo,
  type ObjectStore,
  type StoreCapabilities,
  type StoredObject,
  unsupportedError,
  type WriteResult,
} from './object-store.ts'
import { withoutFolders } from './s3/folders.ts'
import { bareEtag, infoOf, type ObjectReply, objectOf, rangeHeader, replyError } from './s3/reply.ts'
import { type CallNature, isAbsent, readFailure, typedError } from './s3/s3-errors.ts'
import { send } from './s3/send.ts'
import { uploadParts } from './s3/upload.ts'

// What one DeleteObjects takes.
const DELETIONS_MAX = 1000
const PART_BYTES_DEFAULT = 8 * 1024 * 1024
const PARTS_MAX = 10_000

/** What a server may or may not be able to do, see {@link StoreCapabilities}. */
export type S3Capabilities = Omit<StoreCapabilities, 'keyBytesMax'>

/** Options of {@link S3Store}. */
export interface S3StoreOptions {
  /**
   * The client of the caller, who chooses endpoint, region, credentials, time-outs and retries of reads and
   * unconditional writes, and destroys it in the end. Its `requestChecksumCalculation` has to be `'WHEN_REQUIRED'` for
   * servers that reject the SDK's CRC-32 (Cloudflare R2, Backblaze B2, older Ceph); the default is right for AWS.
   */
  readonly client: S3Client
  readonly bucket: string
  /** Whole segments that all keys are put below, `tenants/7`; nothing by default. */
  readonly prefix?: string | undefined
  /** Whether `If-Match` carries the etag in quotes, as the standard says. Default `true`; `false` for Ceph 16. */
  readonly quoteEtags?: boolean | undefined
  /**
   * A body from a source that is longer is sent in parts of this many bytes, each of which is in memory at a time; default
   * 8 MiB. Servers want at least 5 MiB, and at most 10,000 parts, which bounds objects too.
   */
  readonly partBytes?: number | undefined
  /**
   * What the server does otherwise than by default: create and compareAndSwap `true`; conditionalDelete,
   * orderedListing and uniqueEtags `false`; objectBytesMax 1 GiB. AWS has conditional deletion and, in general-purpose
   * buckets, ordered listing too. What is `true` here is believed.
   */
  readonly capabilities?: Partial<S3Capabilities> | undefined
}

/**
 * Keeps objects in a bucket of a server that speaks S3, with `If-None-Match` and `If-Match` on PUT.
 *
 * Conditional writes are sent once, whatever retries the client is set to: their outcome is `unknown` when no reply, or
 * an unclear one, comes back. Other calls are retried as the client is set to; an unconditional write that was sent
 * more than once and failed in the end is `unknown` too.
 *
 * Etags are given without quotes. They are a hash of the body, so A, then B, then A again passes a comparison.
 */
export class S3Store implements ObjectStore {
  readonly capabilities: StoreCapabilities
  readonly #client: S3Client
  readonly #bucket: string
  readonly #prefix: string
  readonly #areEtagsQuoted: boolean
  readonly #partBytes: number
  // Whether a reply has shown that the bucket exists.
  #isBucketKnown = false

  /** @throws {@link StoreError} `STORE_KEY` if the prefix is not valid, `STORE_ARGUMENT` if a size is not. Sends nothing. */
  constructor(options: S3StoreOptions) {
    const { client, bucket, prefix = '', quoteEtags = true, partBytes = PART_BYTES_DEFAULT } = options
    this.#client = client
    this.#bucket = bucket
    this.#prefix = prefix === '' ? '' : `${checkKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix)}/`
    this.#areEtagsQuoted = quoteEtags
    if (!Number.isSafeInteger(partBytes) || partBytes < 1) {
      throw new StoreError('STORE_ARGUMENT', `a part has at least one byte, partBytes=${partBytes}`)
    }
    this.#partBytes = partBytes
    const { objectBytesMax = OBJECT_BYTES_MAX_DEFAULT, ...capabilities } = options.capabilities ?? {}
    this.capabilities = Object.freeze({
      create: true,
      compareAndSwap: true,
      conditionalDelete: false,
      orderedListing: false,
      uniqueEtags: false,
      ...capabilities,
      // What would need more parts than a server takes is refused before the first one is sent.
      objectBytesMax: Math.min(checkObjectBytesMax(objectBytesMax), partBytes * PARTS_MAX),
      keyBytesMax: KEY_BYTES_MAX - new TextEncoder().encode(this.#prefix).byteLength,
    })
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    const { range, signal } = options
    const input = { ...this.#address(key), ...(range === undefined ? {} : { Range: rangeHeader(checkedRange(range)) }) }
    const reply = await this.#find<ObjectReply>(new GetObjectCommand(input), `get, key=${key}`, options)
    if (reply === undefined) return undefined
    return objectOf(reply, { key, range, signal, capabilities: this.capabilities })
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    const command = new HeadObjectCommand(this.#address(key))
    const reply = await this.#find<ObjectReply>(command, `head, key=${key}`, options)
    if (reply !== undefined) return infoOf(reply, key)
    // The reply to a HEAD has no body that could tell a missing object from a missing bucket.
    if (!this.#isBucketKnown) {
      const bucketCommand = new HeadBucketCommand({ Bucket: this.#bucket })
      await this.#send(bucketCommand, { what: `head, bucket=${this.#bucket}`, isWrite: false }, options.signal)
    }
    return undefined
  }

  async put(key: string, body: ObjectBody, options?: CallOptions): Promise<WriteResult> {
    const address = this.#address(key)
    checkBody(body, this.capabilities)
    const signal = options?.signal
    throwIfAborted(signal)
    if (isSource(body) && body.size > this.#partBytes) {
      const target = { client: this.#client, address, key, signal }
      const etag = await withoutFolders(uploadParts({ ...target, body, partBytes: this.#partBytes }), target)
      this.#isBucketKnown = true
      return { etag }
    }
    return this.#write('put', key, await bytesOf(body, signal), {}, undefined, options)
  }

  async create(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    if (!this.capabilities.create) throw unsupportedError('create')
    return this.#write('create', key, body, { IfNoneMatch: '*' }, 'STORE_EXISTS', options)
  }

  async compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    if (!this.capabilities.compareAndSwap) throw unsupportedError('compareAndSwap')
    return this.#write('compareAndSwap', key, body, { IfMatch: this.#condition(options.etag) }, 'STORE_CHANGED', options)
  }

  async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    const { etag, signal } = options
    const input = this.#address(key)
    if (etag === undefined) {
      await this.#send(new DeleteObjectCommand(input), { what: `delete, key=${key}`, isWrite: true }, signal)
      return
    }
    if (!this.capabilities.conditionalDelete) throw unsupportedError('conditionalDelete')
    const command = new DeleteObjectCommand({ ...input, IfMatch: this.#condition(etag) })
    const nature = { what: `delete, key=${key}`, isWrite: true, conflict: 'STORE_CHANGED' } as const
    await absentAsUndefined(this.#send(command, nature, signal))
  }

  async deleteMany(keys: readonly string[], options?: CallOptions): Promise<void> {
    const left = [...new Set(keys)].map((key) => this.#join(key))
    // Even without keys, a signal that has fired stops the call.
    throwIfAborted(options?.signal)
    while (left.length > 0) await this.#deleteBatch(left.splice(-DELETIONS_MAX), options?.signal)
  }

  async list(options: ListOptions): Promise<ListPage> {
    const prefix = checkPrefix(this.#prefix + checkPrefix(options.prefix))
    const startAfter = checkStartAfter(options.startAfter)
    const limit = checkLimit(options.limit)
    const what = `list, prefix=${options.prefix}`
    let token = options.cursor
    for (;;) {
      const command = new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: prefix,
        MaxKeys: limit,
        ...(token !== undefined ? { ContinuationToken: token } : {}),
        ...(token === undefined && startAfter !== '' ? { StartAfter: this.#prefix + startAfter } : {}),
      })
      const reply = await this.#send<ListObjectsV2CommandOutput>(command, { what, isWrite: false }, options.signal)
      const entries = this.#entriesOf(reply)
      if (reply.IsTruncated !== true) return { entries }
      const last = entries.at(-1)
      token = reply.NextContinuationToken
      if (last !== undefined) return { entries, nextStartAfter: last.key, nextCursor: token }
      // A page of keys that are not ours, or one that is empty for reasons of the server. There is more behind it.
      if (token === undefined || token === '') throw replyError('it is cut off and does not tell where it goes on', prefix)
    }
  }

  #address(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#join(key) }
  }

  /** The key in the bucket; checked before and after, so that it neither leads out nor gets too long. */
  #join(key: string): string {
    return this.#prefix === '' ? checkKey(key) : checkKey(this.#prefix + checkKey(key))
  }

  #condition(etag: string): string {
    return this.#areEtagsQuoted ? `"${checkBareEtag(etag)}"` : checkBareEtag(etag)
  }

  async #write(
    name: string,
    key: string,
    body: Uint8Array,
    condition: Pick<PutObjectCommandInput, 'IfMatch' | 'IfNoneMatch'>,
    conflict: 'STORE_EXISTS' | 'STORE_CHANGED' | undefined,
    options: CallOptions | undefined,
  ): Promise<WriteResult> {
    const address = this.#address(key)
    checkBytes(body, this.capabilities)
    const command = new PutObjectCommand({ ...address, ...condition, Body: body, ContentLength: body.byteLength })
    const nature = { what: `${name}, key=${key}`, isWrite: true, conflict }
    const signal = options?.signal
    const reply = this.#send<{ ETag?: string }>(command, nature, signal)
    const { ETag } = await withoutFolders(reply, { client: this.#client, address, key, signal })
    const etag = bareEtag(ETag)
    // It was written, but the caller could not go on from there.
    if (etag === undefined) throw new StoreError('STORE_OUTCOME_UNKNOWN', `${nature.what}: the reply has no etag`)
    return { etag }
  }

  async #deleteBatch(keys: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true }
    const nature = { what: `deleteMany, keys=${keys.length}`, isWrite: true }
    const command = new DeleteObjectsCommand({ Bucket: this.#bucket, Delete })
    const reply = await this.#send<DeleteObjectsCommandOutput>(command, nature, signal)
    const failed = reply.Errors?.find(({ Code }) => Code !== 'NoSuchKey')
    if (failed !== undefined) throw typedError(failed, { ...nature, what: `deleteMany, key=${failed.Key}` }, { sent: 1 })
  }

  #entriesOf(reply: ListObjectsV2CommandOutput): ListEntry[] {
    const entries: ListEntry[] = []
    for (const { Key, Size, ETag } of reply.Contents ?? []) {
      if (Key === undefined || Size === undefined) throw replyError('an entry has no key or size', Key ?? '')
      const key = Key.slice(this.#prefix.length)
      if (isKey(key)) entries.push({ key, size: Size, etag: bareEtag(ETag) })
    }
    return entries
  }

  #find<Output>(command: object, what: string, { signal }: CallOptions): Promise<Output | undefined> {
    return absentAsUndefined(this.#send<Output>(command, { what, isWrite: false }, signal))
  }

  async #send<Output>(command: object, nature: CallNature, signal: AbortSignal | undefined): Promise<Output> {
    const isSentOnce = nature.conflict !== undefined
    const output = await send<Output>(this.#client, command, { ...nature, signal, isSentOnce })
    this.#isBucketKnown = true
    return output
  }
}

/** Turns the failure that says that the object is absent into `undefined`. */
async function absentAsUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (isStoreError(error) && isAbsent(readFailure(error.cause))) return undefined
    throw error
  }
}

function checkedRange(range: ByteRange): ByteRange {
  checkRange(range)
  return range
}
