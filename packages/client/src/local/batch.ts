import type { LocalBytes } from './local-bytes.ts'

/** One change of an atomic batch. */
export type LocalOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }

/** Changes that happen together, in the order in which they were added. */
export class Batch {
  readonly operations: LocalOperation[] = []
  /** By how much it changes what the pages of the volume take up. */
  readonly growth = { cached: 0, kept: 0 }
  readonly #done: (() => void)[] = []

  put(key: string, value: Uint8Array): void {
    this.operations.push({ type: 'put', key, value })
  }

  remove(key: string): void {
    this.operations.push({ type: 'del', key })
  }

  /** Puts a page under a key that has none. */
  putPage(key: string, value: Uint8Array, as: keyof LocalBytes): void {
    this.put(key, value)
    this.growth[as] += recordBytes(key, value)
  }

  /** Removes a page that is there. */
  removePage(key: string, bytes: number, from: keyof LocalBytes): void {
    this.remove(key)
    this.growth[from] -= bytes
  }

  /** Counts a page that stays where it is as one of the other sort. */
  recount(bytes: number, from: keyof LocalBytes, as: keyof LocalBytes): void {
    this.growth[from] -= bytes
    this.growth[as] += bytes
  }

  /** Runs something when the batch is in the store. */
  whenDone(run: () => void): void {
    this.#done.push(run)
  }

  /** The batch is in the store. */
  done(): void {
    for (const run of this.#done) run()
  }
}

/** What a record takes up: its key, which is ASCII, and its value. */
export function recordBytes(key: string, value: Uint8Array): number {
  return key.length + value.length
}
