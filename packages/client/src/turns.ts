import { untilAborted } from './errors.ts'

interface Turn {
  /** The newest call that had begun when the turn did. */
  readonly sinceCall: number
  readonly ended: Promise<void>
}

/**
 * Lets calls that got in each other's way go on one after the other, in the order in which they asked, and nobody wait for a call
 * that may be waiting for them.
 */
export class Turns {
  #calls = 0
  #turn: Turn | undefined

  /** A number for a call that begins. */
  begin(): number {
    return ++this.#calls
  }

  /**
   * Waits until it is a call's turn.
   *
   * @returns What ends the turn.
   * @throws ClientError `ABORTED`, `CLIENT_CLOSED`, `VOLUME_FORGOTTEN` when the signal fires before.
   */
  async take(call: number, signal: AbortSignal): Promise<() => void> {
    // What has begun since then may have been called by the one whose turn it is, and is not to wait for its end.
    while (this.#turn !== undefined && call <= this.#turn.sinceCall) await untilAborted(this.#turn.ended, signal)
    if (this.#turn !== undefined) return () => undefined
    let end = (): void => undefined
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    this.#turn = { sinceCall: this.#calls, ended }
    return () => {
      this.#turn = undefined
      end()
    }
  }
}
