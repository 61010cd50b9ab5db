import { Crc64Nvme } from '@graft-ts/splinter/crc64'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeHeadHint,
  encodeHeadHint,
  isTypedError,
  type Lsn,
  openRecord,
  RECORD_PAYLOAD_BYTES_MAX,
  sealedLength,
  sealRecord,
} from '../src/index.ts'

describe('sealed record', () => {
  test('what was sealed is opened again, whatever follows it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 50 }), (payload, behind) => {
        const sealed = sealRecord('commit', payload)
        expect(sealedLength(sealed)).toBe(sealed.length)
        const bytes = Uint8Array.from([...sealed, ...behind])
        const opened = openRecord('commit', bytes)
        expect(opened.byteLength).toBe(sealed.length)
        expect(Uint8Array.from(opened.payload)).toEqual(payload)
      }),
    )
  })

  test('I11: any flipped bit is an error', () => {
    const sealed = sealRecord(
      'commit',
      Uint8Array.from({ length: 40 }, (_, i) => i),
    )
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const damaged = Uint8Array.from(sealed)
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(() => openRecord('commit', damaged)).toThrow(expect.objectContaining({ kind: 'corrupt' }))
    }
  })

  test('I11: any cut is an error', () => {
    const sealed = sealRecord('commit', Uint8Array.of(1, 2, 3))
    for (let length = 0; length < sealed.length; length++) {
      expect(() => openRecord('commit', sealed.subarray(0, length))).toThrow(
        expect.objectContaining({ kind: 'corrupt', code: 'RECORD_TRUNCATED' }),
      )
    }
  })

  test('I11: any bytes open or throw a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          openRecord('commit', bytes)
        } catch (error) {
          expect(isTypedError(error)).toBe(true)
        }
      }),
    )
  })

  test('another kind is an error', () => {
    expect(() => openRecord('commit', encodeHeadHint(4 as Lsn))).toThrow(expect.objectContaining({ code: 'RECORD_KIND' }))
  })

  test('a newer version is unsupported, a damaged version byte is corrupt', () => {
    const newer = reseal(sealRecord('head', new Uint8Array(8)), (bytes) => {
      bytes[5] = 2
    })
    expect(() => openRecord('head', newer)).toThrow(expect.objectContaining({ kind: 'unsupported', code: 'RECORD_VERSION' }))
    const damaged = sealRecord('head', new Uint8Array(8))
    damaged[5] = 2
    expect(() => openRecord('head', damaged)).toThrow(expect.objectContaining({ kind: 'corrupt', code: 'RECORD_CHECKSUM' }))
  })

  test('a declared length over the limit is refused before anything is allocated', () => {
    const sealed = sealRecord('head', new Uint8Array(8))
    new DataView(sealed.buffer).setUint32(8, RECORD_PAYLOAD_BYTES_MAX + 1, true)
    expect(() => sealedLength(sealed)).toThrow(expect.objectContaining({ code: 'RECORD_LENGTH' }))
    const longest = sealRecord('head', new Uint8Array(RECORD_PAYLOAD_BYTES_MAX))
    expect(openRecord('head', longest).payload).toHaveLength(RECORD_PAYLOAD_BYTES_MAX)
    expect(() => sealRecord('head', new Uint8Array(RECORD_PAYLOAD_BYTES_MAX + 1))).toThrow(
      expect.objectContaining({ kind: 'exhausted', code: 'RECORD_TOO_LARGE' }),
    )
  })

  test('the head hint holds an LSN', () => {
    for (const lsn of [0, 1, 2 ** 32, 2 ** 53 - 1]) expect(decodeHeadHint(encodeHeadHint(lsn as Lsn))).toBe(lsn)
    expect(() => decodeHeadHint(sealRecord('head', new Uint8Array(7)))).toThrow(
      expect.objectContaining({ code: 'RECORD_CONTENT' }),
    )
    expect(() => decodeHeadHint(sealRecord('head', new Uint8Array(8).fill(255)))).toThrow(
      expect.objectContaining({ code: 'RECORD_CONTENT' }),
    )
  })
})

/** Changes a record and makes its checksum fit again, as an attacker or a newer writer would. */
function reseal(sealed: Uint8Array<ArrayBuffer>, change: (bytes: Uint8Array) => void): Uint8Array {
  change(sealed)
  const sum = new Crc64Nvme().update(sealed.subarray(0, 16)).update(sealed.subarray(24)).digest()
  new DataView(sealed.buffer).setBigUint64(16, sum, true)
  return sealed
}
