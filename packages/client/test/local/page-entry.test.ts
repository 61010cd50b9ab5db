import type { Lsn } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { ClientError } from '../../src/index.ts'
import { decodePage, decodePageEntry, encodePage, encodePageEntry, newPage, type PageEntry } from '../../src/local/page-entry.ts'

const page = Uint8Array.from({ length: 512 }, (_, i) => i * 7)
const entries: PageEntry[] = [
  { from: 1 as Lsn, to: undefined, content: { type: 'zero' } },
  { from: 3 as Lsn, to: 9 as Lsn, content: { type: 'zero' } },
  { from: (2 ** 53 - 2) as Lsn, to: (2 ** 53 - 1) as Lsn, content: { type: 'bytes', bytes: page } },
  { from: 4 as Lsn, to: undefined, content: { type: 'local', sequence: 2 ** 40 } },
]

describe('page entries', () => {
  test.each(entries)('come back as they were: $content.type', (entry) => {
    expect(decodePageEntry(encodePageEntry(entry))).toEqual(entry)
  })

  test('pages come back as they were', () => {
    expect(decodePage(encodePage(page))).toEqual(page)
  })

  test('a page that has room for its checksum is stored as it is, any other is copied', () => {
    const roomy = newPage(page.length)
    expect(roomy).toEqual(new Uint8Array(page.length))
    roomy.set(page)
    expect(encodePage(roomy)).toEqual(encodePage(page))
    expect(encodePage(roomy).buffer).toBe(roomy.buffer)
    expect(roomy).toEqual(page)
    // As far from the beginning, but with something behind it, that may be another's.
    for (const [before, behind] of [
      [4, 1],
      [5, 0],
      [4, 4],
      [0, 4],
    ] as const) {
      const around = new Uint8Array(before + page.length + behind).fill(9)
      const inside = around.subarray(before, before + page.length)
      inside.set(page)
      expect(decodePage(encodePage(inside))).toEqual(page)
      expect(around.subarray(0, before)).toEqual(new Uint8Array(before).fill(9))
    }
  })

  test('I11: any flipped bit of a page is noticed', () => {
    const bytes = encodePage(page)
    for (let bit = 0; bit < bytes.length * 8; bit += 13) {
      const damaged = Uint8Array.from(bytes)
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(() => decodePage(damaged)).toThrow(ClientError)
    }
  })

  test('I11: a truncated entry, or one with too much, is damage', () => {
    for (const entry of entries) {
      const bytes = encodePageEntry(entry)
      for (let length = 0; length < bytes.length; length += 5) {
        expect(() => decodePageEntry(bytes.subarray(0, length)), `${entry.content.type} ${length}`).toThrow(ClientError)
      }
      const longer = new Uint8Array(bytes.length + 1)
      longer.set(bytes)
      expect(() => decodePageEntry(longer)).toThrow(ClientError)
    }
  })

  test('an unknown content is damage', () => {
    const bytes = encodePageEntry(entries[0] as PageEntry)
    bytes[0] = 3
    expect(() => decodePageEntry(bytes)).toThrow(expect.objectContaining({ kind: 'corrupt', code: 'LOCAL_STORE_CORRUPT' }))
  })
})
