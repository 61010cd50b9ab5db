import { seededRandom } from '@graft-ts/storage-adapters/testing'

/** Numbers from 0 up to a limit, the same ones for the same seed. */
export type Random = (limit: number) => number

export function seeded(seed: number): Random {
  const random = seededRandom(seed)
  return (limit) => Math.floor(random() * limit)
}
