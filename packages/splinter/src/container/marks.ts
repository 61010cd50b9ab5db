/*
 * Which members of one list another one has, for lists that lie near each other, as those of pages do: a byte for each value
 * that could be. No step waits for the one before, as it does where two lists are merged.
 */

/** Lists that lie within so many values can be compared here. */
export const NEAR_SPAN: number = 2 ** 18

// 256 KiB, made when they are first needed and kept: what was marked before has other stamps and need not be cleared.
let marks: Uint8Array | undefined
let stamp = 0

/** A stamp that no mark has. */
function freshStamp(all: Uint8Array): number {
  if (stamp === 255) {
    all.fill(0)
    stamp = 0
  }
  return ++stamp
}

/**
 * Writes to `out` which of the first `n` ascending values of `a` are among the first `m` of `b`; all of them are less than
 * {@link NEAR_SPAN} apart.
 *
 * @param out With room for `n` values.
 * @returns How many there are.
 */
export function keepCommonNear(a: Uint32Array, n: number, b: Uint32Array, m: number, out: Uint32Array): number {
  marks ??= new Uint8Array(NEAR_SPAN)
  const all = marks
  const own = freshStamp(all)
  // That near, no two values share their lowest bits.
  for (let j = 0; j < m; j++) all[b[j]! & (NEAR_SPAN - 1)] = own
  let count = 0
  for (let i = 0; i < n; i++) {
    const value = a[i]!
    // Written each time, kept where it is marked.
    out[count] = value
    count += Number(all[value & (NEAR_SPAN - 1)] === own)
  }
  return count
}
