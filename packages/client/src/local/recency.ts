const CHUNK_SHIFT = 10
const CHUNK_WORDS = 2 ** CHUNK_SHIFT / 32
// 2 MiB of marks; more would only come of reads that are strewn over more pages than any budget keeps.
const CHUNKS_MAX = 16_384

/**
 * Which pages were read lately: one mark each, in memory, set by reads and taken away by who looks for pages to drop (the
 * clock algorithm). Costs no write, and is empty after a restart.
 */
export class Recency {
  readonly #chunks = new Map<number, Uint32Array>()
  // Reads tend to stay close.
  #lastIndex = -1
  #last: Uint32Array = new Uint32Array(0)

  mark(pageIndex: number): void {
    const index = pageIndex >>> CHUNK_SHIFT
    if (index !== this.#lastIndex) this.#open(index)
    const word = (pageIndex >>> 5) & (CHUNK_WORDS - 1)
    this.#last[word] = (this.#last[word] as number) | (1 << (pageIndex & 31))
  }

  /** Takes the mark of a page away. Says whether there was one. */
  take(pageIndex: number): boolean {
    const chunk = this.#chunks.get(pageIndex >>> CHUNK_SHIFT)
    if (chunk === undefined) return false
    const word = (pageIndex >>> 5) & (CHUNK_WORDS - 1)
    const bit = 1 << (pageIndex & 31)
    const isMarked = ((chunk[word] as number) & bit) !== 0
    chunk[word] = (chunk[word] as number) & ~bit
    return isMarked
  }

  #open(index: number): void {
    let chunk = this.#chunks.get(index)
    if (chunk === undefined) {
      if (this.#chunks.size >= CHUNKS_MAX) this.#chunks.clear()
      chunk = new Uint32Array(CHUNK_WORDS)
      this.#chunks.set(index, chunk)
    }
    this.#lastIndex = index
    this.#last = chunk
  }
}
