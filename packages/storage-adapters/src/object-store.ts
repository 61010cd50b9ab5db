import { bodyLength, isSource, type ObjectBody } from './bodies.ts'
import { StoreError } from './errors.ts'
import { checkText } from './keys.ts'

/** What a store can do. A capability that is `false` makes its call fail with `STORE_UNSUPPORTED`, never with less. */
export interface StoreCapabilities {
  /** {@link ObjectStore.create} lets exactly one of several racing creators win. */
  readonly create: boolean
  /** {@link ObjectStore.compareAndSwap} lets exactly one of several racing writers with the same etag win. */
  readonly compareAndSwap: boolean
  /** {@link DeleteOptions.etag} is honoured. */
  readonly conditionalDelete: boolean
  /** Listings come in the order of {@link compareKeys}. Nothing may need that for correctness. */
  readonly orderedListing: boolean
  /**
   * An etag never comes back for the same key. Where `false` (S3's etags are a hash of the body), a write of A, then B,
   * then A again passes a comparison with the first A: put a number that never repeats into objects that are compared.
   */
  readonly uniqueEtags: boolean
  /** The largest object that can be written or read whole, in bytes. */
  readonly objectBytesMax: number
  /** The longest key, in bytes of UTF-8: 1024, less what wrappers prepend. */
  readonly keyBytesMax: number
}

/** A condition that a store may keep; the name of its capability. */
export type StoreCondition = 'create' | 'compareAndSwap' | 'conditionalDelete'

/** Options of every call. */
export interface CallOptions {
  /**
   * Gives up on the call. A read then fails with `STORE_ABORTED`; a write too if nothing was sent yet, otherwise with
   * `STORE_OUTCOME_UNKNOWN` (kind `unknown`), unless it turns out to have been done.
   */
  readonly signal?: AbortSignal | undefined
}

/** A part of an object. */
export interface ByteRange {
  /** First byte, from 0; must be inside the object. */
  readonly offset: number
  /** How many bytes, at least 1; what is beyond the end of the object is left out. */
  readonly length: number
}

/** Options of {@link ObjectStore.get}. */
export interface GetOptions extends CallOptions {
  /** The part to read; the whole object if absent. */
  readonly range?: ByteRange | undefined
}

/** Options of {@link ObjectStore.compareAndSwap}. */
export interface CompareAndSwapOptions extends CallOptions {
  /** The etag that the object must still have, as a read or write of this store gave it. */
  readonly etag: string
}

/** Options of {@link ObjectStore.delete}. */
export interface DeleteOptions extends CallOptions {
  /**
   * Deletes only if the object still has this etag: `STORE_CHANGED` if it has another, no error if it is gone.
   * Needs `capabilities.conditionalDelete`.
   */
  readonly etag?: string | undefined
}

/** What is known of an object without reading it. */
export interface ObjectInfo {
  /** Length of the whole object, in bytes. */
  readonly size: number
  /** Opaque name of this version of the object; compare with `===` only, and only for the same key and store. */
  readonly etag: string
}

/** Bytes of one version of an object. */
export interface StoredObject extends ObjectInfo {
  /** What was asked for; the caller owns it. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Position in the object of the first of `bytes`. */
  readonly offset: number
}

/** What a write gives back. */
export interface WriteResult {
  /** Opaque name of the version that was written. */
  readonly etag: string
}

/** What {@link ObjectStore.list} is asked. */
export interface ListOptions extends CallOptions {
  /** What the keys begin with; any text, not only whole segments. Empty: everything. */
  readonly prefix: string
  /** Goes on after this key in the order of the store: `nextStartAfter` of the page before, or any key. */
  readonly startAfter?: string | undefined
  /**
   * `nextCursor` of the page before, beside its `nextStartAfter`, for the same prefix. Stores that need none do not look at it.
   */
  readonly cursor?: string | undefined
  /** The most entries of this page, 1 to 1000; default 1000. */
  readonly limit?: number | undefined
}

/** One listed object. */
export interface ListEntry {
  readonly key: string
  /** Length of the object, in bytes. */
  readonly size: number
  /** Opaque name of its version, where the store tells it for free. */
  readonly etag?: string | undefined
}

/** A page of a listing. It may hold fewer entries than the limit, even none, and still not be the last. */
export interface ListPage {
  readonly entries: readonly ListEntry[]
  /** Where the next page starts; absent if and only if the listing is complete. */
  readonly nextStartAfter?: string | undefined
  /**
   * What the store itself calls that place; opaque. Hand it back as `cursor`: some servers go on with it, but lose keys after
   * a key alone. {@link listAll} does so.
   */
  readonly nextCursor?: string | undefined
}

