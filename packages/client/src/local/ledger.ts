import type { VolumeId } from '@graft-ts/volume'
import { USAGE_RANGE, volumeOfKey } from './keys.ts'
import type { LocalBytes } from './local-bytes.ts'
import type { LocalDatabase } from './local-store.ts'
import { decodeUsageInfo } from './records.ts'

const NOTHING: LocalBytes = { cached: 0, kept: 0 }

/** What the pages of each volume take up, and all of them together. */
export class Ledger {
  /** How much there may be before pages have to go. */
  readonly bytesMax: number
  readonly #volumes = new Map<VolumeId, LocalBytes>()
  #total = NOTHING
  /** Told of every change, and whether there may be more now that can go. */
  onChange: (change: { readonly isFreed: boolean }) => void = () => undefined

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** Reads what the store says of each volume: one record each, no page. Throws ClientError `LOCAL_STORE_…`. */
  async load(database: LocalDatabase): Promise<void> {
    for await (const [key, bytes] of database.entries(USAGE_RANGE)) this.set(volumeOfKey(key) as VolumeId, decodeUsageInfo(bytes))
  }

  get total(): LocalBytes {
    return this.#total
  }

  of(volumeId: VolumeId): LocalBytes {
    return this.#volumes.get(volumeId) ?? NOTHING
  }

  /** Volumes that take up anything. */
  volumes(): VolumeId[] {
    return [...this.#volumes.keys()]
  }

  set(volumeId: VolumeId, bytes: LocalBytes): void {
    const before = this.of(volumeId)
    if (bytes.cached === 0 && bytes.kept === 0) this.#volumes.delete(volumeId)
    else this.#volumes.set(volumeId, bytes)
    const cached = bytes.cached - before.cached
    const kept = bytes.kept - before.kept
    this.#total = { cached: this.#total.cached + cached, kept: this.#total.kept + kept }
    this.onChange({ isFreed: kept < 0 })
  }

  /** Somebody has stopped to need pages: there may be more now that can go, though nothing has changed yet. */
  released(): void {
    this.onChange({ isFreed: true })
  }

  /** Whether as many bytes can stay if everything goes that may. */
  hasRoom(bytes: number): boolean {
    return this.#total.kept + bytes <= this.bytesMax
  }

  /** Whether there is room for as many bytes that will not go before a snapshot is closed. */
  hasRoomToKeep(bytes: number): boolean {
    return this.#total.kept + this.#total.cached + bytes <= this.bytesMax
  }
}
