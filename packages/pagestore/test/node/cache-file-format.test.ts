import { FRAME_BYTES_MAX } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import {
  decodeEntryHeader,
  decodeHeader,
  decodeIndex,
  type Entry,
  encodeEntryHeader,
  encodeHeader,
  encodeIndex,
  FILE_ENTRIES_MAX,
  indexBytes,
  indexBytesOf,
  keyOf,
  TRAILER_BYTES,
} from '../../src/node/cache-file-format.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** All copies of some bytes with one bit changed. */
function* flipped(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    yield bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
  }
}

describe('the bytes of a cache file', () => {
  const entries: Entry[] = [
    { key: 1, length: 2 },
    { key: 2 ** 53 - 1, length: FRAME_BYTES_MAX },
  ]
  // Header, two entries, index and trailer.
  const fileBytes = 24 + 16 + 2 + 16 + FRAME_BYTES_MAX + indexBytes(2)

  test('are those of version 1', () => {
    expect(hex(encodeHeader(258))).toBe('47544b460100000002010000000000003da664618d1ec5df')
    expect(hex(encodeEntryHeader({ key: 2 ** 53 - 1, length: 258 }))).toBe('47544b4502010000ffffffffffff1f00')
    expect(hex(encodeIndex(entries))).toBe('010000000000000002000000ffffffffffff1f0040000400b5a13ffbe9565f290200000047544b49')
    expect(keyOf('123456789')).toBe(Number(0xae8b14860a799888n & (2n ** 53n - 1n)))
    expect(keyOf('')).toBe(0)
  })

  test('a header is what was written, or nothing, whichever bit has changed', () => {
    expect(decodeHeader(encodeHeader(0))).toBe(0)
    expect(decodeHeader(encodeHeader(2 ** 53 - 1))).toBe(2 ** 53 - 1)
    for (const damaged of flipped(encodeHeader(7))) expect(decodeHeader(damaged)).toBeUndefined()
    const unsafe = encodeHeader(0)
    new DataView(unsafe.buffer).setBigUint64(8, 2n ** 53n, true)
    expect(decodeHeader(unsafe)).toBeUndefined()
  })

  test('the header of an entry is one that can be', () => {
    for (const entry of entries) expect(decodeEntryHeader(encodeEntryHeader(entry))).toEqual(entry)
    expect(decodeEntryHeader(encodeEntryHeader({ key: 1, length: 0 }))).toBeUndefined()
    expect(decodeEntryHeader(encodeEntryHeader({ key: 1, length: FRAME_BYTES_MAX + 1 }))).toBeUndefined()
    expect(decodeEntryHeader(encodeEntryHeader({ key: 2 ** 53, length: 1 }))).toBeUndefined()
    expect(decodeEntryHeader(new Uint8Array(16))).toBeUndefined()
  })

  test('an index is what was written, or nothing, whichever bit has changed', () => {
    const index = encodeIndex(entries)
    expect(index).toHaveLength(indexBytes(2))
    expect(indexBytesOf(index.subarray(-TRAILER_BYTES))).toBe(index.length)
    expect(decodeIndex(index, fileBytes)).toEqual(entries)
    for (const damaged of flipped(index)) {
      const byteLength = indexBytesOf(damaged.subarray(-TRAILER_BYTES))
      expect(byteLength === index.length ? decodeIndex(damaged, fileBytes) : undefined).toBeUndefined()
    }
    expect(decodeIndex(encodeIndex([]), 24 + indexBytes(0))).toEqual([])
  })

  test('an index that does not come to the length of its file is none', () => {
    const index = encodeIndex(entries)
    expect(decodeIndex(index, fileBytes - 1)).toBeUndefined()
    expect(decodeIndex(index, fileBytes + 1)).toBeUndefined()
  })

  test('an index with frames that cannot be is none, and so is one of too many', () => {
    expect(decodeIndex(encodeIndex([{ key: 1, length: 0 }]), 24 + 16 + indexBytes(1))).toBeUndefined()
    const trailer = (count: number): Uint8Array => {
      const bytes = encodeIndex([]).slice()
      new DataView(bytes.buffer).setUint32(8, count, true)
      return bytes
    }
    expect(indexBytesOf(trailer(FILE_ENTRIES_MAX))).toBe(indexBytes(FILE_ENTRIES_MAX))
    expect(indexBytesOf(trailer(FILE_ENTRIES_MAX + 1))).toBeUndefined()
    expect(indexBytesOf(trailer(2 ** 32 - 1))).toBeUndefined()
  })
})
