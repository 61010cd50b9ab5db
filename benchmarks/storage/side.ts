import type { ObjectStore } from '@graft-ts/storage-adapters'

/**
 * One way to keep objects. Each call does the same to several keys, one after the other, so that a side which needs no
 * promises is not slowed down by them.
 */
export interface Side {
  put(keys: readonly string[], body: Uint8Array): Promise<void>
  /** Fails if one of the keys is present. */
  create(keys: readonly string[], body: Uint8Array): Promise<void>
  /** Replaces the versions that this side wrote last. */
  swap(keys: readonly string[], body: Uint8Array): Promise<void>
  /** Reads whole objects; tells how many bytes they had. */
  get(keys: readonly string[]): Promise<number>
  /** Reads parts of the same place; tells how many bytes came. */
  getRange(keys: readonly string[], offset: number, length: number): Promise<number>
  /** Lists everything with a prefix, sizes included; tells how many objects there are. */
  list(prefix: string): Promise<number>
}

/** An adapter. */
export function storeSide(store: ObjectStore): Side {
  const etags = new Map<string, string>()
  return {
    put: async (keys, body) => {
      for (const key of keys) etags.set(key, (await store.put(key, body)).etag)
    },
    create: async (keys, body) => {
      for (const key of keys) await store.create(key, body)
    },
    swap: async (keys, body) => {
      for (const key of keys) {
        const { etag } = await store.compareAndSwap(key, body, { etag: etags.get(key) as string })
        etags.set(key, etag)
      }
    },
    get: async (keys) => {
      let bytes = 0
      for (const key of keys) bytes += (await store.get(key))?.bytes.byteLength ?? 0
      return bytes
    },
    getRange: async (keys, offset, length) => {
      let bytes = 0
      for (const key of keys) bytes += (await store.get(key, { range: { offset, length } }))?.bytes.byteLength ?? 0
      return bytes
    },
    list: async (prefix) => {
      let count = 0
      let startAfter: string | undefined
      do {
        const page = await store.list({ prefix, startAfter })
        count += page.entries.length
        startAfter = page.nextStartAfter
      } while (startAfter !== undefined)
      return count
    },
  }
}
