import { isStoreError, StoreError, type StoreErrorKind } from '../errors.ts'
import type { CallOptions, ObjectStore, StoredObject } from '../object-store.ts'

/** How a call of the probe came out. */
export type Outcome = StoreErrorKind | 'done'

/** The keys that a probe writes, and what it expects of them. */
export class Scratch {
  readonly store: ObjectStore
  /** What all keys begin with, and nobody else's. */
  readonly prefix: string
  /** Options for every call. */
  readonly options: CallOptions
  readonly #keys: string[] = []

  constructor(store: ObjectStore, prefix: string, signal: AbortSignal | undefined) {
    this.store = store
    this.prefix = prefix
    this.options = { signal }
  }

  /** A key that was never used before. */
  newKey(name: string = String(this.#keys.length)): string {
    const key = `${this.prefix}/${name}`
    this.#keys.push(key)
    return key
  }

  async cleanUp(): Promise<void> {
    // Whatever the signal says: a probe leaves nothing behind that it can remove.
    await this.store.deleteMany(this.#keys)
  }

  async expectConflict(what: string, call: Promise<unknown>): Promise<void> {
    const outcome = await outcomeOf(call)
    if (outcome === 'done') throw refusal(`${what} succeeded`)
    if (outcome !== 'conflict') throw inconclusive(`${what} was ${outcome}`)
  }

  /** The object has to be the body of one writer. */
  async expectVersion(what: string, key: string, writer: number): Promise<StoredObject> {
    const found = await this.store.get(key, this.options)
    if (found === undefined) throw refusal(`the object is gone after ${what}`)
    const isWhole = found.bytes.byteLength > 0 && found.bytes.every((byte) => byte === writer)
    if (!isWhole) throw refusal(`the object is not the winner's after ${what}`)
    return found
  }

  async expectAbsent(what: string, key: string): Promise<void> {
    if ((await this.store.head(key, this.options)) !== undefined) throw refusal(`the object is there after ${what}`)
  }
}

/** Bytes that all tell the writer, from 1, or the start, 0. */
export function bodyOf(writer: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(writer)
}

export async function outcomeOf(call: Promise<unknown>): Promise<Outcome> {
  try {
    await call
    return 'done'
  } catch (error) {
    if (!isStoreError(error) || !isLoss(error)) throw error
    return error.kind
  }
}

/** Whether a loser may be told this: that it lost, or nothing certain. A full disk is no loss. */
function isLoss({ kind, code }: StoreError): boolean {
  return kind === 'conflict' || kind === 'unavailable' || kind === 'unknown' || code === 'STORE_THROTTLED'
}

export function inconclusive(what: string): StoreError {
  return new StoreError('STORE_UNAVAILABLE', `the probe is not conclusive: ${what}`)
}

export function refusal(what: string): StoreError {
  return new StoreError('STORE_UNSUPPORTED', `the store does not keep what it says: ${what}`)
}
