/*
 * CRC-64/NVME: polynomial 0xAD93D23594C93659 (reflected 0x9A6C9329AC4BC9B5), initial value and final XOR all ones, input
 * and output reflected. Table-driven, eight bytes a step ("slicing by 8", Kounavis and Berry, 2005). The 64 bits are kept
 * as two 32-bit halves: BigInt arithmetic is some fifty times slower.
 */
const POLYNOMIAL_LOW = 0xac4bc9b5 | 0
const POLYNOMIAL_HIGH = 0x9a6c9329 | 0
const SLICES = 8

// Entry 256 * k + b is the CRC of byte b followed by k zero bytes. Filled at first use, so that importing costs nothing.
const LOW = new Int32Array(256 * SLICES)
const HIGH = new Int32Array(256 * SLICES)

function fillTables(): void {
  for (let byte = 0; byte < 256; byte++) {
    let low = byte
    let high = 0
    for (let bit = 0; bit < 8; bit++) {
      const carry = -(low & 1)
      low = ((low >>> 1) | (high << 31)) ^ (POLYNOMIAL_LOW & carry)
      high = (high >>> 1) ^ (POLYNOMIAL_HIGH & carry)
    }
    LOW[byte] = low
    HIGH[byte] = high
  }
  for (let i = 256; i < 256 * SLICES; i++) {
    const low = LOW[i - 256] as number
    const high = HIGH[i - 256] as number
    LOW[i] = ((low >>> 8) | (high << 24)) ^ (LOW[low & 255] as number)
    HIGH[i] = (high >>> 8) ^ (HIGH[low & 255] as number)
  }
}

/** The running state of a CRC-64/NVME, as two signed 32-bit halves before the final XOR. */
export class Crc64State {
  low = -1
  high = -1

  constructor() {
    if (LOW[1] === 0) fillTables()
  }

  /** Takes in the bytes `start` to `end - 1` of a view. */
  update(view: DataView, start: number, end: number): void {
    let low = this.low
    let high = this.high
    let at = start
    for (const wordsEnd = end - ((end - start) & 7); at < wordsEnd; at += 8) {
      low ^= view.getInt32(at, true)
      high ^= view.getInt32(at + 4, true)
      const b0 = 1792 + (low & 255)
      const b1 = 1536 + ((low >>> 8) & 255)
      const b2 = 1280 + ((low >>> 16) & 255)
      const b3 = 1024 + (low >>> 24)
      const b4 = 768 + (high & 255)
      const b5 = 512 + ((high >>> 8) & 255)
      const b6 = 256 + ((high >>> 16) & 255)
      const b7 = high >>> 24
      low = LOW[b0]! ^ LOW[b1]! ^ LOW[b2]! ^ LOW[b3]! ^ LOW[b4]! ^ LOW[b5]! ^ LOW[b6]! ^ LOW[b7]!
      high = HIGH[b0]! ^ HIGH[b1]! ^ HIGH[b2]! ^ HIGH[b3]! ^ HIGH[b4]! ^ HIGH[b5]! ^ HIGH[b6]! ^ HIGH[b7]!
    }
    for (; at < end; at++) {
      const index = (low ^ view.getUint8(at)) & 255
      low = ((low >>> 8) | (high << 24)) ^ LOW[index]!
      high = (high >>> 8) ^ HIGH[index]!
    }
    this.low = low
    this.high = high
  }

  /** Writes the CRC of what was taken in as eight little-endian bytes at `at`. */
  put(view: DataView, at: number): void {
    view.setInt32(at, ~this.low, true)
    view.setInt32(at + 4, ~this.high, true)
  }

  /** Whether the CRC of what was taken in equals the eight little-endian bytes at `at`. */
  matches(view: DataView, at: number): boolean {
    return ~this.low === view.getInt32(at, true) && ~this.high === view.getInt32(at + 4, true)
  }
}
