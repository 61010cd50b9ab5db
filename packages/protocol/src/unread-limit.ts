import type { Timers } from '@graft-ts/volume'
import { ProtocolError } from './errors.ts'

/** How long an answer in pieces may lie unread. */
export interface UnreadOptions {
  /** Milliseconds between a piece and the reader's wish for the next. */
  readonly ms: number
  readonly timers: Timers
}

/** Notices a reader that stands still in the middle of an answer: what a store holds for it could otherwise be held for ever. */
export class UnreadLimit {
  readonly #options: UnreadOptions
  readonly #giveUp: (reason: ProtocolError) => void
  #cancelTimer: () => void = () => undefined

  /** @param giveUp Called once if the reader stands still for too long. */
  constructor(options: UnreadOptions, giveUp: (reason: ProtocolError) => void) {
    this.#options = options
    this.#giveUp = giveUp
  }

  /** A piece is there for the reader to take. */
  offered(): void {
    const { ms, timers } = this.#options
    this.#cancelTimer = timers.start(() => {
      this.#giveUp(new ProtocolError('ANSWER_UNREAD', `nothing of the answer was taken for ${ms} ms`))
    }, ms)
  }

  /** The reader asks for more, or needs nothing any more. */
  asked(): void {
    this.#cancelTimer()
  }
}

/** A stream that fails, and lets go of its source, when its reader stands still. */
export function withUnreadLimit(body: ReadableStream<Uint8Array>, options: UnreadOptions): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let fail: (reason: unknown) => void = () => undefined
  const limit = new UnreadLimit(options, (reason) => {
    fail(reason)
    reader.cancel(reason).catch(() => undefined)
  })
  const source: UnderlyingDefaultSource<Uint8Array> = {
    start: (controller) => {
      fail = (reason) => controller.error(reason)
      limit.offered()
    },
    pull: async (controller) => {
      limit.asked()
      const next = await reader.read()
      if (next.done) {
        controller.close()
        return
      }
      controller.enqueue(next.value)
      limit.offered()
    },
    cancel: (reason) => {
      limit.asked()
      return reader.cancel(reason)
    },
  }
  return new ReadableStream(source, { highWaterMark: 0 })
}
