import { seededRandom } from '@graft-ts/storage-adapters/testing'

/** Numbers that look random and are the same in every run. Gives integers from 0 to `below - 1`. */
export type Random = (below: number) => number

/** A generator of its own for each seed. */
export function seeded(seed: number): Random {
  const random = seededRandom(seed)
  return (below) => Math.floor(random() * below)
}
