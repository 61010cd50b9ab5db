import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  clientIdFromBytes,
  commitIdFromBytes,
  type IdSource,
  idTimestampMs,
  idToBytes,
  newClientId,
  newCommitId,
  newSegmentId,
  newVolumeId,
  parseClientId,
  parseCommitId,
  parseSegmentId,
  parseVolumeId,
  segmentIdFromBytes,
  volumeIdFromBytes,
} from '../src/index.ts'

const at = (nowMs: number, fill = 7): IdSource => ({
  nowMs: () => nowMs,
  randomBytes: (length) => new Uint8Array(length).fill(fill),
})

const nouns = [
  ['volume', 0x80, newVolumeId, parseVolumeId, volumeIdFromBytes],
  ['segment', 0xa0, newSegmentId, parseSegmentId, segmentIdFromBytes],
  ['client', 0xc0, newClientId, parseClientId, clientIdFromBytes],
  ['commit', 0xe0, newCommitId, parseCommitId, commitIdFromBytes],
] as const

describe.each(nouns)('%s id', (_, prefix, make, parse, fromBytes) => {
  test('has 22 characters and 16 bytes, and both forms convert', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31), fc.nat(255), (nowMs, fill) => {
        const id = make(at(nowMs * 1000, fill))
        expect(id).toHaveLength(22)
        expect(parse(id)).toBe(id)
        const bytes = idToBytes(id)
        expect(bytes).toHaveLength(16)
        expect(bytes[0]).toBe(prefix)
        expect(fromBytes(bytes)).toBe(id)
        expect(idTimestampMs(id)).toBe(nowMs * 1000)
      }),
    )
  })

  test('sorts by creation time in both forms', () => {
    const times = [0, 1, 255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 1_700_000_000_000, 2 ** 48 - 1]
    const ids = times.map((nowMs, i) => make(at(nowMs, 255 - i)))
    expect(ids.toSorted()).toEqual(ids)
  })

  test.each(['', 'abc', '0'.repeat(22), 'l'.repeat(22), '1'.repeat(22), 'z'.repeat(22), '2'.repeat(23)])('refuses %j', (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'ID_INVALID' }))
  })

  test('refuses the ids of other things', () => {
    for (const [, other, otherMake] of nouns) {
      if (other === prefix) continue
      expect(() => parse(otherMake(at(5)))).toThrow(expect.objectContaining({ code: 'ID_INVALID' }))
      expect(() => fromBytes(idToBytes(otherMake(at(5))))).toThrow(expect.objectContaining({ code: 'ID_INVALID' }))
    }
    expect(() => fromBytes(new Uint8Array(15))).toThrow(expect.objectContaining({ code: 'ID_INVALID' }))
  })
})
