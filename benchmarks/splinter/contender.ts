/** One implementation of sets, as the loops drive it. What it does not offer is absent and not measured. */
export interface Contender<S> {
  readonly name: string
  /** A set in its best form for reading. */
  make(values: Uint32Array): S
  /** Frees what the garbage collector does not see; timed, because whoever uses it has to do it too. */
  drop(set: S): void
  size(set: S): number
  has(set: S, value: number): boolean
  rank?(set: S, value: number): number
  select?(set: S, index: number): number
  union?(a: S, b: S): S
  intersection?(a: S, b: S): S
  /** Fresh bytes of a set. */
  encode?(set: S): Uint8Array
  /** A set to be changed. */
  decode?(bytes: Uint8Array): S
  /** Opens bytes for a single question. */
  ask?(bytes: Uint8Array, value: number): boolean
  /** Bytes that its sets take where the engine does not see them. Only differences count. */
  memoryOutside?(): number
  /** The union of many encoded sets. */
  unionAll?(bytes: readonly Uint8Array[]): S
}
