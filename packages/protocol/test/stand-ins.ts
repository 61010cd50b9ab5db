import type { ConnectRouter, ServiceImpl } from '@connectrpc/connect'
import type { ErrorKind } from '@graft-ts/volume'
import {
  type FetchHandlerOptions,
  type GraftTransport,
  type HttpTransportOptions,
  httpTransport,
  inProcessTransport,
  MetaService,
  PageService,
  toFetchHandler,
} from '../src/index.ts'

/** An error such as a store throws: typed, of any kind. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly kind: ErrorKind
  readonly code: string
  readonly retryAfterMs: number | undefined

  constructor(kind: ErrorKind, code: string, message: string, retryAfterMs?: number) {
    super(message)
    this.kind = kind
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

/** What a test lets the two stores do. */
export interface StandIn {
  readonly meta?: Partial<ServiceImpl<typeof MetaService>>
  readonly pages?: Partial<ServiceImpl<typeof PageService>>
}

const metaRoutes = (standIn: StandIn) => (router: ConnectRouter) => void router.service(MetaService, standIn.meta ?? {})
const pageRoutes = (standIn: StandIn) => (router: ConnectRouter) => void router.service(PageService, standIn.pages ?? {})

/** The stand-in as a handler. */
export function handlerOf(
  standIn: StandIn,
  requestBytesMax = 1 << 16,
  options: Partial<FetchHandlerOptions> = {},
): (request: Request) => Promise<Response> {
  const routes = (router: ConnectRouter): void => {
    metaRoutes(standIn)(router)
    pageRoutes(standIn)(router)
  }
  return toFetchHandler(routes, { requestBytesMax, ...options })
}

/** HTTP without sockets. Gives up on a call when its signal fires, as every real fetch does. */
export function overHttp(
  handler: (request: Request) => Response | Promise<Response>,
  options: Partial<HttpTransportOptions> = {},
): GraftTransport {
  const send = async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init)
    const aborted = new Promise<never>((_, reject) =>
      request.signal.addEventListener('abort', () => reject(request.signal.reason as Error)),
    )
    const answer = async (): Promise<Response> => handler(request)
    return Promise.race([answer(), aborted])
  }
  return httpTransport({ baseUrl: 'https://graft.test', fetch: send, ...options })
}

/** Both ways to the same stand-in. */
export const TRANSPORTS: readonly [string, (standIn: StandIn) => GraftTransport][] = [
  ['in process', (standIn) => inProcessTransport({ meta: metaRoutes(standIn), pages: pageRoutes(standIn) })],
  ['HTTP', (standIn) => overHttp(handlerOf(standIn))],
]
