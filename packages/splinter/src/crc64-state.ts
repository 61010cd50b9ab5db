/*
 * CRC-64/NVME: polynomial 0xAD93D23594C93659 (reflected 0x9A6C9329AC4BC9B5), initial value and final XOR all ones, input
 * and output reflected. Table-driven, eight bytes a step ("slicing by 8", Kounavis and Berry, 2005), and two steps at a time
 * that do not wait for each other: each has every other eight bytes ("braiding", Kadatch and Jenkins, 2010). The 64 bits are
 * kept as two 32-bit halves: BigInt arithmetic is some fifty times slower.
 */
const POLYNOMIAL_LOW = 0xac4bc9b5 | 0
const POLYNOMIAL_HIGH = 0x9a6c9329 | 0
// Eight for a step by itself, eight more for a step that skips the other's eight bytes.
const SLICES = 16
// Two steps at a time, and one more of each to join them.
const BRAID_BYTES_MIN = 32

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
  /** What the second of two braids has for the eight bytes after the next. */
  #pendingLow = 0
  #pendingHigh = 0

  constructor() {
    if (LOW[1] === 0) fillTables()
  }

  /** Takes in the bytes `start` to `end - 1` of a view. */
  update(view: DataView, start: number, end: number): void {
    this.#step(view, end - start < BRAID_BYTES_MIN ? start : this.#braid(view, start, end), end)
  }

  /**
   * Takes in pairs of eight bytes, as long as two more pairs are there.
   *
   * Each index is used at once for both halves: held back for later, they would not fit into a processor's registers.
   *
   * @returns Where the rest begins, 16 bytes or more.
   */
  #braid(view: DataView, start: number, end: number): number {
    let low = this.low
    let high = this.high
    let low2 = 0
    let high2 = 0
    let place = start
    for (const last = end - BRAID_BYTES_MIN; place <= last; place += 16) {
      low ^= view.getInt32(place, true)
      high ^= view.getInt32(place + 4, true)
      low2 ^= view.getInt32(place + 8, true)
      high2 ^= view.getInt32(place + 12, true)
      let at = 3840 + (low & 255)
      let nextLow = LOW[at]!
      let nextHigh = HIGH[at]!
      at = 3584 + ((low >>> 8) & 255)
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      at = 3328 + ((low >>> 16) & 255)
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      at = 3072 + (low >>> 24)
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      at = 2816 + (high & 255)
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      at = 2560 + ((high >>> 8) & 255)
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      at = 2304 + ((high >>> 16) & 255)
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      at = 2048 + (high >>> 24)
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      low = nextLow
      high = nextHigh
      at = 3840 + (low2 & 255)
      let nextLow2 = LOW[at]!
      let nextHigh2 = HIGH[at]!
      at = 3584 + ((low2 >>> 8) & 255)
      nextLow2 ^= LOW[at]!
      nextHigh2 ^= HIGH[at]!
      at = 3328 + ((low2 >>> 16) & 255)
      nextLow2 ^= LOW[at]!
      nextHigh2 ^= HIGH[at]!
      at = 3072 + (low2 >>> 24)
      nextLow2 ^= LOW[at]!
      nextHigh2 ^= HIGH[at]!
      at = 2816 + (high2 & 255)
      nextLow2 ^= LOW[at]!
      nextHigh2 ^= HIGH[at]!
      at = 2560 + ((high2 >>> 8) & 255)
      nextLow2 ^= LOW[at]!
      nextHigh2 ^= HIGH[at]!
      at = 2304 + ((high2 >>> 16) & 255)
      nextLow2 ^= LOW[at]!
      nextHigh2 ^= HIGH[at]!
      at = 2048 + (high2 >>> 24)
      nextLow2 ^= LOW[at]!
      nextHigh2 ^= HIGH[at]!
      low2 = nextLow2
      high2 = nextHigh2
    }
    this.low = low
    this.high = high
    this.#pendingLow = low2
    this.#pendingHigh = high2
    return place
  }

  /** Takes in eight bytes at a time and what is left one by one, together with what the second braid has left. */
  #step(view: DataView, start: number, end: number): void {
    let low = this.low
    let high = this.high
    let pendingLow = this.#pendingLow
    let pendingHigh = this.#pendingHigh
    let place = start
    for (const last = end - 8; place <= last; place += 8) {
      low ^= view.getInt32(place, true)
      high ^= view.getInt32(place + 4, true)
      let at = 1792 + (low & 255)
      let nextLow = LOW[at]!
      let nextHigh = HIGH[at]!
      at = 1536 + ((low >>> 8) & 255)
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      at = 1280 + ((low >>> 16) & 255)
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      at = 1024 + (low >>> 24)
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      at = 768 + (high & 255)
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      at = 512 + ((high >>> 8) & 255)
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      at = 256 + ((high >>> 16) & 255)
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      at = high >>> 24
      nextLow ^= LOW[at]!
      nextHigh ^= HIGH[at]!
      low = nextLow ^ pendingLow
      high = nextHigh ^ pendingHigh
      pendingLow = 0
      pendingHigh = 0
    }
    for (; place < end; place++) {
      const at = (low ^ view.getUint8(place)) & 255
      low = ((low >>> 8) | (high << 24)) ^ LOW[at]!
      high = (high >>> 8) ^ HIGH[at]!
    }
    this.low = low
    this.high = high
    this.#pendingLow = 0
    this.#pendingHigh = 0
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
