import type { Timers } from '@graft-ts/volume'
import type { BodyRoom } from './body-room.ts'
import { ProtocolError } from './errors.ts'

// What a refused body may still send, so that its connection can be used again: more than one message of any store.
const DRAIN_BYTES_MAX = 64 * 2 ** 20

/** What a body may take. */
export interface BodyLimits {
  /** How long it may take to arrive. */
  readonly ms: number
  readonly timers: Timers
  /** Where its bytes count until it is released. */
  readonly room: BodyRoom
}

/**
 * The body of a request, which has to come within a time, and which is read to its end whatever becomes of the call.
 *
 * Over HTTP/1.1 an answer can only be relied upon once the whole request has been taken: whoever still sends when the other side
 * closes loses what that has said, and a refusal would look like an unknown outcome.
 */
export class RequestBody implements AsyncIterableIterator<Uint8Array> {
  /** What the sender says that it is long; `undefined`: it does not say. */
  readonly declaredBytes: number | undefined
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  readonly #limits: BodyLimits
  #isOver: boolean
  /** Whether what arrives is counted; what comes when its call is over is not kept. */
  #isKept = true
  #held = 0
  #refusal: ProtocolError | undefined
  #cancelTimer: (() => void) | undefined

  constructor(request: Request, limits: BodyLimits) {
    const declared = request.headers.get('content-length')
    this.declaredBytes = declared === null ? undefined : Number(declared)
    this.#reader = request.body?.getReader()
    this.#isOver = this.#reader === undefined
    this.#limits = limits
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Throws {@link ProtocolError} `BODY_TIMEOUT`, `REQUESTS_TOO_MANY`; what reading from the sender throws. */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#reader === undefined || this.#isOver) return { done: true, value: undefined }
    this.#cancelTimer ??= this.#startTimer(this.#reader)
    const { done, value } = await this.#readPiece(this.#reader)
    if (done) {
      this.#isOver = true
      this.#cancelTimer()
      return { done, value: undefined }
    }
    if (this.#isKept) {
      this.#limits.room.take(value.length)
      this.#held += value.length
    }
    return { done, value }
  }

  /** Tells that its bytes are not kept any longer. */
  release(): void {
    this.#isKept = false
    this.#limits.room.release(this.#held)
    this.#held = 0
  }

  /**
   * Takes what is left of it, and forgets it.
   *
   * @returns Whether its end was reached; `false`: it is too long, too slow, or cut off, and its connection is of no more use.
   */
  async drain(): Promise<boolean> {
    this.#isKept = false
    try {
      if (!this.#isOver && (this.declaredBytes ?? 0) > DRAIN_BYTES_MAX) return false
      let bytes = 0
      for await (const chunk of this) {
        bytes += chunk.length
        if (bytes > DRAIN_BYTES_MAX) return false
      }
      return true
    } catch {
      return false
    } finally {
      this.#cancelTimer?.()
    }
  }

  async #readPiece(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<ReadableStreamReadResult<Uint8Array>> {
    try {
      const piece = await reader.read()
      if (this.#refusal === undefined) return piece
    } catch (error) {
      // workerd lets a read fail whose stream is cancelled, where others let it end.
      throw this.#refusal ?? error
    }
    throw this.#refusal
  }

  #startTimer(reader: ReadableStreamDefaultReader<Uint8Array>): () => void {
    const { ms, timers } = this.#limits
    return timers.start(() => {
      this.#refusal = new ProtocolError('BODY_TIMEOUT', `the body of a request took too long, most=${ms} ms`)
      // Ends the read under way; a race for each piece would cost more than reading it.
      reader.cancel().catch(() => undefined)
    }, ms)
  }
}
