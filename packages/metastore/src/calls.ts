import type { HandlerContext } from '@connectrpc/connect'
import { toConnectError } from '@graft-ts/protocol'
import { isTypedError, type VolumeId } from '@graft-ts/volume'
import { storeFailure } from './errors.ts'
import type { MetaMethod, MetastoreLog } from './events.ts'
import type { Counters } from './metrics.ts'

/** One call of the service, and what is known of it by the time it fails. */
export interface Call {
  readonly method: MetaMethod
  readonly headers: Headers
  /** Fires when the caller has gone or the call is over. */
  readonly signal: AbortSignal
  volumeId?: VolumeId
  principal?: string
}

/** What happens to every call, whatever it is about: it is counted, and its failure is told to the log and to its caller. */
export class Calls {
  readonly #log: MetastoreLog
  readonly #counters: Counters

  constructor(log: MetastoreLog, counters: Counters) {
    this.#log = log
    this.#counters = counters
  }

  /** A call with one answer. */
  async answer<T>(method: MetaMethod, context: HandlerContext, run: (call: Call) => Promise<T>): Promise<T> {
    const call = this.#begin(method, context)
    try {
      return await run(call)
    } catch (error) {
      throw this.#failed(call, error)
    }
  }

  /** A call with a stream of answers. */
  async *stream<T>(
    method: MetaMethod,
    context: HandlerContext,
    run: (call: Call) => AsyncGenerator<T, void, undefined>,
  ): AsyncGenerator<T, void, undefined> {
    const call = this.#begin(method, context)
    try {
      yield* run(call)
    } catch (error) {
      throw this.#failed(call, error)
    }
  }

  #begin(method: MetaMethod, { requestHeader, signal }: HandlerContext): Call {
    this.#counters[COUNTER_OF[method]] += 1
    return { method, headers: requestHeader, signal }
  }

  #failed(call: Call, error: unknown) {
    this.#counters.failedRequests += 1
    const told = storeFailure(error)
    const { method, volumeId, principal } = call
    this.#log({ type: 'request-failed', method, volumeId, principal, ...kindAndCode(told), error })
    return toConnectError(told)
  }
}

const COUNTER_OF = {
  pull: 'pulls',
  commit: 'commits',
  getSnapshot: 'snapshots',
  history: 'histories',
  watch: 'watches',
} as const satisfies Record<MetaMethod, keyof Counters>

/** What an event says of an error. */
export function kindAndCode(error: unknown): { readonly kind: string; readonly code: string } {
  return isTypedError(error) ? { kind: error.kind, code: error.code } : { kind: 'untyped', code: 'UNTYPED' }
}