/**
 * Flat storage of immutable byte strings under keys, with conditional writes.
 *
 * Promises that every adapter and wrapper keeps:
 * - **Atomic.** A read sees one whole version, old or new. A write is visible whole or not at all, whoever crashes.
 * - **Durable.** A write that resolved survives a crash of the process and, where the adapter says so, of the machine.
 * - **Linearizable per key.** Once a call resolved, every later call sees its effect; so do listings.
 * - **Explicit.** An absent key is `undefined`; everything else that stands in the way is a thrown {@link StoreError}.
 *   A listing that could not be completed throws.
 * - **Unknown is its own outcome.** A write whose reply was lost throws kind `unknown`. To resolve it, read the key
 *   and compare: own bytes mean it happened, so write something only this writer would (an id). Reading the *old* state
 *   does not prove that the write failed, for it may still be under way; repeat the conditional write to decide that.
 *
 * Keys follow {@link checkKey}. A key must not also be the beginning of a longer one up to a slash (`a` and `a/b`):
 * some servers refuse the second, others hide it. Bodies are borrowed until the promise settles and never written to.
 */
export interface ObjectStore {
  readonly capabilities: StoreCapabilities

  /**
   * Reads an object or a part of it; `undefined` if the key is absent.
   *
   * @throws {@link StoreError} `STORE_RANGE` if the range starts at or beyond the end, or has no length.
   */
  get(key: string, options?: GetOptions): Promise<StoredObject | undefined>

  /** Tells length and etag; `undefined` if the key is absent. */
  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined>

  /**
   * Writes an object whatever was there before. The body may be a source, which needs not be in memory all at once.
   *
   * @throws {@link StoreError} `STORE_ARGUMENT` if a source fails or is not as long as it says; nothing was written then.
   */
  put(key: string, body: ObjectBody, options?: CallOptions): Promise<WriteResult>

  /**
   * Writes an object if the key is absent. Conditional writes take bytes alone: they are single requests on every store,
   * since several ignore conditions when an object is put together from parts.
   *
   * @throws {@link StoreError} `STORE_EXISTS` (kind `conflict`) if it is present. After an earlier call with unknown
   * outcome that may be the caller's own object.
   */
  create(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult>

  /**
   * Replaces an object if it still has the given etag.
   *
   * @throws {@link StoreError} `STORE_CHANGED` (kind `conflict`) if it has another one or is absent.
   */
  compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult>

  /** Removes an object; absent is fine. */
  delete(key: string, options?: DeleteOptions): Promise<void>

  /**
   * Removes objects; absent ones and repeated keys are fine. Not atomic: when it throws, some may be gone, and calling it
   * again is harmless.
   */
  deleteMany(keys: readonly string[], options?: CallOptions): Promise<void>

  /**
   * Lists one page of the keys with a prefix. A key that is present during the whole listing comes exactly once; one
   * that is written or deleted meanwhile comes once or not at all. Objects of others whose keys break the rules of
   * {@link checkKey} are left out.
   */
  list(options: ListOptions): Promise<ListPage>
}

/** The most entries of one page of a listing, and the default. */
export const LIST_LIMIT_MAX = 1000

/** The default of `capabilities.objectBytesMax`: 1 GiB. */
export const OBJECT_BYTES_MAX_DEFAULT: number = 1024 ** 3

/** Refuses what would be no bound. Throws {@link StoreError} `STORE_ARGUMENT`. */
export function checkObjectBytesMax(objectBytesMax: number): number {
  if (Number.isSafeInteger(objectBytesMax) && objectBytesMax >= 1) return objectBytesMax
  throw new StoreError('STORE_ARGUMENT', `the largest object has at least one byte, objectBytesMax=${objectBytesMax}`)
}

/**
 * Lists all keys with a prefix, page by page as the loop goes on.
 *
 * @throws {@link StoreError} as soon as a page fails; the loop then has not seen everything.
 */
export async function* listAll(store: ObjectStore, options: ListOptions): AsyncGenerator<ListEntry, void, undefined> {
  let { startAfter, cursor } = options
  for (;;) {
    const page = await store.list({ ...options, startAfter, cursor })
    yield* page.entries
    if (page.nextStartAfter === undefined) return
    // A store that answers the same position again would keep the caller here for ever.
    if (page.nextStartAfter === startAfter) throw new StoreError('STORE_REPLY', 'the listing does not advance')
    startAfter = page.nextStartAfter
    cursor = page.nextCursor
  }
}

/**
 * Checks a range and cuts it to the object.
 *
 * @returns First byte and the byte after the last.
 * @throws {@link StoreError} `STORE_RANGE`
 */
export function resolveRange(range: ByteRange | undefined, size: number): { start: number; end: number } {
  if (range === undefined) return { start: 0, end: size }
  checkRange(range)
  if (range.offset >= size) throw rangeError(range, size)
  return { start: range.offset, end: Math.min(size, range.offset + range.length) }
}

/** Checks that a range is made of whole numbers and not empty. @throws {@link StoreError} `STORE_RANGE` */
export function checkRange(range: ByteRange): void {
  const { offset, length } = range
  if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(length) || length < 1) {
    throw new StoreError('STORE_RANGE', `the range is not valid, offset=${offset} length=${length}`)
  }
}

