import type { PageSize, VolumeId } from '@graft-ts/volume'
import { VolumeModel } from './model/volume-model.ts'
import type { Layout } from './workloads/layout.ts'

/** A volume of a run, whether or not it is in the log already. */
export interface KnownVolume {
  readonly number: number
  readonly volumeId: VolumeId
  readonly pageSize: PageSize
  readonly layout: Layout
  readonly model: VolumeModel
}

/** The volumes of a run. */
export class Volumes {
  readonly all: KnownVolume[] = []

  add(volume: Omit<KnownVolume, 'number' | 'model'>): KnownVolume {
    const known: KnownVolume = { ...volume, number: this.all.length, model: new VolumeModel() }
    this.all.push(known)
    return known
  }

  byId(volumeId: string): KnownVolume {
    const found = this.all.find((volume) => volume.volumeId === volumeId)
    if (found === undefined) throw new RangeError(`no such volume, volume=${volumeId}`)
    return found
  }
}
