import { AroundCalls, type StoreCall } from './around-calls.ts'
import type { ObjectStore, StoredObject } from './object-store.ts'

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

class Meter extends AroundCalls implements MeteredStore {
  #counts: Mutable<StoreCounts> = noCounts()

  get counts(): StoreCounts {
    return { ...this.#counts }
  }

  reset(): void {
    this.#counts = noCounts()
  }

  protected async around<T>(call: StoreCall, run: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
    this.#counts[call.name]++
    this.#counts.bytesWritten += call.bodyBytes
    const result = await run(call.signal)
    if (call.name === 'get') this.#counts.bytesRead += (result as StoredObject | undefined)?.bytes.byteLength ?? 0
    return result
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
