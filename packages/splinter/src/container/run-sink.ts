import { lowestBit } from '../bits.ts'

/** Collects runs in ascending order and joins those that touch. */
export class RunSink {
  /** Pairs of first and last value; the first `2 * runs` elements count. */
  data: Uint32Array
  runs = 0
  count = 0

  /** @param room How many runs fit before it has to grow. */
  constructor(room: number) {
    this.data = new Uint32Array(2 * room)
  }

  append(first: number, last: number): void {
    this.count += last - first + 1
    const end = 2 * this.runs
    if (end > 0 && this.data[end - 1]! + 1 === first) {
      this.data[end - 1] = last
      return
    }
    if (end === this.data.length) {
      const grown = new Uint32Array(Math.max(16, 2 * end))
      grown.set(this.data)
      this.data = grown
    }
    this.data[end] = first
    this.data[end + 1] = last
    this.runs++
  }

  /** The runs of a word, whose lowest bit stands for `base`. */
  appendBits(base: number, word: number): void {
    if (word >>> 0 === 0xffffffff) {
      this.append(base, base + 31)
      return
    }
    let rest = word
    let low = base
    while (rest !== 0) {
      const zeros = lowestBit(rest)
      rest >>>= zeros
      low += zeros
      const ones = lowestBit(~rest)
      this.append(low, low + ones - 1)
      rest >>>= ones
      low += ones
    }
  }
}
