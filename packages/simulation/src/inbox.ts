/** What one side puts in and the other side takes out, in order, as it arrives. */
export class Inbox<T> implements AsyncIterable<T> {
  readonly #items: T[] = []
  #end: { readonly error: unknown } | 'ended' | undefined
  #wake: (() => void) | undefined

  /** Adds an item; ignored after the end. */
  put(item: T): void {
    if (this.#end !== undefined) return
    this.#items.push(item)
    this.#wake?.()
  }

  /** Nothing comes any more. */
  end(): void {
    this.#end ??= 'ended'
    this.#wake?.()
  }

  /** Whoever reads gets what is there already, then this error. */
  fail(error: unknown): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const item = this.#items.shift()
      if (item !== undefined) yield item
      else if (this.#end === 'ended') return
      else if (this.#end !== undefined) throw this.#end.error
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}
