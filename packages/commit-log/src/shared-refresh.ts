/**
 * Lets callers share a question without any of them getting an answer that is older than its call: who comes while it is
 * being asked waits for the next time, together with all others who come meanwhile. However many ask, it is asked by one at
 * a time.
 */
export class SharedRefresh<T> {
  readonly #ask: () => Promise<T>
  #running: Promise<T> | undefined
  #next: Promise<T> | undefined

  /** @param ask Its work must begin after it is called. */
  constructor(ask: () => Promise<T>) {
    this.#ask = ask
  }

  /** An answer that was looked for after this call. */
  get(): Promise<T> {
    if (this.#running === undefined) return this.#start()
    this.#next ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    )
    return this.#next
  }

  #start(): Promise<T> {
    this.#next = undefined
    const running = this.#ask().finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }
}
