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
} from '@graft-ts/storage-adapters'

type Create = (key: string, body: Uint8Array, options?: CallOptions) => Promise<WriteResult>
type Get = (key: string, options?: GetOptions) => Promise<StoredObject | undefined>

/** A store whose `create` and `get` of segments and commits a test can replace; it is handed the real call. */
export class ScriptedStore implements ObjectStore {
  onCreate: ((forward: Create, key: string, body: Uint8Array, options?: CallOptions) => Promise<WriteResult>) | undefined
  onGet: ((forward: Get, key: string, options?: GetOptions) => Promise<StoredObject | undefined>) | undefined
  onHead: ((forward: () => Promise<ObjectInfo | undefined>, key: string) => Promise<ObjectInfo | undefined>) | undefined
  readonly #inner: ObjectStore

  constructor(inner: ObjectStore) {
    this.#inner = inner
  }

  get capabilities(): StoreCapabilities {
    return this.#inner.capabilities
  }

  get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    const forward: Get = (...args) => this.#inner.get(...args)
    return this.onGet === undefined ? forward(key, options) : this.onGet(forward, key, options)
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    const forward = (): Promise<ObjectInfo | undefined> => this.#inner.head(key, options)
    return this.onHead === undefined ? forward() : this.onHead(forward, key)
  }

  put(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    return this.#inner.put(key, body, options)
  }

  create(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    const forward: Create = (...args) => this.#inner.create(...args)
    return this.onCreate === undefined ? forward(key, body, options) : this.onCreate(forward, key, body, options)
  }

  compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    return this.#inner.compareAndSwap(key, body, options)
  }

  delete(key: string, options?: DeleteOptions): Promise<void> {
    return this.#inner.delete(key, options)
  }

  deleteMany(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.#inner.deleteMany(keys, options)
  }

  list(options: ListOptions): Promise<ListPage> {
    return this.#inner.list(options)
  }
}
