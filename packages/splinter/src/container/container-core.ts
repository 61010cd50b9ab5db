import type { Core } from '../core.ts'
import { VALUE_MAX } from '../format.ts'
import type { Operand } from './combine.ts'
import type { Container } from './container.ts'
import { containerHas, containerRank, containerSelect, copyValuesFrom, firstValue, lastValue } from './query.ts'

const CHUNK = 1024

/** A mutable set of containers. */
export class ContainerCore implements Core {
  /** Whoever changes it counts `revision` up. */
  root: Container | undefined
  revision = 0

  constructor(root: Container | undefined) {
    this.root = root
  }

  get size(): number {
    return this.root === undefined ? 0 : this.root.count
  }

  has(value: number): boolean {
    return this.root !== undefined && containerHas(this.root, value)
  }

  rank(value: number): number {
    return this.root === undefined ? 0 : containerRank(this.root, value)
  }

  select(index: number): number {
    return containerSelect(this.root as Container, index)
  }

  first(): number {
    return firstValue(this.root as Container)
  }

  last(): number {
    return lastValue(this.root as Container)
  }

  copyFrom(from: number, buffer: Uint32Array): number {
    return this.root === undefined ? 0 : copyValuesFrom(this.root, from, buffer, 0)
  }

  setBits(row: Uint32Array, base: number): void {
    const buffer = new Uint32Array(CHUNK)
    for (let from = base, length = CHUNK; length === CHUNK && from <= VALUE_MAX; from = buffer[CHUNK - 1]! + 1) {
      length = this.copyFrom(from, buffer)
      for (let i = 0; i < length; i++) {
        const bit = buffer[i]! - base
        row[bit >>> 5]! |= 1 << bit
      }
    }
  }

  operand(): Operand {
    return { container: this.root, isOwned: false }
  }
}

/** A set that was made for one operation and may be taken apart by it. */
export class TemporaryCore extends ContainerCore {
  override operand(): Operand {
    return { container: this.root, isOwned: true }
  }
}
