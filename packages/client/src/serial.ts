import { abortError } from './errors.ts'

/** Runs tasks one after the other, in the order in which they were handed over. A task that fails stops nobody. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve()
  #ended: { readonly error: unknown } | undefined

  /** Runs a task when all earlier ones have ended. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(() => {
      if (this.#ended !== undefined) throw this.#ended.error
      return task()
    })
    this.#last = result.catch(() => undefined)
    return result
  }

  /**
   * As {@link run}, but whoever gives up before it is their turn need not wait for it.
   *
   * @param task Runs in its turn all the same; it looks itself whether the signal has fired.
   */
  runUntilAborted<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(abortError(signal))
      signal.addEventListener('abort', giveUp)
      const begin = (): Promise<T> => {
        signal.removeEventListener('abort', giveUp)
        return task()
      }
      this.run(begin).then(resolve, reject)
    })
  }

  /** Makes tasks that have not begun yet fail, and all later ones. */
  end(error: unknown): void {
    this.#ended = { error }
  }

  /** Settles when everything that was handed over so far has ended. */
  async idle(): Promise<void> {
    await this.#last
  }
}
