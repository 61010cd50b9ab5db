import { PartitionCore } from './partition/partition-core.ts'
import { SetReader } from './reader.ts'
import { type Splinter, splinterOf } from './splinter.ts'
import { isValue } from './values.ts'

/**
 * A read-only set over encoded bytes, which are read in place: opening one checks the bytes and allocates next to nothing.
 *
 * The questions (`has`, `rank`, `select`, ranges, iteration) are answered from the bytes. Operations with another set
 * decode first, each time, unless one of the sets is small: for many of them use `Splinter.fromBytes`.
 *
 * A view takes a few hundred bytes of memory. When it is first asked for a position in a large bitmap it counts that bitmap and
 * keeps the counts, a thirty-second of its bytes.
 *
 * @example
 * ```ts
 * const view = new SplinterView(bytes)
 * view.has(150)
 * ```
 */
export class SplinterView extends SetReader<Splinter> {
  /** The bytes that the view reads: those that it was given, not a copy. */
  readonly bytes: Uint8Array
  readonly #core: PartitionCore

  /**
   * @param bytes Borrowed for as long as the view is used, and not to be written to meanwhile.
   * @param options.trusted `true` skips checksum and validation, for bytes that have been checked already. What an unsound
   *   set then answers is undefined.
   * @throws {@link SplinterError} of kind `corrupt`, or `unsupported` if the bytes are of format version 1. O(bytes).
   */
  constructor(bytes: Uint8Array, options: { readonly trusted?: boolean } = {}) {
    const core = new PartitionCore(bytes, options.trusted ?? false)
    super(core, splinterOf)
    this.#core = core
    this.bytes = bytes
  }

  // As inherited, but never of two kinds of cores: programs that have both kinds of sets ask this most.
  override has(value: number): boolean {
    return isValue(value) && this.#core.has(value)
  }

  override get byteLength(): number {
    return this.bytes.length
  }

  override get [Symbol.toStringTag](): string {
    return 'SplinterView'
  }
}
