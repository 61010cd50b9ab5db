import { isStoreError, type ObjectStore } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'

/** Makes `worker` the owner of a task unless it has one; tells the owner. Safe to repeat. */
async function claim(store: ObjectStore, task: string, worker: string): Promise<string> {
  try {
    await store.create(task, new TextEncoder().encode(worker))
  } catch (error) {
    // A conflict: somebody was faster. Unknown: perhaps it was us. The object knows.
    if (!isStoreError(error) || (error.kind !== 'conflict' && error.kind !== 'unknown')) throw error
  }
  const found = await store.get(task)
  return found === undefined ? claim(store, task, worker) : new TextDecoder().decode(found.bytes)
}

const store = new MemoryStore()
console.log(await Promise.all(['ann', 'bob', 'cay'].map((worker) => claim(store, 'tasks/1', worker))))
