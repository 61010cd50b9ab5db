import { bytesOf, isSource, type ObjectBody } from './bodies.ts'
import { StoreError, throwIfAborted } from './errors.ts'
import { checkKey, checkPrefix, compareKeys, KEY_BYTES_MAX } from './keys.ts'
import {
  type CallOptions,
  type CompareAndSwapOptions,
  checkBody,
  checkBytes,
  checkEtag,
  checkLimit,
  checkObjectBytesMax,
  checkStartAfter,
  type DeleteOptions,
  type GetOptions,
  type ListOptions,
  type ListPage,
  OBJECT_BYTES_MAX_DEFAULT,
  type ObjectInfo,
  type ObjectStore,
  resolveRange,
  type StoreCapabilities,
  type StoreCondition,
  type StoredObject,
  unsupportedError,
  type WriteResult,
} from './object-store.ts'

/** Options of {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /** The largest object, in bytes; default 1 GiB. */
  readonly objectBytesMax?: number
  /** Switches abilities off, to test what callers do about it. All are on by default. */
  readonly without?: readonly StoreCondition[]
}

interface Held {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly etag: string
}

/**
 * Keeps objects in memory, for tests, caches and demonstrations. Bytes are copied in and out, etags never repeat.
 * Every call takes effect at once, before it returns its promise, but for a body that has to be read from a source first.
 * Nothing survives the process.
 */
export class MemoryStore implements ObjectStore {
  readonly capabilities: StoreCapabilities
  readonly #objects = new Map<string, Held>()
  // Sorted when a listing needs it; dropped when a key comes or goes.
  #sortedKeys: string[] | undefined
  #writes = 0

  constructor(options: MemoryStoreOptions = {}) {
    const without = new Set<string>(options.without)
    this.capabilities = Object.freeze({
      create: !without.has('create'),
      compareAndSwap: !without.has('compareAndSwap'),
      conditionalDelete: !without.has('conditionalDelete'),
      orderedListing: true,
      uniqueEtags: true,
      objectBytesMax: checkObjectBytesMax(options.objectBytesMax ?? OBJECT_BYTES_MAX_DEFAULT),
      keyBytesMax: KEY_BYTES_MAX,
    })
  }

  async get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    this.#begin(key, options)
    const held = this.#objects.get(key)
    if (held === undefined) return undefined
    const size = held.bytes.byteLength
    const { start, end } = resolveRange(options?.range, size)
    return { bytes: held.bytes.slice(start, end), etag: held.etag, size, offset: start }
  }

  async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    this.#begin(key, options)
    const held = this.#objects.get(key)
    return held && { size: held.bytes.byteLength, etag: held.etag }
  }

  async put(key: string, body: ObjectBody, options?: CallOptions): Promise<WriteResult> {
    this.#begin(key, options)
    if (!isSource(body)) return this.#write(key, body)
    checkBody(body, this.capabilities)
    return this.#write(key, await bytesOf(body, options?.signal))
  }

  async create(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    this.#begin(key, options)
    if (!this.capabilities.create) throw unsupportedError('create')
    if (this.#objects.has(key)) throw new StoreError('STORE_EXISTS', `the object exists, key=${key}`)
    return this.#write(key, body)
  }

  async compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    this.#begin(key, options)
    if (!this.capabilities.compareAndSwap) throw unsupportedError('compareAndSwap')
    const expected = checkEtag(options.etag)
    if (this.#objects.get(key)?.etag !== expected) {
      throw new StoreError('STORE_CHANGED', `the object is absent or has another etag, key=${key}`)
    }
    return this.#write(key, body)
  }

  async delete(key: string, options?: DeleteOptions): Promise<void> {
    this.#begin(key, options)
    if (options?.etag !== undefined) {
      if (!this.capabilities.conditionalDelete) throw unsupportedError('conditionalDelete')
      const held = this.#objects.get(key)
      if (held !== undefined && held.etag !== checkEtag(options.etag)) {
        throw new StoreError('STORE_CHANGED', `the object has another etag, key=${key}`)
      }
    }
    this.#remove(key)
  }

  async deleteMany(keys: readonly string[], options?: CallOptions): Promise<void> {
    throwIfAborted(options?.signal)
    for (const key of keys) checkKey(key)
    for (const key of keys) this.#remove(key)
  }

  async list(options: ListOptions): Promise<ListPage> {
    throwIfAborted(options.signal)
    const prefix = checkPrefix(options.prefix)
    const limit = checkLimit(options.limit)
    const startAfter = checkStartAfter(options.startAfter)
    this.#sortedKeys ??= [...this.#objects.keys()].sort(compareKeys)
    const keys = this.#sortedKeys
    let index = Math.max(firstAtOrAfter(keys, prefix), firstAfter(keys, startAfter))
    const entries: { key: string; size: number; etag: string }[] = []
    for (; index < keys.length && entries.length < limit; index++) {
      const key = keys[index] as string
      if (!key.startsWith(prefix)) return { entries }
      const held = this.#objects.get(key) as Held
      entries.push({ key, size: held.bytes.byteLength, etag: held.etag })
    }
    const isComplete = index >= keys.length || !(keys[index] as string).startsWith(prefix)
    const last = entries.at(-1)
    return isComplete || last === undefined ? { entries } : { entries, nextStartAfter: last.key }
  }

  #begin(key: string, options: CallOptions | undefined): void {
    throwIfAborted(options?.signal)
    checkKey(key)
  }

  #write(key: string, body: Uint8Array): WriteResult {
    checkBytes(body, this.capabilities)
    // A counter and not a hash: writing A, B and A again gives three etags.
    const etag = (++this.#writes).toString(36)
    if (!this.#objects.has(key)) this.#sortedKeys = undefined
    this.#objects.set(key, { bytes: new Uint8Array(body), etag })
    return { etag }
  }

  #remove(key: string): void {
    if (this.#objects.delete(key)) this.#sortedKeys = undefined
  }
}

function firstAtOrAfter(keys: readonly string[], bound: string): number {
  return lowerBound(keys, (key) => compareKeys(key, bound) >= 0)
}

function firstAfter(keys: readonly string[], bound: string): number {
  return bound === '' ? 0 : lowerBound(keys, (key) => compareKeys(key, bound) > 0)
}

function lowerBound(keys: readonly string[], isReached: (key: string) => boolean): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isReached(keys[middle] as string)) high = middle
    else low = middle + 1
  }
  return low
}
