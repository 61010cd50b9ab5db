import type { VolumeId } from '@graft-ts/volume'
import type { Batch } from './batch.ts'
import type { VolumeKeys } from './keys.ts'
import type { Ledger } from './ledger.ts'
import type { LocalDatabase } from './local-store.ts'
import { encodeUsageInfo } from './records.ts'

/** Writes the batches of one volume, one after the other, and with each of them what the volume takes up afterwards. */
export class VolumeWriter {
  readonly #database: LocalDatabase
  readonly #volumeId: VolumeId
  readonly #usageKey: string
  readonly ledger: Ledger

  constructor(database: LocalDatabase, volumeId: VolumeId, keys: VolumeKeys, ledger: Ledger) {
    this.#database = database
    this.#volumeId = volumeId
    this.#usageKey = keys.usage
    this.ledger = ledger
  }

  /** All or nothing. `sync`: it also survives a crash of the machine, where the store can do that. */
  async write(batch: Batch, options: { readonly sync: boolean }): Promise<void> {
    const { cached, kept } = batch.growth
    const before = this.ledger.of(this.#volumeId)
    // A store that was damaged may count less than there is; that must not stop what goes on in it.
    const after = { cached: Math.max(0, before.cached + cached), kept: Math.max(0, before.kept + kept) }
    const isChanged = cached !== 0 || kept !== 0
    if (isChanged) batch.put(this.#usageKey, encodeUsageInfo(after))
    await this.#database.write(batch, options)
    batch.done()
    if (isChanged) this.ledger.set(this.#volumeId, after)
  }
}
