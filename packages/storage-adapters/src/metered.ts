import type {
  CallOptions,
  CompareAndSwapOptions,
  DeleteOptions,
  GetOptions,
  ListOptions,
  ListPage,
  ObjectInfo,
  ObjectStore,
  StoreCapabilities,
  StoredObject,
  WriteResult,
} from './object-store.ts'

/** How often a store was called and how many bytes went through. Calls count when they begin, also those that fail. */
export interface StoreCounts {
  readonly get: number
  readonly head: number
  readonly put: number
  readonly create: number
  readonly compareAndSwap: number
  readonly delete: number
  /** Calls of `deleteMany`, not keys. */
  readonly deleteMany: number
  /** Pages, not listings. */
  readonly list: number
  /** Bytes of objects that `get` gave back. */
  readonly bytesRead: number
  /** Bytes of bodies that were handed to `put`, `create` and `compareAndSwap`, also of those that lost. */
  readonly bytesWritten: number
}

/** A store that counts. */
export interface MeteredStore extends ObjectStore {
  /** The counts up to now; a fresh copy at every look, so that two looks can be subtracted. */
  readonly counts: StoreCounts
  /** Starts again from zero. */
  reset(): void
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Counts the calls and bytes that go through a store, for tests of cost and for metrics. Changes nothing else. */
export function metered(store: ObjectStore): MeteredStore {
  return new Meter(store)
}

class Meter implements MeteredStore {
  readonly #store: ObjectStore
  #counts: Mutable<StoreCounts> = noCounts()

  constructor(store: ObjectStore) {
    this.#store = store
  }

  get capabilities(): StoreCapabilities {
    return this.#store.capabilities
  }

  get counts(): StoreCounts {
    return { ...this.#counts }
  }

  reset(): void {
    this.#counts = noCounts()
  }

  async get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    this.#counts.get++
    const found = await this.#store.get(key, options)
    if (found !== undefined) this.#counts.bytesRead += found.bytes.byteLength
    return found
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    this.#counts.head++
    return this.#store.head(key, options)
  }

  put(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    this.#counts.put++
    this.#counts.bytesWritten += body.byteLength
    return this.#store.put(key, body, options)
  }

  create(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    this.#counts.create++
    this.#counts.bytesWritten += body.byteLength
    return this.#store.create(key, body, options)
  }

  compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    this.#counts.compareAndSwap++
    this.#counts.bytesWritten += body.byteLength
    return this.#store.compareAndSwap(key, body, options)
  }

  delete(key: string, options?: DeleteOptions): Promise<void> {
    this.#counts.delete++
    return this.#store.delete(key, options)
  }

  deleteMany(keys: readonly string[], options?: CallOptions): Promise<void> {
    this.#counts.deleteMany++
    return this.#store.deleteMany(keys, options)
  }

  list(options: ListOptions): Promise<ListPage> {
    this.#counts.list++
    return this.#store.list(options)
  }
}

function noCounts(): Mutable<StoreCounts> {
  return {
    get: 0,
    head: 0,
    put: 0,
    create: 0,
    compareAndSwap: 0,
    delete: 0,
    deleteMany: 0,
    list: 0,
    bytesRead: 0,
    bytesWritten: 0,
  }
}
