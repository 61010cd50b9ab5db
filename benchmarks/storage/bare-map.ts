import type { Side } from './side.ts'

interface Held {
  readonly bytes: Uint8Array
  readonly version: number
}

/** A `Map`, with bytes copied in and out, and a version for comparisons; without promises. */
export function bareMap(): Side {
  const objects = new Map<string, Held>()
  let versions = 0
  const put = (key: string, body: Uint8Array): void => void objects.set(key, { bytes: new Uint8Array(body), version: ++versions })
  const written = new Map<string, number>()
  return {
    put: async (keys, body) => {
      for (const key of keys) {
        put(key, body)
        written.set(key, versions)
      }
    },
    create: async (keys, body) => {
      for (const key of keys) {
        if (objects.has(key)) throw new Error(`present: ${key}`)
        put(key, body)
      }
    },
    swap: async (keys, body) => {
      for (const key of keys) {
        if (objects.get(key)?.version !== written.get(key)) throw new Error(`changed: ${key}`)
        put(key, body)
        written.set(key, versions)
      }
    },
    get: async (keys) => {
      let bytes = 0
      for (const key of keys) bytes += objects.get(key)?.bytes.slice().byteLength ?? 0
      return bytes
    },
    getRange: async (keys, offset, length) => {
      let bytes = 0
      for (const key of keys) bytes += objects.get(key)?.bytes.slice(offset, offset + length).byteLength ?? 0
      return bytes
    },
    list: async (prefix) => {
      const found: { key: string; size: number }[] = []
      for (const [key, { bytes }] of objects) if (key.startsWith(prefix)) found.push({ key, size: bytes.byteLength })
      return found.sort((a, b) => (a.key < b.key ? -1 : 1)).length
    },
  }
}
