import { type ConnectRouter, type ConnectRouterOptions, createConnectRouter, type Interceptor } from '@connectrpc/connect'
import { type UniversalHandler, universalServerRequestFromFetch, universalServerResponseToFetch } from '@connectrpc/connect/protocol'
import { toConnectError } from './errors.ts'

// Errors get their kind and code where they leave the service, whichever transport carries them.
const wireErrors: Interceptor = (next) => async (request) => {
  try {
    const response = await next(request)
    return response.stream ? { ...response, message: wireIteration(response.message) } : response
  } catch (error) {
    throw toConnectError(error)
  }
}

async function* wireIteration<T>(messages: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  try {
    for await (const message of messages) yield message
  } catch (error) {
    throw toConnectError(error)
  }
}

/** What every router of this protocol is made with. Pages are compressed once, in their frames: never on the wire. */
export const ROUTER_OPTIONS: ConnectRouterOptions = {
  connect: true,
  grpc: false,
  grpcWeb: false,
  acceptCompression: [],
  interceptors: [wireErrors],
}

/**
 * Makes a service answer plain requests: `POST /graft.v1.MetaService/Pull` and so on. Other paths get a 404.
 *
 * @param options.requestBytesMax Larger bodies are refused with `ResourceExhausted` before they are read whole.
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
    return universalServerResponseToFetch(await handler(universalServerRequestFromFetch(request, {})))
  }
}
