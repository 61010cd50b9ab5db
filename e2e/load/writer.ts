import { isStoreError, type ObjectStore } from '@graft-ts/storage-adapters'
import type { Ledger } from './ledger.ts'
import type { LoadPlan, Step } from './plan.ts'
import { decodeVersion, encodeVersion, type Version } from './version.ts'

/** What all writers share. */
export interface Workplace {
  /** Handles on the same objects, through different gateways; calls go round. */
  readonly stores: readonly ObjectStore[]
  readonly ledger: Ledger
  readonly plan: LoadPlan
  /** Makes the signal that ends one call. */
  readonly callSignal: () => AbortSignal
  /** Waits before the next try. @throws if the load takes too long. */
  readonly pause: () => Promise<void>
}

interface Found {
  readonly version: Version
  readonly etag: string
}

/** Whether a failure of a call leaves nothing to do but to try again. */
const TRY_AGAIN = new Set<string>(['unavailable', 'exhausted', 'aborted'])

/** One of the writers: goes through its steps, and finds out of each write whether it happened. */
export class Writer {
  readonly #place: Workplace
  readonly #number: number
  #calls: number

  constructor(place: Workplace, number: number) {
    this.#place = place
    this.#number = number
    this.#calls = number
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const { type, key } of steps) {
      if (type === 'create') await this.#create(key)
      else await this.#swap(key)
    }
  }

  async #create(key: string): Promise<void> {
    const version = { key, writers: [this.#number] }
    const isWon = await this.#attempt(version, (store, body, signal) => store.create(key, body, { signal }))
    // The other gateway has to know at once.
    if (isWon) await this.#read(key)
  }

  async #swap(key: string): Promise<void> {
    for (;;) {
      const found = await this.#read(key)
      if (found === undefined) throw new Error(`an object that was created is gone: ${key}`)
      const { version, etag } = found
      const next = { key, writers: [...version.writers, this.#number] }
      if (await this.#attempt(next, (store, body, signal) => store.compareAndSwap(key, body, { etag, signal }))) return
    }
  }

  /** Writes a version if nobody else does; tells whether it was this writer, whatever was lost on the way. */
  async #attempt(
    version: Version,
    write: (store: ObjectStore, body: Uint8Array, signal: AbortSignal) => Promise<unknown>,
  ): Promise<boolean> {
    const { ledger, plan, pause } = this.#place
    const { key, writers } = version
    const number = writers.length
    const body = encodeVersion(version, plan.bytesOf(key, number))
    let wasUnknown = false
    const decided = (isWon: boolean): boolean => {
      ledger.record({ key, version: number, writer: this.#number, isWon, wasUnknown })
      return isWon
    }
    for (;;) {
      try {
        await write(this.#store(), body, this.#place.callSignal())
        return decided(true)
      } catch (error) {
        if (!isStoreError(error)) throw error
        if (error.kind === 'conflict' && !wasUnknown) return decided(false)
        if (error.kind === 'conflict' || error.kind === 'unknown') {
          wasUnknown = true
          const writer = (await this.#read(key))?.version.writers[number - 1]
          if (writer !== undefined) return decided(writer === this.#number)
          // Still the old state: the write may be under way, so only its repetition can decide.
        } else if (!TRY_AGAIN.has(error.kind)) throw error
      }
      await pause()
    }
  }

  /** Reads an object until there is an answer, which must not be older than what was acknowledged before the question. */
  async #read(key: string): Promise<Found | undefined> {
    const { ledger, pause, callSignal } = this.#place
    for (;;) {
      const acknowledged = ledger.newestOf(key)
      try {
        const object = await this.#store().get(key, { signal: callSignal() })
        const found = object && { version: decodeVersion(object.bytes), etag: object.etag }
        const seen = found?.version.writers.length ?? 0
        if (seen < acknowledged) ledger.problems.push(`${key}: version ${acknowledged} was acknowledged, then ${seen} was read`)
        return found
      } catch (error) {
        if (!isStoreError(error) || !TRY_AGAIN.has(error.kind)) throw error
      }
      await pause()
    }
  }

  #store(): ObjectStore {
    const { stores } = this.#place
    return stores[this.#calls++ % stores.length] as ObjectStore
  }
}
