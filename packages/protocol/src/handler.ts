import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
  type Interceptor,
} from '@connectrpc/connect'
import {
  type UniversalHandler,
  universalServerRequestFromFetch,
  universalServerResponseToFetch,
} from '@connectrpc/connect/protocol'
import { codeToHttpStatus, errorFromJsonBytes, errorToJsonBytes } from '@connectrpc/connect/protocol-connect'
import { ProtocolError, toConnectError } from './errors.ts'

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

/**
 * Makes a service answer plain requests: `POST /graft.v1.MetaService/Pull` and so on. Other paths get a 404, other
 * methods a 405. Never rejects.
 *
 * @param options.requestBytesMax Larger messages are refused with `MESSAGE_TOO_LARGE` (kind `exhausted`), by their
 * declared length or as soon as so much has arrived; the rest of such a body is left unread.
 */
export function toFetchHandler(
  routes: (router: ConnectRouter) => void,
  options: { readonly requestBytesMax: number },
): (request: Request) => Promise<Response> {
  const router = createConnectRouter({ ...ROUTER_OPTIONS, readMaxBytes: options.requestBytesMax })
  routes(router)
  const handlers = new Map<string, UniversalHandler>(router.handlers.map((handler) => [handler.requestPath, handler]))
  return async (request) => {
    const handler = handlers.get(new URL(request.url).pathname)
    if (handler === undefined) return new Response('not found', { status: 404 })
    if (request.method !== 'POST') return new Response('method not allowed', { status: 405, headers: { allow: 'POST' } })
    return withDetail(universalServerResponseToFetch(await handler(universalServerRequestFromFetch(request, {}))))
  }
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
