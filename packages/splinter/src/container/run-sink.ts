import { lowestBit } from '../bits.ts'
import { BITMAP, type BitmapContainer, type Container, LIST, RUNS, TREE } from './container.ts'

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

  appendContainer(container: Container): void {
    switch (container.kind) {
      case LIST:
        for (let i = 0; i < container.count; i++) this.append(container.data[i]!, container.data[i]!)
        return
      case RUNS:
        for (let i = 0; i < 2 * container.runs; i += 2) this.append(container.data[i]!, container.data[i + 1]!)
        return
      case BITMAP:
        this.#appendBitmap(container)
        return
      case TREE:
        for (let s = container.low; s <= container.high; s++) {
          const child = container.children[s]
          if (child !== undefined) this.appendContainer(child)
        }
    }
  }

  #appendBitmap({ base, words }: BitmapContainer): void {
    for (let i = 0; i < words.length; i++) this.appendBits(base + 32 * i, words[i]!)
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
