import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
  createMethodImplSpec,
  createServiceImplSpec,
  type HandlerContext,
  type Interceptor,
  type MethodImplSpec,
} from '@connectrpc/connect'
import { type UniversalHandler, type UniversalServerRequest, universalServerResponseToFetch } from '@connectrpc/connect/protocol'
import { codeToHttpStatus, errorFromJsonBytes, errorToJsonBytes } from '@connectrpc/connect/protocol-connect'
import { systemTimers, type Timers } from '@graft-ts/volume'
import { answerStream, STREAM_CONTENT_TYPE, type StreamedMethod } from './answer-stream.ts'
import { answerUnary, UNARY_CONTENT_TYPE, type UnaryMethod } from './answer-unary.ts'
import { BodyRoom } from './body-room.ts'
import { boundedBody } from './bounded-body.ts'
import { ProtocolError, toConnectError } from './errors.ts'
import { readMessage } from './read-message.ts'
import { RequestBody } from './request-body.ts'
import { withUnreadLimit } from './unread-limit.ts'

// Errors get their kind and code where they leave the service, whichever transport carries them.
const wireErrors: Interceptor = (next) => async (request) => {
  try {
    const response = await next(request)
    return response.stream ? { ...response, message: wireIteration(response.message, request.signal) } : response
  } catch (error) {
    throw toConnectError(refusalOf(error) ?? error)
  }
}

async function* wireIteration<T>(messages: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  const iterator = messages[Symbol.asyncIterator]()
  // A reader that goes away leaves the stream standing between two messages. Nothing would ever resume it there, so
  // what the service holds for it would never be released.
  const end = (): void => void iterator.return?.().catch(() => undefined)
  signal.addEventListener('abort', end, { once: true })
  try {
    for await (const message of { [Symbol.asyncIterator]: () => iterator }) yield message
  } catch (error) {
    throw toConnectError(error)
  } finally {
    signal.removeEventListener('abort', end)
  }
}

/**
 * What every router of this protocol is made with. Pages are compressed once, in their frames: never on the wire. Fields
 * that nobody knows are passed over, not kept: as objects they take many times the bytes that a stranger sends for them.
 */
export const ROUTER_OPTIONS: ConnectRouterOptions = {
  connect: true,
  grpc: false,
  grpcWeb: false,
  acceptCompression: [],
  binaryOptions: { readUnknownFields: false },
  interceptors: [wireErrors],
}

/** A call of which only the head has arrived. */
export interface ArrivingCall {
  /** Such as `Pull`. */
  readonly method: string
  readonly headers: Headers
  /** Fires when the call is over, or its caller has gone. */
  readonly signal: AbortSignal
}

/**
 * Decides whether a call is looked at at all, before its body is read: the place for rate limits. What it throws is the
 * answer, such as an error of kind `exhausted` with `retryAfterMs`, or `denied`.
 */
export type AdmitCall = (call: ArrivingCall) => void | Promise<void>

/** What a handler may be made to do for a call before anybody has decided about it. */
export interface FetchHandlerOptions {
  /**
   * Larger messages are refused with `MESSAGE_TOO_LARGE` (kind `exhausted`), by their declared length or as soon as so much
   * has arrived; the rest of such a body is thrown away. JSON is taken up to 64 KiB.
   */
  readonly requestBytesMax: number
  /**
   * Messages with more fields are refused with `MESSAGE_TOO_LARGE` before they are decoded, and the rest of their body is
   * thrown away. Each repetition and each field of a message within counts. Default 16,384.
   */
  readonly fieldsMax?: number
  /** Asked before a body is read. Default: every call is. */
  readonly admit?: AdmitCall
  /**
   * How long a body may take to arrive, in milliseconds; then the call is refused with `BODY_TIMEOUT` (kind `unavailable`).
   * Default 60,000, after which clients give up on a call.
   */
  readonly bodyMsMax?: number
  /**
   * Bytes of the bodies of all calls that are not over. A call whose body would go beyond that is refused with
   * `REQUESTS_TOO_MANY` (kind `exhausted`, with `retryAfterMs`). Default 128 MiB.
   */
  readonly bodiesBytesMax?: number
  /**
   * How long an answer in pieces may lie unread, in milliseconds, before what is held for it is let go and it ends torn, for the
   * reason `ANSWER_UNREAD`. Default 60,000.
   */
  readonly unreadMsMax?: number
  /** Default: the runtime's. */
  readonly timers?: Timers
}

const BODY_MS_MAX_DEFAULT = 60_000
const UNREAD_MS_MAX_DEFAULT = 60_000
const FIELDS_MAX_DEFAULT = 16_384
const BODIES_BYTES_MAX_DEFAULT = 128 * 2 ** 20

/**
 * Makes a service answer plain requests: `POST /graft.v1.MetaService/Pull` and so on. Other paths get a 404, other
 * methods a 405. Never rejects.
 */
