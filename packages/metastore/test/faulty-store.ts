import type { ObjectStore, StoredObject, WriteResult } from '@graft-ts/storage-adapters'

/** What a test does to the calls of a store; `undefined` leaves them alone. */
export interface Faults {
  get: ((key: string, run: () => Promise<StoredObject | undefined>) => Promise<StoredObject | undefined>) | undefined
  create: ((key: string, run: () => Promise<WriteResult>) => Promise<WriteResult>) | undefined
}

/** A store whose reads and creations a test can make fail, before or after they take effect. */
export function faulty(inner: ObjectStore, faults: Faults): ObjectStore {
  return {
    capabilities: inner.capabilities,
    get: (key, options) => (faults.get === undefined ? inner.get(key, options) : faults.get(key, () => inner.get(key, options))),
    create: (key, body, options) => {
      const run = () => inner.create(key, body, options)
      return faults.create === undefined ? run() : faults.create(key, run)
    },
    head: (key, options) => inner.head(key, options),
    put: (key, body, options) => inner.put(key, body, options),
    compareAndSwap: (key, body, options) => inner.compareAndSwap(key, body, options),
    delete: (key, options) => inner.delete(key, options),
    deleteMany: (keys, options) => inner.deleteMany(keys, options),
    list: (options) => inner.list(options),
  }
}
