/** Functions that want to be told of something. What one of them throws reaches nobody else: it is nobody's answer, and goes unhandled. */
export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>()

  get isEmpty(): boolean {
    return this.#listeners.size === 0
  }

  /** One more, as often as it is added. Returns what takes it away again. */
  add(listener: (value: T) => void): () => void {
    const own = (value: T): void => listener(value)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** Tells all of them, each in a microtask of its own. */
  tell(value: T): void {
    for (const listener of this.#listeners) {
      queueMicrotask(() => {
        if (this.#listeners.has(listener)) listener(value)
      })
    }
  }
}
