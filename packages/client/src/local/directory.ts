import { type ClientId, type IdSource, newClientId, type VolumeId } from '@graft-ts/volume'
import { Batch } from './batch.ts'
import { afterVolume, FORGOTTEN_RANGE, INFO_KEY, VOLUMES_RANGE, volumeInfoKey, volumeOfKey } from './keys.ts'
import type { LocalDatabase } from './local-store.ts'
import { decodeStoreInfo, encodeStoreInfo } from './records.ts'

/** Whose local store it is, and which volumes are in it. */
export class Directory {
  readonly #database: LocalDatabase

  constructor(database: LocalDatabase) {
    this.#database = database
  }

  /** The client that the local store belongs to; a new store gets one. */
  async identify(idSource: IdSource): Promise<ClientId> {
    const known = await this.#database.get(INFO_KEY)
    if (known !== undefined) return decodeStoreInfo(known)
    const clientId = newClientId(idSource)
    const batch = new Batch()
    batch.put(INFO_KEY, encodeStoreInfo(clientId))
    await this.#database.write(batch, { sync: true })
    return clientId
  }

  /** Whether a volume is known. */
  async has(volumeId: VolumeId): Promise<boolean> {
    return (await this.#database.get(volumeInfoKey(volumeId))) !== undefined
  }

  /** The volumes that are known. One look-up per volume, whatever it holds. */
  async volumes(): Promise<VolumeId[]> {
    const volumes: VolumeId[] = []
    for (let from = VOLUMES_RANGE.gte; ; ) {
      const key = await first(this.#database.keys({ gte: from, lt: VOLUMES_RANGE.lt }))
      if (key === undefined) return volumes
      const volumeId = key.split('/')[1] as VolumeId
      if (await this.has(volumeId)) volumes.push(volumeId)
      from = afterVolume(volumeId)
    }
  }

  /** The volumes that are to be forgotten, but were not to the end. */
  async *forgotten(): AsyncGenerator<VolumeId, void, undefined> {
    for await (const key of this.#database.keys(FORGOTTEN_RANGE)) yield volumeOfKey(key) as VolumeId
  }
}

async function first<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item
  return undefined
}
