import { type FrameCodec, webFrameCodec, type ZstdCodec } from '../../src/index.ts'
import { createNodeFrameCodec } from '../../src/node.ts'

/*
 * Raw DEFLATE with the fixed Huffman codes, whose only matches repeat the byte before, 258 or 10 times: the same bytes from every version of
 * every runtime, which real compressors do not promise. Expanding is the real codec's part.
 */
export const fixedCodec: FrameCodec = {
  ...webFrameCodec,
  deflateRaw: async (raw) => deflateFixed(raw),
  zstd: { ...(createNodeFrameCodec().zstd as ZstdCodec), compress: async (raw) => zstdRepeated(raw) },
}

/** A Zstandard frame of one block that repeats a byte: RFC 8878, by hand. For 256 to 65,791 equal bytes. */
function zstdRepeated(raw: Uint8Array): Uint8Array<ArrayBuffer> {
  if (raw.some((byte) => byte !== raw[0])) throw new Error('only equal bytes are repeated')
  // Magic; one segment, whose length stands in two bytes, less 256.
  const header = [0x28, 0xb5, 0x2f, 0xfd, 0x60, (raw.length - 256) & 0xff, (raw.length - 256) >> 8]
  // The last block, which repeats.
  const block = (raw.length << 3) | 0b011
  return Uint8Array.from([...header, block & 0xff, (block >> 8) & 0xff, block >> 16, raw[0] as number])
}

// Length 258 and length 10: their codes, which have no extra bits.
const MATCHES = [
  { length: 258, code: 0b11000101, bits: 8 },
  { length: 10, code: 0b0001000, bits: 7 },
]

function deflateFixed(raw: Uint8Array): Uint8Array<ArrayBuffer> {
  const bits: number[] = []
  // Huffman codes go out from their highest bit, other numbers from their lowest.
  const code = (value: number, length: number): void => {
    for (let bit = length - 1; bit >= 0; bit--) bits.push((value >> bit) & 1)
  }
  // The last block, with fixed codes.
  bits.push(1, 1, 0)
  for (let at = 0; at < raw.length; ) {
    const byte = raw[at] as number
    const match = MATCHES.find(({ length }) => at > 0 && repeats(raw, at, length))
    if (match !== undefined) {
      code(match.code, match.bits)
      // Distance 1.
      code(0, 5)
      at += match.length
      continue
    }
    if (byte < 144) code(0x30 + byte, 8)
    else code(0x190 + byte - 144, 9)
    at++
  }
  code(0, 7)
  const bytes = new Uint8Array(Math.ceil(bits.length / 8))
  for (const [i, bit] of bits.entries()) bytes[i >> 3] = (bytes[i >> 3] as number) | (bit << (i & 7))
  return bytes
}

function repeats(raw: Uint8Array, at: number, length: number): boolean {
  if (at + length > raw.length) return false
  for (let i = 0; i < length; i++) if (raw[at + i] !== raw[at - 1]) return false
  return true
}
