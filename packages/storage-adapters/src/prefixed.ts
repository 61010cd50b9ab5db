import type { ObjectBody } from './bodies.ts'
import { checkKey, checkPrefix, checkText } from './keys.ts'
import {
  type CallOptions,
  type CompareAndSwapOptions,
  checkStartAfter,
  type DeleteOptions,
  type GetOptions,
  type ListOptions,
  type ListPage,
  type ObjectInfo,
  type ObjectStore,
  type StoreCapabilities,
  type StoredObject,
  type WriteResult,
} from './object-store.ts'

/**
 * Shows the keys below a prefix as a store of its own. Keys are checked before they are joined, so no key leads out.
 *
 * @param prefix One or more whole segments, with or without a slash at the end: `tenants/7`. Empty: the store itself.
 * @throws {@link StoreError} `STORE_KEY` if the prefix is not valid. Longer prefixes leave shorter keys
 * (`capabilities.keyBytesMax`).
 */
export function prefixed(store: ObjectStore, prefix: string): ObjectStore {
  if (prefix === '') return store
  return new PrefixedStore(store, `${checkKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix)}/`)
}

class PrefixedStore implements ObjectStore {
  readonly capabilities: StoreCapabilities
  readonly #store: ObjectStore
  readonly #prefix: string

  constructor(store: ObjectStore, prefix: string) {
    this.#store = store
    this.#prefix = prefix
    const { capabilities } = store
    this.capabilities = Object.freeze({
      ...capabilities,
      keyBytesMax: capabilities.keyBytesMax - checkText(prefix),
    })
  }

  async get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    return this.#store.get(this.#join(key), options)
  }

  async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#store.head(this.#join(key), options)
  }

  async put(key: string, body: ObjectBody, options?: CallOptions): Promise<WriteResult> {
    return this.#store.put(this.#join(key), body, options)
  }

  async create(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    return this.#store.create(this.#join(key), body, options)
  }

  async compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    return this.#store.compareAndSwap(this.#join(key), body, options)
  }

  async delete(key: string, options?: DeleteOptions): Promise<void> {
    return this.#store.delete(this.#join(key), options)
  }

  async deleteMany(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.#store.deleteMany(
      keys.map((key) => this.#join(key)),
      options,
    )
  }

  async list(options: ListOptions): Promise<ListPage> {
    const startAfter = checkStartAfter(options.startAfter)
    const page = await this.#store.list({
      ...options,
      prefix: this.#prefix + checkPrefix(options.prefix),
      startAfter: startAfter === '' ? undefined : this.#prefix + startAfter,
    })
    const entries = page.entries.map((entry) => ({ ...entry, key: entry.key.slice(this.#prefix.length) }))
    if (page.nextStartAfter === undefined) return { entries }
    return { ...page, entries, nextStartAfter: page.nextStartAfter.slice(this.#prefix.length) }
  }

  #join(key: string): string {
    return this.#prefix + checkKey(key)
  }
}
