import { bodyLength, type ObjectBody } from './bodies.ts'
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

/** One call of a store before it is made, as far as wrappers treat calls differently. */
export interface StoreCall {
  readonly name: 'get' | 'head' | 'put' | 'create' | 'compareAndSwap' | 'delete' | 'deleteMany' | 'list'
  /** The key, the first of several, or the prefix: for texts. */
  readonly subject: string
  /** Whether it can change anything. */
  readonly isWrite: boolean
  /** Whether it depends on a condition, so that a repetition could meet the effect of the first try. */
  readonly isConditional: boolean
  /** Bytes of the body that it writes. */
  readonly bodyBytes: number
  /** The signal of the caller. */
  readonly signal: AbortSignal | undefined
}

/** A store whose every call goes through one function. */
export abstract class AroundCalls implements ObjectStore {
  readonly #store: ObjectStore

  constructor(store: ObjectStore) {
    this.#store = store
  }

  /** What happens instead of the call. Must not throw before it returns a promise. */
  protected abstract around<T>(call: StoreCall, run: (signal: AbortSignal | undefined) => Promise<T>): Promise<T>

  get capabilities(): StoreCapabilities {
    return this.#store.capabilities
  }

  get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    const call = read('get', key, options)
    return this.around(call, async (signal) => this.#store.get(key, { ...options, signal }))
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    const call = read('head', key, options)
    return this.around(call, async (signal) => this.#store.head(key, { ...options, signal }))
  }

  async put(key: string, body: ObjectBody, options?: CallOptions): Promise<WriteResult> {
    const call = write('put', key, options, { bodyBytes: bodyLength(body) })
    return this.around(call, async (signal) => this.#store.put(key, body, { ...options, signal }))
  }

  async create(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    const call = write('create', key, options, { bodyBytes: bodyLength(body), isConditional: true })
    return this.around(call, async (signal) => this.#store.create(key, body, { ...options, signal }))
  }

  async compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    const call = write('compareAndSwap', key, options, { bodyBytes: bodyLength(body), isConditional: true })
    return this.around(call, async (signal) => this.#store.compareAndSwap(key, body, { ...options, signal }))
  }

  delete(key: string, options?: DeleteOptions): Promise<void> {
    const call = write('delete', key, options, { isConditional: options?.etag !== undefined })
    return this.around(call, async (signal) => this.#store.delete(key, { ...options, signal }))
  }

  deleteMany(keys: readonly string[], options?: CallOptions): Promise<void> {
    const call = write('deleteMany', keys[0] ?? '', options, {})
    return this.around(call, async (signal) => this.#store.deleteMany(keys, { ...options, signal }))
  }

  list(options: ListOptions): Promise<ListPage> {
    const call = read('list', options.prefix, options)
    return this.around(call, async (signal) => this.#store.list({ ...options, signal }))
  }
}

function read(name: StoreCall['name'], subject: string, options: CallOptions | undefined): StoreCall {
  return { name, subject, isWrite: false, isConditional: false, bodyBytes: 0, signal: options?.signal }
}

function write(
  name: StoreCall['name'],
  subject: string,
  options: CallOptions | undefined,
  { bodyBytes = 0, isConditional = false }: { readonly bodyBytes?: number; readonly isConditional?: boolean },
): StoreCall {
  return { name, subject, isWrite: true, isConditional, bodyBytes, signal: options?.signal }
}
