import type { Operand } from '../container/combine.ts'
import type { Core } from '../core.ts'
import { CAPACITY, KIND_TREE } from '../format.ts'
import { copyPartition } from './copy.ts'
import { decodeRoot } from './decode.ts'
import { openFile } from './file.ts'
import { partitionHas } from './has.ts'
import { PartitionBytes } from './partition.ts'
import { partitionFirst, partitionLast } from './query.ts'
import { partitionRank, partitionSelect } from './rank.ts'
import { setRowBits } from './row.ts'

/** A set that is read from its bytes in place. */
export class PartitionCore implements Core {
  readonly size: number
  readonly revision = 0
  readonly #source: PartitionBytes
  readonly #end: number
  // The partition below a chain of trees with a single child each, and what those add to its values.
  readonly #topWidth: number
  readonly #topEnd: number
  readonly #base: number
  // The bits of a value that come from above the top.
  readonly #baseMask: number

  /** Checks the bytes, see {@link openFile}. */
  constructor(bytes: Uint8Array, isTrusted: boolean) {
    this.#source = new PartitionBytes(bytes)
    const { end, count } = openFile(this.#source, isTrusted)
    this.#end = end
    this.size = count
    let width = 4
    let top = end
    let base = 0
    while (bytes[top - 1] === KIND_TREE && bytes[top - 2] === 0) {
      // Before kind and number of children: offset, cardinality and segment of the only one.
      base += bytes[top - 3]! * CAPACITY[width - 1]!
      top -= 2 * width + 3
      width--
    }
    this.#topWidth = width
    this.#topEnd = top
    this.#base = base
    this.#baseMask = width === 4 ? 0 : -1 << (8 * width)
  }

  has(value: number): boolean {
    const mask = this.#baseMask
    if (((value ^ this.#base) & mask) !== 0) return false
    return partitionHas(this.#source.viewForAMoment, this.#topWidth, this.#topEnd, value & ~mask)
  }

  rank(value: number): number {
    const local = value - this.#base
    if (local < 0) return 0
    if (local >= CAPACITY[this.#topWidth]!) return this.size
    return partitionRank(this.#source, this.#topWidth, this.#topEnd, local)
  }

  select(index: number): number {
    return this.#base + partitionSelect(this.#source, this.#topWidth, this.#topEnd, index)
  }

  first(): number {
    return this.#base + partitionFirst(this.#source.bytes, this.#topWidth, this.#topEnd)
  }

  last(): number {
    return this.#base + partitionLast(this.#source.bytes, this.#topWidth, this.#topEnd)
  }

  copyFrom(from: number, buffer: Uint32Array): number {
    const local = Math.max(0, from - this.#base)
    if (local >= CAPACITY[this.#topWidth]!) return 0
    return copyPartition(this.#source, this.#topWidth, this.#topEnd, this.#base, local, buffer, 0)
  }

  setBits(row: Uint32Array, base: number): void {
    setRowBits(this.#source.forAMoment(), this.#topWidth, this.#topEnd, this.#base - base, row)
  }

  operand(): Operand {
    return { container: decodeRoot(this.#source, this.#end, this.size), isOwned: true }
  }
}
