import type { LocalOperation } from './batch.ts'
import type { KeyRange, LocalStore } from './local-store.ts'

/** A local store in memory, for clients that keep nothing: gone when it is closed. */
export class MemoryLocalStore implements LocalStore {
  readonly #values = new Map<string, Uint8Array>()
  // The keys in order, as far as nobody has added one since; ranges are seldom asked for.
  #sorted: string[] | undefined = []

  async open(): Promise<void> {}

  async close(): Promise<void> {
    this.#values.clear()
    this.#sorted = []
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#values.get(key)
  }

  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map((key) => this.#values.get(key))
  }

  async batch(operations: readonly LocalOperation[]): Promise<void> {
    for (const operation of operations) {
      const { key } = operation
      if (operation.type === 'del') this.#values.delete(key)
      else {
        if (!this.#values.has(key)) this.#sorted = undefined
        this.#values.set(key, operation.value)
      }
    }
  }

  async *iterator(range: KeyRange): AsyncGenerator<[string, Uint8Array], void, undefined> {
    for (const key of this.#within(range)) {
      const value = this.#values.get(key)
      if (value !== undefined) yield [key, value]
    }
  }

  async *keys(range: KeyRange): AsyncGenerator<string, void, undefined> {
    for (const key of this.#within(range)) if (this.#values.has(key)) yield key
  }

  /** The keys of a range in order, as they are now; some may be gone. */
  #within({ gte, lt }: KeyRange): string[] {
    this.#sorted ??= [...this.#values.keys()].sort()
    return this.#sorted.slice(firstAtLeast(this.#sorted, gte), firstAtLeast(this.#sorted, lt))
  }
}

function firstAtLeast(sorted: readonly string[], key: string): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}
