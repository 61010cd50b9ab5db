const PRIME_1 = 0x9e3779b1 | 0
const PRIME_2 = 0x85ebca77 | 0
const PRIME_3 = 0xc2b2ae3d | 0
const PRIME_4 = 0x27d4eb2f | 0
const PRIME_5 = 0x165667b1 | 0
// Four sums that do not wait for each other, four bytes each a step.
const STRIPE_BYTES = 16

/**
 * XXH32 of some bytes, with seed 0. What lies in a local store is checked each time that it is read, and this takes a fifth of
 * what a CRC-64 takes (docs/decisions/0011). Damage within four bytes that begin at a multiple of four is always noticed, any
 * other with a probability of 1 - 2^-32.
 *
 * @param bytes Borrowed for the call.
 * @returns 0 to 2^32 - 1.
 * @see https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md, section "XXH32".
 */
export function pageChecksum(bytes: Uint8Array): number {
  const { length } = bytes
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  let place = length - (length % STRIPE_BYTES)
  let sum = (place === 0 ? PRIME_5 : stripes(view, place)) + length
  for (; place + 4 <= length; place += 4) {
    sum = Math.imul(rotate(sum + Math.imul(view.getInt32(place, true), PRIME_3), 17), PRIME_4)
  }
  for (; place < length; place++) sum = Math.imul(rotate(sum + Math.imul(view.getUint8(place), PRIME_5), 11), PRIME_1)
  sum = Math.imul(sum ^ (sum >>> 15), PRIME_2)
  sum = Math.imul(sum ^ (sum >>> 13), PRIME_3)
  return (sum ^ (sum >>> 16)) >>> 0
}

function stripes(view: DataView, end: number): number {
  let a = PRIME_1 + PRIME_2
  let b = PRIME_2
  let c = 0
  let d = -PRIME_1
  for (let place = 0; place < end; place += STRIPE_BYTES) {
    a = Math.imul(rotate(a + Math.imul(view.getInt32(place, true), PRIME_2), 13), PRIME_1)
    b = Math.imul(rotate(b + Math.imul(view.getInt32(place + 4, true), PRIME_2), 13), PRIME_1)
    c = Math.imul(rotate(c + Math.imul(view.getInt32(place + 8, true), PRIME_2), 13), PRIME_1)
    d = Math.imul(rotate(d + Math.imul(view.getInt32(place + 12, true), PRIME_2), 13), PRIME_1)
  }
  return (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
