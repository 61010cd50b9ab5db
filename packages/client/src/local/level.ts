import type { LocalOperation } from './batch.ts'

/** A range of keys. */
export interface KeyRange {
  readonly gte: string
  readonly lt: string
}

/** How keys and values are given and taken. */
export interface Encodings {
  readonly keyEncoding: 'utf8'
  readonly valueEncoding: 'view'
}

/**
 * What the client needs of a local store: the parts of an `abstract-level` database that it calls. `classic-level`,
 * `browser-level` and `memory-level` fit as they are. Keys are text, values are bytes.
 */
export interface LocalStore {
  /** Where it is, for stores that others might open too. */
  readonly location?: string
  /** What its name begins with beside that, in browsers. */
  readonly namePrefix?: string
  open(): Promise<void>
  close(): Promise<void>
  /** What it can do beside that: `getSync` is true where it can look keys up without waiting. */
  readonly supports?: object
  getSync?(key: string, options: Encodings): Uint8Array | undefined
  get(key: string, options: Encodings): Promise<Uint8Array | undefined>
  getMany(keys: string[], options: Encodings): Promise<(Uint8Array | undefined)[]>
  batch(operations: LocalOperation[], options: Encodings & { readonly sync: boolean }): Promise<unknown>
  iterator(options: Encodings & KeyRange): AsyncIterable<[string, Uint8Array]>
  keys(options: { readonly keyEncoding: 'utf8' } & KeyRange): AsyncIterable<string>
}

/** Keys are text, values are bytes. */
export const ENCODINGS: Encodings = { keyEncoding: 'utf8', valueEncoding: 'view' }
