import type { ConnectError, HandlerContext } from '@connectrpc/connect'
import type { VolumeId } from '@graft-ts/volume'
import { context as telemetryContext } from '@opentelemetry/api'
import { toConnectError } from '../errors.ts'
import type { CallTelemetry, ObservedCall } from './call-telemetry.ts'
import { type KindAndCode, kindAndCode } from './kind-and-code.ts'

/** A call that was answered with an error. */
export interface CallFailure<Method extends string> extends KindAndCode {
  readonly method: Method
  /** `undefined`: the request named none, or several. */
  readonly volumeId: VolumeId | undefined
  /** `undefined`: the caller was not let in. */
  readonly principal: string | undefined
  /** What was thrown. The client is told kind and code, and the text only of typed errors. */
  readonly error: unknown
}

/** One call of a service, and what is known of it by the time it fails. */
export class Call<Method extends string> {
  readonly method: Method
  readonly headers: Headers
  /** Fires when the caller has gone or the call is over. */
  readonly signal: AbortSignal
  /** `undefined`: nobody was let in yet. */
  principal: string | undefined
  readonly observed: ObservedCall
  #volumeId: VolumeId | undefined
  #onEnd: () => void = () => undefined

  constructor(method: Method, { requestHeader, signal }: HandlerContext, observed: ObservedCall) {
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
  end(error?: KindAndCode): void {
    this.#onEnd()
    this.observed.end(error)
  }
}

/** What {@link Calls} is made of. */
export interface CallsOptions<Method extends string> {
  readonly telemetry: CallTelemetry
  readonly onBegin: (method: Method) => void
  readonly onFailed: (failure: CallFailure<Method>) => void
  /** What a caller is told about an error. */
  readonly told: (error: unknown) => unknown
}

/** What happens to every call, whatever it is about: it is counted, and its failure is told to the log and to its caller. */
export class Calls<Method extends string> {
  readonly #options: CallsOptions<Method>

  constructor(options: CallsOptions<Method>) {
    this.#options = options
  }

  /** A call with one answer. */
  async answer<T>(method: Method, context: HandlerContext, run: (call: Call<Method>) => Promise<T>): Promise<T> {
    const call = this.#begin(method, context)
    try {
      const answer = await telemetryContext.with(call.observed.context, () => run(call))
      call.end()
      return answer
    } catch (error) {
      const { facts, answer } = this.#failed(call, error)
      call.end(facts)
      throw answer
    }
  }

  /** A call with a stream of answers. It may be left before its end. */
  async *stream<T>(
    method: Method,
    context: HandlerContext,
    run: (call: Call<Method>) => AsyncGenerator<T, void, undefined>,
  ): AsyncGenerator<T, void, undefined> {
    const call = this.#begin(method, context)
    let failure: KindAndCode | undefined
    try {
      yield* run(call)
    } catch (error) {
      const { facts, answer } = this.#failed(call, error)
      failure = facts
      throw answer
    } finally {
      call.end(failure)
    }
  }

  #begin(method: Method, context: HandlerContext): Call<Method> {
    this.#options.onBegin(method)
    return new Call(method, context, this.#options.telemetry.begin(method, context.requestHeader))
  }

  #failed(call: Call<Method>, error: unknown): { readonly facts: KindAndCode; readonly answer: ConnectError } {
    const told = this.#options.told(error)
    const facts = kindAndCode(told)
    const { method, volumeId, principal } = call
    this.#options.onFailed({ method, volumeId, principal, ...facts, error })
    return { facts, answer: toConnectError(told) }
  }
}