export function toFetchHandler(
  routes: (router: ConnectRouter) => void,
  options: FetchHandlerOptions,
): (request: Request) => Promise<Response> {
  const { requestBytesMax, fieldsMax = FIELDS_MAX_DEFAULT, admit, timers = systemTimers } = options
  const room = new BodyRoom(options.bodiesBytesMax ?? BODIES_BYTES_MAX_DEFAULT)
  const bodyLimits = { ms: options.bodyMsMax ?? BODY_MS_MAX_DEFAULT, timers, room }
  const unread = { ms: options.unreadMsMax ?? UNREAD_MS_MAX_DEFAULT, timers }
  const gate = gateOf(admit)
  const router = createConnectRouter({ ...ROUTER_OPTIONS, requestGate: gate, readMaxBytes: requestBytesMax })
  routes(router)
  const handlers = new Map<string, UniversalHandler>(router.handlers.map((handler) => [handler.requestPath, handler]))
  const methods = plainMethods(routes)
  const answerPlain = (request: Request, called: PlainMethod, body: RequestBody): Promise<Response> => {
    const readRequest = (signal: AbortSignal) => {
      signal.throwIfAborted()
      signal.addEventListener('abort', () => body.release(), { once: true })
      return readMessage(called.method, body, { requestBytesMax, fieldsMax })
    }
    const before = { admit: gate, timers, readRequest }
    return isStreamed(called) ? answerStream(request, called, before, unread) : answerUnary(request, called, before)
  }
  const answerOther = async (request: Request, handler: UniversalHandler, body: RequestBody): Promise<Response> => {
    const bounded = boundedBody(body, handler.method, request.headers.get('content-type') ?? '', fieldsMax)
    try {
      const response = await withDetail(universalServerResponseToFetch(await handler(callOf(request, bounded))))
      if (handler.method.methodKind === 'unary' || response.body === null) return response
      return new Response(withUnreadLimit(response.body, unread), response)
    } finally {
      body.release()
    }
  }
  return async (request) => {
    const { pathname } = new URL(request.url)
    const handler = handlers.get(pathname)
    if (handler === undefined) return new Response('not found', { status: 404 })
    if (request.method !== 'POST') return new Response('method not allowed', { status: 405, headers: { allow: 'POST' } })
    const body = new RequestBody(request, bodyLimits)
    const called = methods.get(pathname)
    const isPlain = called !== undefined && isPlainCall(request.headers, called)
    const answer = await (isPlain ? answerPlain(request, called, body) : answerOther(request, handler, body))
    // A proxy or server may leave out what it decides itself, such as this header; then the connection just ends.
    if (!(await body.drain())) answer.headers.set('connection', 'close')
    return answer
  }
}

function callOf(request: Request, body: AsyncIterable<Uint8Array>): UniversalServerRequest {
  const { method, url, headers, signal } = request
  return { httpVersion: '', method, url, header: headers, body, signal }
}

function gateOf(admit: AdmitCall | undefined): (context: HandlerContext) => Promise<void> {
  return async ({ method, requestHeader, signal }) => {
    try {
      await admit?.({ method: method.name, headers: requestHeader, signal })
    } catch (error) {
      throw toConnectError(error)
    }
  }
}

type PlainMethod = StreamedMethod | UnaryMethod

function isStreamed(called: PlainMethod): called is StreamedMethod {
  return called.method.methodKind === 'server_streaming'
}

/** The methods that are asked by one message, by path. */
function plainMethods(routes: (router: ConnectRouter) => void): ReadonlyMap<string, PlainMethod> {
  const methods = new Map<string, PlainMethod>()
  const add = (spec: MethodImplSpec): void => {
    const { method, kind } = spec
    if (kind === 'server_streaming' || kind === 'unary') methods.set(`/${method.parent.typeName}/${method.name}`, spec)
  }
  const collector: ConnectRouter = {
    handlers: [],
    service: (service, implementation) => {
      for (const spec of Object.values(createServiceImplSpec(service, implementation).methods)) add(spec)
      return collector
    },
    rpc: (method, impl) => {
      add(createMethodImplSpec(method, impl))
      return collector
    },
  }
  routes(collector)
  return methods
}

/** Whether a call is made as our clients make it; the other forms are Connect's business. */
function isPlainCall(headers: Headers, called: PlainMethod): boolean {
  const contentType = headers.get('content-type')
  return isStreamed(called)
    ? contentType === STREAM_CONTENT_TYPE && !headers.has('connect-content-encoding')
    : contentType === UNARY_CONTENT_TYPE && !headers.has('content-encoding')
}

/** Gives an error that the router itself answered with, before any service was asked, the detail that all others have. */
async function withDetail(response: Response): Promise<Response> {
  if (response.ok || response.headers.get('content-type') !== 'application/json') return response
  const bytes = new Uint8Array(await response.arrayBuffer())
  const refusal = refusalOf(errorFromJsonBytes(bytes, undefined, new ConnectError('', Code.Unknown)))
  if (refusal === undefined) return new Response(bytes, { status: response.status, headers: response.headers })
  const error = toConnectError(refusal)
  const headers = { 'content-type': 'application/json' }
  return new Response(Uint8Array.from(errorToJsonBytes(error, undefined)), { status: codeToHttpStatus(error.code), headers })
}

/** What the router's own errors about a request mean; `undefined`: it is not one of them. */
function refusalOf(error: unknown): ProtocolError | undefined {
  if (!(error instanceof ConnectError) || error.details.length > 0) return undefined
  const { code, rawMessage } = error
  if (code === Code.ResourceExhausted) return new ProtocolError('MESSAGE_TOO_LARGE', rawMessage, { cause: error })
  const isUnreadable = code === Code.InvalidArgument || (code === Code.Internal && rawMessage.startsWith('parse binary'))
  return isUnreadable ? new ProtocolError('MESSAGE_INVALID', rawMessage, { cause: error }) : undefined
}
