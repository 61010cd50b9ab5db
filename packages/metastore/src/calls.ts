import type { HandlerContext } from '@connectrpc/connect'
import { toConnectError } from '@graft-ts/protocol'
import { isTypedError, type VolumeId } from '@graft-ts/volume'
import { context as telemetryContext } from '@opentelemetry/api'
import { storeFailure } from './errors.ts'
import type { MetaMethod, MetastoreLog } from './events.ts'
import type { Counters } from './metrics.ts'
import type { ObservedCall, Telemetry } from './telemetry.ts'

/** One call of the service, and what is known of it by the time it fails. */
export class Call {
  readonly method: MetaMethod
  readonly headers: Headers
  /** Fires when the caller has gone or the call is over. */
  readonly signal: AbortSignal
  /** `undefined`: nobody was let in yet. */
  principal: string | undefined
  readonly observed: ObservedCall
  #volumeId: VolumeId | undefined
  #onEnd: () => void = () => undefined

  constructor(method: MetaMethod, { requestHeader, signal }: HandlerContext, observed: ObservedCall) {
    this.method = method
    this.headers = requestHeader
    this.signal = signal
    this.observed = observed
  }

  /** `undefined`: it names none, or several. */
  get volumeId(): VolumeId | undefined {
    return this.#volumeId
  }

  /** Notes which volume it is about. */
  about(volumeId: VolumeId): void {
    this.#volumeId = volumeId
    this.observed.describe({ 'graft.volume.id': volumeId })
  }

  /** Has a function called when the call is over. */
  onEnd(run: () => void): void {
    this.#onEnd = run
  }

  /** Ends it. `error`: what it was answered with. */
  end(error?: { readonly kind: string; readonly code: string }): void {
    this.#onEnd()
    this.observed.end(error)
  }
}

/** What happens to every call, whatever it is about: it is counted, and its failure is told to the log and to its caller. */
export class Calls {
  readonly #log: MetastoreLog
  readonly #counters: Counters
  readonly #telemetry: Telemetry

  constructor(log: MetastoreLog, counters: Counters, telemetry: Telemetry) {
    this.#log = log
    this.#counters = counters
    this.#telemetry = telemetry
  }

  /** A call with one answer. */
  async answer<T>(method: MetaMethod, context: HandlerContext, run: (call: Call) => Promise<T>): Promise<T> {
    const call = this.#begin(method, context)
    try {
      const answer = await telemetryContext.with(call.observed.context, () => run(call))
      call.end()
      return answer
    } catch (error) {
      throw this.#failed(call, error)
    }
  }

  /** A call with a stream of answers. It may be left before its end. */
  async *stream<T>(
    method: MetaMethod,
    context: HandlerContext,
    run: (call: Call) => AsyncGenerator<T, void, undefined>,
  ): AsyncGenerator<T, void, undefined> {
    const call = this.#begin(method, context)
    let failure: { readonly kind: string; readonly code: string } | undefined
    try {
      yield* run(call)
    } catch (error) {
      failure = this.#reported(call, error)
      throw toConnectError(storeFailure(error))
    } finally {
      call.end(failure)
    }
  }

  #begin(method: MetaMethod, context: HandlerContext): Call {
    this.#counters[COUNTER_OF[method]] += 1
    return new Call(method, context, this.#telemetry.begin(method, context.requestHeader))
  }

  #failed(call: Call, error: unknown) {
    call.end(this.#reported(call, error))
    return toConnectError(storeFailure(error))
  }

  #reported(call: Call, error: unknown): { readonly kind: string; readonly code: string } {
    this.#counters.failedRequests += 1
    const facts = kindAndCode(storeFailure(error))
    const { method, volumeId, principal } = call
    this.#log({ type: 'request-failed', method, volumeId, principal, ...facts, error })
    return facts
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
