/** Whether words in memory have the byte order of the format, so that they can be copied as they are. */
export const IS_LITTLE_ENDIAN: boolean = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

/** How many bits of a 32-bit word are set. */
export function popcount(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555)
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333)
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** How many bits are set in the words `start` to `end - 1`. */
export function countBits(words: Uint32Array, start: number, end: number): number {
  let count = 0
  let i = start
  for (; i + 3 <= end; i += 3) count += popcount3(words[i]!, words[i + 1]!, words[i + 2]!)
  for (; i < end; i++) count += popcount(words[i]!)
  return count
}

/** How many bits of three words are set: their sums of four bits each are added before they are folded, 12 fit into 4 bits. */
function popcount3(a: number, b: number, c: number): number {
  const x = a - ((a >>> 1) & 0x55555555)
  const y = b - ((b >>> 1) & 0x55555555)
  const z = c - ((c >>> 1) & 0x55555555)
  const nibbles =
    (x & 0x33333333) +
    ((x >>> 2) & 0x33333333) +
    (y & 0x33333333) +
    ((y >>> 2) & 0x33333333) +
    (z & 0x33333333) +
    ((z >>> 2) & 0x33333333)
  return Math.imul((nibbles & 0x0f0f0f0f) + ((nibbles >>> 4) & 0x0f0f0f0f), 0x01010101) >>> 24
}

/** How many bits are set in the bytes `start` to `end - 1`, whose number divides by four. */
export function countBitsOfBytes(view: DataView, start: number, end: number): number {
  let count = 0
  let at = start
  for (; at + 12 <= end; at += 12)
    count += popcount3(view.getInt32(at, true), view.getInt32(at + 4, true), view.getInt32(at + 8, true))
  for (; at < end; at += 4) count += popcount(view.getInt32(at, true))
  return count
}

/** Bits `bit` and above of a word. */
export function bitsFrom(bit: number): number {
  return -1 << bit
}

/** Bits up to and including `bit` of a word. */
export function bitsUpTo(bit: number): number {
  return -1 >>> (31 - bit)
}

/** The position of the lowest set bit of a word that is not 0. */
export function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word)
}

/** The position of the `index`-th set bit of a word, counted from 0; the word has more than `index`. */
export function selectBit(word: number, index: number): number {
  let rest = word
  for (let i = 0; i < index; i++) rest &= rest - 1
  return lowestBit(rest)
}

/** Sets the bits `first` to `last`, both inclusive. */
export function setBits(words: Uint32Array, first: number, last: number): void {
  applyMask(words, first, last, (words, i, mask) => (words[i]! |= mask), -1)
}

/** Clears the bits `first` to `last`, both inclusive. */
export function clearBits(words: Uint32Array, first: number, last: number): void {
  applyMask(words, first, last, (words, i, mask) => (words[i]! &= ~mask), 0)
}

/** Inverts the bits `first` to `last`, both inclusive. */
export function flipBits(words: Uint32Array, first: number, last: number): void {
  applyMask(words, first, last, (words, i, mask) => (words[i]! ^= mask), undefined)
}

type MaskStep = (words: Uint32Array, index: number, mask: number) => void

function applyMask(words: Uint32Array, first: number, last: number, step: MaskStep, fill: number | undefined): void {
  const firstWord = first >>> 5
  const lastWord = last >>> 5
  if (firstWord === lastWord) {
    step(words, firstWord, bitsFrom(first & 31) & bitsUpTo(last & 31))
    return
  }
  step(words, firstWord, bitsFrom(first & 31))
  if (fill === undefined) for (let i = firstWord + 1; i < lastWord; i++) step(words, i, -1)
  else words.fill(fill, firstWord + 1, lastWord)
  step(words, lastWord, bitsUpTo(last & 31))
}

/** How many of the bits `first` to `last`, both inclusive, are set. */
export function countBitsBetween(words: Uint32Array, first: number, last: number): number {
  const firstWord = first >>> 5
  const lastWord = last >>> 5
  if (firstWord === lastWord) return popcount(words[firstWord]! & bitsFrom(first & 31) & bitsUpTo(last & 31))
  const ends = popcount(words[firstWord]! & bitsFrom(first & 31)) + popcount(words[lastWord]! & bitsUpTo(last & 31))
  return ends + countBits(words, firstWord + 1, lastWord)
}

/** How many maximal runs of set bits the words `start` to `end - 1` hold, seen as one row of bits. */
export function countBitRuns(words: Uint32Array, start: number, end: number): number {
  let runs = 0
  let before = 0
  let i = start
  for (; i + 3 <= end; i += 3) {
    const a = words[i]!
    const b = words[i + 1]!
    const c = words[i + 2]!
    runs += popcount3(a & ~((a << 1) | before), b & ~((b << 1) | (a >>> 31)), c & ~((c << 1) | (b >>> 31)))
    before = c >>> 31
  }
  for (; i < end; i++) {
    const word = words[i]!
    runs += popcount(word & ~((word << 1) | before))
    before = word >>> 31
  }
  return runs
}
