import { SplinterView } from '@graft-ts/splinter'
import { type CommitRecord, type Lsn, storeKeys, type VolumeId } from '@graft-ts/volume'
import { LRUCache } from 'lru-cache'
import type { ChangeOrder } from './order/change-order.ts'
import type { StoredCommit } from './stored-commit.ts'

// One volume may take so much of the memory for its order; beyond that it is served from its records.
const ORDER_SHARE = 1 / 4
// Objects around a record's bytes, about: measured on V8.
const RECORD_OVERHEAD_BYTES = 1536
const REF_OVERHEAD_BYTES = 768
const LAYER_OVERHEAD_BYTES = 512
const ORDER_OVERHEAD_BYTES = 1024

/** What the logs of a store keep in memory, bounded in bytes over all volumes. Nothing of it matters: it can be read again. */
export class LogMemory {
  readonly #kept: LRUCache<string, StoredCommit | ChangeOrder>
  /** Most bytes of one volume's order. */
  readonly orderBytesMax: number

  constructor(bytesMax: number) {
    this.#kept = new LRUCache({ maxSize: bytesMax })
    this.orderBytesMax = Math.floor(bytesMax * ORDER_SHARE)
  }

  /** Bytes in use, about. */
  get byteLength(): number {
    return this.#kept.calculatedSize
  }

  /** A record, if it is kept. */
  record(volumeId: VolumeId, lsn: Lsn): StoredCommit | undefined {
    return this.#kept.get(storeKeys.commit(volumeId, lsn)) as StoredCommit | undefined
  }

  /** Keeps a record, until others need its room. */
  keepRecord(commit: StoredCommit): void {
    const { volumeId, lsn } = commit.record
    this.#kept.set(storeKeys.commit(volumeId, lsn), commit, { size: recordBytes(commit.record) })
  }

  /** A volume's order, if it is kept. */
  order(volumeId: VolumeId): ChangeOrder | undefined {
    return this.#kept.get(volumeId) as ChangeOrder | undefined
  }

  /** Keeps an order, and notes how large it has become. */
  keepOrder(volumeId: VolumeId, order: ChangeOrder): void {
    // The size of what is kept already would not be looked at again.
    this.#kept.delete(volumeId)
    // It holds on to the record of its head, which may have been forgotten on its own.
    const headBytes = order.head === undefined ? 0 : recordBytes(order.head)
    this.#kept.set(volumeId, order, { size: order.byteLength + headBytes + ORDER_OVERHEAD_BYTES })
  }

  /** Forgets an order. */
  dropOrder(volumeId: VolumeId): void {
    this.#kept.delete(volumeId)
  }
}

/** What a decoded record holds on to, about: its sealed bytes, over which it is views, and the objects around them. */
function recordBytes({ own, refs, layers }: CommitRecord): number {
  const sealedBytes = own instanceof SplinterView ? own.bytes.buffer.byteLength : 0
  const objectBytes = refs.length * REF_OVERHEAD_BYTES + layers.length * LAYER_OVERHEAD_BYTES
  return sealedBytes + objectBytes + RECORD_OVERHEAD_BYTES
}
