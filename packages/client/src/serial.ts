/** Runs tasks one after the other, in the order in which they were handed over. A task that fails stops nobody. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs a task when all earlier ones have ended. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task)
    this.#last = result.catch(() => undefined)
    return result
  }

  /** Settles when everything that was handed over so far has ended. */
  async idle(): Promise<void> {
    await this.#last
  }
}
