import type { ObjectInfo, ObjectStore } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'

/** A store whose `head` is the test's. */
export function storeWithHead(head: (key: string) => Promise<ObjectInfo | undefined>): ObjectStore {
  const store = new MemoryStore()
  store.head = head
  return store
}
