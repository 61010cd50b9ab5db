import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { looksRandom } from '../src/looks-random.ts'
import { randomBytes } from './samples.ts'

const seed = Number(process.env['FAST_CHECK_SEED'] ?? 7)
const numRuns = Number(process.env['FAST_CHECK_RUNS'] ?? 200)
const FRAME = 262_144

/** Random bytes; the generator of the samples has a short period in its low bits. */
function noise(length: number, from: number): Uint8Array<ArrayBuffer> {
  let state = from >>> 0
  return Uint8Array.from({ length }, () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) & 255
  })
}

describe('looksRandom', () => {
  test('random bytes do', () => {
    for (const length of [2048, 4096, 16_384, 16_385, 65_536, FRAME]) {
      for (let from = 0; from < 20; from++) expect([length, from, looksRandom(noise(length, from))]).toEqual([length, from, true])
    }
  })

  test('compressed bytes do', () => {
    const letters = noise(200_000, 1).map((byte) => byte % 100)
    expect(looksRandom(letters)).toBe(false)
    expect(looksRandom(deflateRawSync(letters).subarray(0, 65_536))).toBe(true)
  })

  // What a codec makes smaller by an eighth must not be taken for random, whatever the records look like.
  const letters = fc.integer({ min: 1, max: 128 })
  const width = fc.integer({ min: 1, max: 300 })
  test('bytes of at most 128 values do not', () => {
    fc.assert(
      fc.property(letters, fc.nat(2 ** 30), fc.constantFrom(4096, 20_000, FRAME), (values, from, length) => {
        expect(looksRandom(noise(length, from).map((byte) => byte % values))).toBe(false)
      }),
      { seed, numRuns: Math.min(numRuns, 500) },
    )
  })

  test('records of which one byte in four or more is always the same do not', () => {
    fc.assert(
      fc.property(width, fc.nat(2 ** 30), fc.nat(255), fc.constantFrom(4096, 20_000, FRAME), (record, from, same, length) => {
        const fixed = Math.ceil(record / 4)
        const bytes = noise(length, from).map((byte, i) => (i % record < fixed ? same : byte))
        expect(looksRandom(bytes)).toBe(false)
      }),
      { seed, numRuns: Math.min(numRuns, 500) },
    )
  })

  test('pages of zeros among random ones, one in eight, do not', () => {
    const bytes = noise(FRAME, 1)
    for (let page = 0; page < 64; page += 8) bytes.fill(0, page * 4096, (page + 1) * 4096)
    expect(looksRandom(bytes)).toBe(false)
  })

  test('one zero in fifty bytes is enough to be worth a try', () => {
    const bytes = noise(FRAME, 1).map((byte, i) => (i % 49 === 0 ? 0 : byte))
    expect(looksRandom(bytes)).toBe(false)
  })

  test('few bytes are no sample', () => {
    for (const length of [0, 1]) expect(looksRandom(noise(length, 1))).toBe(false)
    expect(looksRandom(randomBytes(8).fill(1))).toBe(false)
  })
})
