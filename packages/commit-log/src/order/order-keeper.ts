import { type CommitRecord, LSN_NONE, type Lsn, type VolumeId } from '@graft-ts/volume'
import type { LogMemory } from '../log-memory.ts'
import { readSections } from '../range-reader.ts'
import type { RecordCache } from '../record-cache.ts'
import { sectionsOf } from '../rollup.ts'
import { ChangeOrder } from './change-order.ts'

/** Keeps the order of change of one volume as long and as far back as it is asked for and memory allows. */
export class OrderKeeper {
  readonly #volumeId: VolumeId
  readonly #memory: LogMemory
  readonly #records: RecordCache
  // A volume that needs more than its share is served from its records from then on.
  #isOverShare = false

  constructor(volumeId: VolumeId, { memory, records }: { readonly memory: LogMemory; readonly records: RecordCache }) {
    this.#volumeId = volumeId
    this.#memory = memory
    this.#records = records
  }

  /**
   * An order that covers at least (since, until]. It reads what it does not cover yet, all in one parallel round.
   *
   * @param until The commit that it has to reach; `undefined`: the volume has none.
   * @returns It may go on changing: look at its head before each use. `undefined`: there is no room for it.
   */
  async cover(since: Lsn, until: CommitRecord | undefined): Promise<ChangeOrder | undefined> {
    const untilLsn = until?.lsn ?? LSN_NONE
    while (!this.#isOverShare) {
      const order = this.#kept(since, untilLsn) ?? new ChangeOrder(until, this.#memory.orderBytesMax)
      const { origin, lsn } = order
      if (origin <= since && lsn >= untilLsn) return order
      const [newer, older] = await Promise.all([this.#read(lsn, untilLsn), this.#read(since, origin)])
      // Others may have moved it meanwhile.
      if (order.origin !== origin || order.lsn !== lsn) continue
      if (until !== undefined && untilLsn > lsn) order.advance(newer, until)
      if (since < origin) order.extend(older, since)
      if (this.#keep(order)) return order
    }
    return undefined
  }

  /** Takes in a commit that was just made on top of an order, unless others were faster. */
  addCommit(order: ChangeOrder, record: CommitRecord): void {
    if (order.lsn !== record.lsn - 1) return
    order.advance(sectionsOf(record, 0), record)
    this.#keep(order)
  }

  #kept(since: Lsn, until: Lsn): ChangeOrder | undefined {
    const order = this.#memory.order(this.#volumeId)
    return order?.couldCover(since, until) ? order : undefined
  }

  #keep(order: ChangeOrder): boolean {
    if (order.isOverfull) {
      this.#isOverShare = true
      this.#memory.dropOrder(this.#volumeId)
      return false
    }
    this.#memory.keepOrder(this.#volumeId, order)
    return true
  }

  async #read(since: Lsn, until: Lsn) {
    return since < until ? readSections(this.#records, this.#volumeId, { since, until }) : []
  }
}