/** The error of a range that starts at or beyond the end of the object. */
export function rangeError(range: ByteRange, size: number | undefined, options?: ErrorOptions): StoreError {
  const what = `offset=${range.offset} length=${range.length} size=${size ?? 'unknown'}`
  return new StoreError('STORE_RANGE', `the range starts at or beyond the end, ${what}`, options)
}

/** Checks the page size of a listing. @throws {@link StoreError} `STORE_ARGUMENT` */
export function checkLimit(limit: number | undefined): number {
  if (limit === undefined) return LIST_LIMIT_MAX
  if (Number.isInteger(limit) && limit >= 1 && limit <= LIST_LIMIT_MAX) return limit
  throw new StoreError('STORE_ARGUMENT', `the limit is not in 1..${LIST_LIMIT_MAX}, limit=${limit}`)
}

/** Checks where a listing starts; an empty text means the beginning. @throws {@link StoreError} `STORE_KEY` */
export function checkStartAfter(startAfter: string | undefined): string {
  if (startAfter === undefined) return ''
  checkText(startAfter)
  return startAfter
}

/** Checks that an etag was given. @throws {@link StoreError} `STORE_ARGUMENT` */
export function checkEtag(etag: string): string {
  if (typeof etag === 'string' && etag !== '') return etag
  throw new StoreError('STORE_ARGUMENT', 'an etag is needed')
}

// What a header can carry as the name of one version: no quote, no comma, nothing that ends a line.
const BARE_ETAG = /^[\x21\x23-\x2b\x2d-\x7e]+$/

/**
 * Checks an etag that is going to be part of a request. A `*` would be any version there, a list several, and neither is
 * what a read or write gave.
 *
 * @throws {@link StoreError} `STORE_ARGUMENT`
 */
export function checkBareEtag(etag: string): string {
  if (BARE_ETAG.test(checkEtag(etag)) && etag !== '*') return etag
  throw new StoreError('STORE_ARGUMENT', `the etag cannot be compared, etag=${JSON.stringify(etag.slice(0, 80))}`)
}

/**
 * Checks the body of a conditional write.
 *
 * @throws {@link StoreError} `STORE_ARGUMENT` if it is a source, `STORE_OBJECT_TOO_LARGE`
 */
export function checkBytes(body: Uint8Array, capabilities: StoreCapabilities): void {
  if (isSource(body)) throw new StoreError('STORE_ARGUMENT', 'only put takes a body that is not bytes')
  checkBody(body, capabilities)
}

/** Checks the length of a body. @throws {@link StoreError} `STORE_ARGUMENT` if it is none, `STORE_OBJECT_TOO_LARGE` */
export function checkBody(body: ObjectBody, capabilities: StoreCapabilities): void {
  checkObjectBytes(bodyLength(body), capabilities)
}

/** Checks a length before it is written or allocated. @throws {@link StoreError} `STORE_OBJECT_TOO_LARGE` */
export function checkObjectBytes(bytes: number, capabilities: StoreCapabilities): void {
  const max = capabilities.objectBytesMax
  if (bytes <= max) return
  throw new StoreError('STORE_OBJECT_TOO_LARGE', `the object is too large, bytes=${bytes} max=${max}`)
}

/** The error of a call whose capability is off. */
export function unsupportedError(capability: keyof StoreCapabilities): StoreError {
  return new StoreError('STORE_UNSUPPORTED', `the store does not support it, capability=${capability}`)
}
