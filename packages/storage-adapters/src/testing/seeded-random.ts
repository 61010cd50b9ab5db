/**
 * Numbers from 0 up to 1 that depend on the seed alone: the same ones in every run and on every machine. Not for secrets.
 *
 * Mulberry32, by Tommy Ettinger (public domain): 32 bits of state, which is plenty for deciding about faults.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
