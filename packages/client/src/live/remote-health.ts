import { isTypedError, LSN_NONE, type Lsn } from '@graft-ts/volume'

/** What servers are asked for. */
export type RemoteOperation = 'pull' | 'push' | 'read' | 'watch'

/** How a call to a server failed. */
export interface RemoteFailure {
  readonly operation: RemoteOperation
  readonly error: unknown
  readonly atMs: number
}

/** What is known of the servers of one volume, besides its state: when they answered, how they failed, how far the log is. */
export class RemoteHealth {
  readonly #nowMs: () => number
  readonly #onChange: () => void
  #answeredAtMs: number | undefined
  // One for each operation whose last call failed, oldest first.
  readonly #failures = new Map<RemoteOperation, RemoteFailure>()
  #heardLsn: Lsn = LSN_NONE

  constructor(options: { nowMs: () => number; onChange: () => void }) {
    this.#nowMs = options.nowMs
    this.#onChange = options.onChange
  }

  /** When a meta store last answered, milliseconds since 1970. */
  get answeredAtMs(): number | undefined {
    return this.#answeredAtMs
  }

  /** The newest failure of an operation that has not succeeded since; `undefined`: there is none. */
  get lastFailure(): RemoteFailure | undefined {
    return [...this.#failures.values()].at(-1)
  }

  /** The newest commit that a watch has told of. */
  get heardLsn(): Lsn {
    return this.#heardLsn
  }

  /** A call failed. That its caller gave up says nothing about anybody. */
  failed(operation: RemoteOperation, error: unknown): void {
    if (isTypedError(error) && (error.kind === 'aborted' || error.code === 'CLIENT_CLOSED')) return
    this.#failures.delete(operation)
    this.#failures.set(operation, { operation, error, atMs: this.#nowMs() })
    this.#onChange()
  }

  /** A call to the meta store succeeded. */
  succeeded(operation: RemoteOperation): void {
    this.#failures.delete(operation)
    this.#answeredAtMs = this.#nowMs()
    this.#onChange()
  }

  /** A call that asks nothing of the log succeeded. */
  recovered(operation: RemoteOperation): void {
    if (this.#failures.delete(operation)) this.#onChange()
  }

  /** There is a commit with that LSN. */
  heard(lsn: Lsn): void {
    if (lsn <= this.#heardLsn) return
    this.#heardLsn = lsn
    this.#onChange()
  }
}
