import type { AdmitCall } from '../handler.ts'
import { type KindAndCode, kindAndCode } from './kind-and-code.ts'
import type { RequestSlots } from './request-slots.ts'

/** A call that was turned away before its body was read. */
export interface RefusedCall extends KindAndCode {
  /** Such as `Pull`. */
  readonly method: string
  /** What was thrown. */
  readonly error: unknown
}

/**
 * What a handler asks before it reads a body: whether there is room for the call, then whoever else decides.
 *
 * @param options.admit Asked last: the place for rate limits.
 * @param options.onRefused Told of each call that was turned away.
 */
export function admitArrivals(options: {
  readonly slots: RequestSlots
  readonly admit: AdmitCall | undefined
  readonly onRefused: (refused: RefusedCall) => void
}): AdmitCall {
  const { slots, admit, onRefused } = options
  return async (call) => {
    try {
      slots.enter(call.signal)
      await admit?.(call)
    } catch (error) {
      onRefused({ method: call.method, ...kindAndCode(error), error })
      throw error
    }
  }
}
