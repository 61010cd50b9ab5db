import type { DescMethod, DescService } from '@bufbuild/protobuf'
import { Code, ConnectError, type ContextValues, createContextValues, type HandlerContext } from '@connectrpc/connect'
import { parseTimeout } from '@connectrpc/connect/protocol-connect'
import { TIMER_MS_MAX, type Timers } from '@graft-ts/volume'

/**
 * What a service is told of a call. Connect makes five sets of headers and three signals for each; here there is one signal,
 * and the rest when it is asked for.
 */
export class CallContext implements HandlerContext {
  readonly method: DescMethod
  readonly service: DescService
  readonly requestMethod: string
  readonly protocolName = 'connect'
  readonly requestHeader: Headers
  readonly url: string
  /** What is wrong with the time that the caller gives the call. */
  readonly timeoutError: ConnectError | undefined
  readonly timeoutMs: () => number | undefined
  readonly #controller = new AbortController()
  readonly #requestSignal: AbortSignal
  readonly #follow: () => void
  #cancelTimer: () => void = () => undefined
  #values: ContextValues | undefined
  #responseHeader: Headers | undefined
  #responseTrailer: Headers | undefined

  constructor(request: Request, method: DescMethod, timers: Timers) {
    const { headers, signal, url } = request
    this.method = method
    this.service = method.parent
    this.requestMethod = request.method
    this.requestHeader = headers
    this.url = url
    this.#requestSignal = signal
    this.#follow = () => this.abort(signal.reason)
    const { timeoutMs, error } = parseTimeout(headers.get('connect-timeout-ms'), TIMER_MS_MAX)
    this.timeoutError = error
    const endMs = timeoutMs === undefined ? undefined : Date.now() + timeoutMs
    this.timeoutMs = () => (endMs === undefined ? undefined : endMs - Date.now())
    if (timeoutMs !== undefined && error === undefined) {
      this.#cancelTimer = timers.start(
        () => this.abort(new ConnectError('the operation timed out', Code.DeadlineExceeded)),
        timeoutMs,
      )
    }
    if (signal.aborted) this.#follow()
    else signal.addEventListener('abort', this.#follow)
  }

  /** Fires when the call is over, its caller has gone, or its time has passed. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get values(): ContextValues {
    return (this.#values ??= createContextValues())
  }

  get responseHeader(): Headers {
    return (this.#responseHeader ??= new Headers())
  }

  get responseTrailer(): Headers {
    return (this.#responseTrailer ??= new Headers())
  }

  /** The headers of an answer without a stream: those that a service has set, its trailers under the names that Connect has for them. */
  answerHeaders(contentType: string): Headers {
    const headers = this.#responseHeader ?? new Headers()
    for (const [name, value] of this.#responseTrailer ?? []) headers.append(`trailer-${name}`, value)
    headers.set('content-type', contentType)
    return headers
  }

  /** Ends the call. Further calls do nothing. */
  abort(reason: unknown): void {
    this.#cancelTimer()
    this.#requestSignal.removeEventListener('abort', this.#follow)
    this.#controller.abort(reason)
  }
}
