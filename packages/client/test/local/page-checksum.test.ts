import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pageChecksum } from '../../src/local/page-checksum.ts'
import { propertyParameters } from '../parameters.ts'

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

// Published by other implementations of XXH32: without and with whole stripes, words and bytes at the end.
test.each([
  ['', 0x02cc5d05],
  ['a', 0x550d7456],
  ['abc', 0x32d153ff],
  ['Nobody inspects the spammish repetition', 0xe2293b2f],
  ['Call me Ishmael. Some years ago--never mind how long precisely-', 0x6f320359],
])('is XXH32: %j', (text, expected) => {
  expect(pageChecksum(ascii(text))).toBe(expected)
})

test('does not depend on where in memory the bytes are', () => {
  const bytes = Uint8Array.from({ length: 4096 }, (_, i) => (i * 31) >> 3)
  for (let offset = 0; offset < 8; offset++) {
    const elsewhere = new Uint8Array(offset + bytes.length + 3).fill(0xff)
    elsewhere.set(bytes, offset)
    expect(pageChecksum(elsewhere.subarray(offset, offset + bytes.length))).toBe(pageChecksum(bytes))
  }
})

test('I11: whatever happens to four bytes, it is noticed', () => {
  const damage = fc.record({
    bytes: fc.uint8Array({ minLength: 4, maxLength: 200, size: 'max' }),
    at: fc.nat(),
    by: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  })
  fc.assert(
    fc.property(damage, ({ bytes, at, by }) => {
      const damaged = Uint8Array.from(bytes)
      const view = new DataView(damaged.buffer)
      const place = (at % (bytes.length >> 2)) * 4
      view.setUint32(place, view.getUint32(place) ^ by)
      expect(pageChecksum(damaged)).not.toBe(pageChecksum(bytes))
    }),
    propertyParameters,
  )
})
