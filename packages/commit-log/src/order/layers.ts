import { Splinter, SplinterView } from '@graft-ts/splinter'
import { packOffsets, type RollupLayer } from '@graft-ts/volume'
import { layerByteLength } from '../rollup.ts'
import type { Pairs } from './pairs.ts'

/**
 * Makes the rollup layers of a commit, or fewer when they would come to more than `bytesMax`.
 *
 * @param pages In ascending order, each with how many commits ago it was last changed: 1 is the commit before.
 * @param floors For each layer the lowest floor from the start of its range up to the commit.
 */
export function cutLayers(pages: Pairs, floors: readonly (number | undefined)[], bytesMax: number): RollupLayer[] {
  const parts = floors.map(() => ({ pages: [] as number[], offsets: [] as number[] }))
  for (let i = 0; i < pages.length; i++) {
    const commitsAgo = pages.value(i)
    // Layer i holds the commits from 2^(i-1) to 2^i - 1 ago.
    const layer = 32 - Math.clz32(commitsAgo)
    const part = parts[layer - 1]!
    part.pages.push(pages.key(i))
    part.offsets.push(2 ** layer - commitsAgo - 1)
  }
  const layers: RollupLayer[] = []
  let bytesLeft = bytesMax
  for (const [i, part] of parts.entries()) {
    const layer = i + 1
    const set = new SplinterView(Splinter.from(Uint32Array.from(part.pages)).toBytes(), { trusted: true })
    bytesLeft -= layerByteLength(set, layer)
    if (bytesLeft < 0) break
    layers.push({ pages: set, packedOffsets: packOffsets(part.offsets, layer), floor: floors[i] })
  }
  return layers
}
