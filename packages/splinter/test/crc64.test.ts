import { describe, expect, test } from 'vitest'
import { Crc64Nvme, crc64Nvme } from '../src/crc64.ts'

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The definition, bit by bit, over BigInt. */
function crcByDefinition(bytes: Uint8Array): bigint {
  return bytes.reduce(crcStep, 0xffff_ffff_ffff_ffffn) ^ 0xffff_ffff_ffff_ffffn
}

function crcStep(before: bigint, byte: number): bigint {
  let crc = before ^ BigInt(byte)
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x9a6c_9329_ac4b_c9b5n : crc >> 1n
  return crc
}

const sample = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 2_654_435_761) >>> 13)

describe('crc64Nvme', () => {
  test.each([
    ['', 0n],
    ['123456789', 0xae8b_1486_0a79_9888n],
  ])('the check value of %j', (text, expected) => {
    expect(crc64Nvme(ascii(text))).toBe(expected)
  })

  test.each([
    ['zeros', new Uint8Array(4096), 0x6482_d367_eb22_b64en],
    ['ones', new Uint8Array(4096).fill(0xff), 0xc0dd_ba73_02ec_a3acn],
  ])('the value that the NVM command set specification publishes for 4096 bytes of %s', (_what, bytes, published) => {
    expect(crc64Nvme(bytes)).toBe(published)
  })

  test('agrees with the definition at every length up to 1100', () => {
    // The checksum of each start is that of the one before with a byte more.
    const bytes = sample(1100)
    let crc = 0xffff_ffff_ffff_ffffn
    for (let length = 0; length <= 1100; length++) {
      expect(crc64Nvme(bytes.subarray(0, length))).toBe(crc ^ 0xffff_ffff_ffff_ffffn)
      crc = crcStep(crc, bytes[length] ?? 0)
    }
  })

  test('agrees with the definition at every length up to 80 and every alignment', () => {
    for (let length = 0; length <= 80; length++) {
      for (let start = 0; start < 9; start++) {
        const bytes = sample(length + start).subarray(start)
        expect(crc64Nvme(bytes)).toBe(crcByDefinition(bytes))
      }
    }
  })
})

describe('Crc64Nvme', () => {
  test('does not depend on how the input is cut', () => {
    const bytes = sample(100)
    for (let cut = 0; cut <= 100; cut++) {
      const sum = new Crc64Nvme().update(bytes.subarray(0, cut)).update(bytes.subarray(cut))
      expect(sum.digest()).toBe(crcByDefinition(bytes))
    }
  })

  test('goes on after a digest, and digests twice alike', () => {
    const sum = new Crc64Nvme().update(ascii('1234'))
    expect(sum.digest()).toBe(sum.digest())
    expect(sum.update(ascii('56789')).digest()).toBe(0xae8b_1486_0a79_9888n)
  })

  test('checksums of pieces taken in by turns do not mix', () => {
    const [a, b] = [new Crc64Nvme(), new Crc64Nvme()]
    for (const length of [5, 40, 1023, 1024, 1025, 3]) {
      a.update(sample(length))
      b.update(sample(length).fill(7))
    }
    const whole = [5, 40, 1023, 1024, 1025, 3].flatMap((length) => [...sample(length)])
    expect(a.digest()).toBe(crcByDefinition(Uint8Array.from(whole)))
    expect(b.digest()).toBe(crcByDefinition(new Uint8Array(whole.length).fill(7)))
  })

  test('nothing taken in gives 0', () => {
    expect(new Crc64Nvme().digest()).toBe(0n)
  })
})
