import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageInitShape } from '@bufbuild/protobuf'
import {
  type ConnectRouter,
  type ContextValues,
  createRouterTransport,
  type Interceptor,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-web'
import { fromConnectError } from './errors.ts'
import { MetaService, PageService } from './gen/graft/v1/graft_pb.ts'
import { ROUTER_OPTIONS } from './handler.ts'

/** How a client reaches the two stores. Every call fails with a `RemoteError` and nothing else. */
export interface GraftTransport {
  /** For `MetaService`. */
  readonly meta: Transport
  /** For `PageService`. */
  readonly pages: Transport
}

/** Where the stores are, and how to talk to them. */
export interface HttpTransportOptions {
  /** Address of the meta store, and of the page store unless `pagesBaseUrl` is given. */
  readonly baseUrl: string
  readonly pagesBaseUrl?: string
  /** Default: the runtime's. */
  readonly fetch?: typeof fetch
  /** Asked before each request; sent as a bearer token. */
  readonly token?: () => Promise<string>
  /** Gives up on a call after this time. Default 60,000. */
  readonly timeoutMs?: number
}

const TIMEOUT_MS_DEFAULT = 60_000
const WRITES: ReadonlySet<string> = new Set([MetaService.method.commit.name, PageService.method.writePages.name])

/** Reaches the stores over HTTP: binary protobuf in plain POST requests. */
export function httpTransport(options: HttpTransportOptions): GraftTransport {
  const open = (baseUrl: string): Transport =>
    typedErrors(
      createConnectTransport({
        baseUrl,
        useBinaryFormat: true,
        defaultTimeoutMs: options.timeoutMs ?? TIMEOUT_MS_DEFAULT,
        interceptors: options.token === undefined ? [] : [bearer(options.token)],
        ...(options.fetch !== undefined && { fetch: options.fetch }),
      }),
    )
  const meta = open(options.baseUrl)
  return { meta, pages: options.pagesBaseUrl === undefined ? meta : open(options.pagesBaseUrl) }
}

function bearer(token: () => Promise<string>): Interceptor {
  return (next) => async (request) => {
    request.header.set('authorization', `Bearer ${await token()}`)
    return next(request)
  }
}

/** Reaches stores in the same process: the same messages and errors, no network. */
export function inProcessTransport(routes: {
  readonly meta: (router: ConnectRouter) => void
  readonly pages: (router: ConnectRouter) => void
}): GraftTransport {
  const open = (mount: (router: ConnectRouter) => void): Transport => typedErrors(createRouterTransport(mount, { router: ROUTER_OPTIONS }))
  return { meta: open(routes.meta), pages: open(routes.pages) }
}

function typedErrors(inner: Transport): Transport {
  return {
    async unary<I extends DescMessage, O extends DescMessage>(
      method: DescMethodUnary<I, O>,
      signal: AbortSignal | undefined,
      timeoutMs: number | undefined,
      header: HeadersInit | undefined,
      input: MessageInitShape<I>,
      contextValues?: ContextValues,
    ): Promise<UnaryResponse<I, O>> {
      try {
        return await inner.unary(method, signal, timeoutMs, header, input, contextValues)
      } catch (error) {
        throw fromConnectError(error, WRITES.has(method.name))
      }
    },
    async stream<I extends DescMessage, O extends DescMessage>(
      method: DescMethodStreaming<I, O>,
      signal: AbortSignal | undefined,
      timeoutMs: number | undefined,
      header: HeadersInit | undefined,
      input: AsyncIterable<MessageInitShape<I>>,
      contextValues?: ContextValues,
    ): Promise<StreamResponse<I, O>> {
      try {
        const response = await inner.stream(method, signal, timeoutMs, header, input, contextValues)
        return { ...response, message: typedIteration(response.message) }
      } catch (error) {
        throw fromConnectError(error, false)
      }
    },
  }
}

async function* typedIteration<T>(messages: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  try {
    for await (const message of messages) yield message
  } catch (error) {
    throw fromConnectError(error, false)
  }
}
