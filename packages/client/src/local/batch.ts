/** One change of an atomic batch. */
export type LocalOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }

/** Changes that happen together, in the order in which they were added. */
export class Batch {
  readonly operations: LocalOperation[] = []

  put(key: string, value: Uint8Array): void {
    this.operations.push({ type: 'put', key, value })
  }

  remove(key: string): void {
    this.operations.push({ type: 'del', key })
  }
}
