import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageInitShape } from '@bufbuild/protobuf'
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ContextValues,
  createConnectRouter,
  type Interceptor,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from '@connectrpc/connect'
import { createUniversalHandlerClient, type UniversalClientFn } from '@connectrpc/connect/protocol'
import { createTransport } from '@connectrpc/connect/protocol-connect'
import { createConnectTransport } from '@connectrpc/connect-web'
import { isTypedError, TIMER_MS_MAX } from '@graft-ts/volume'
import { fromConnectError, ProtocolError, RemoteError, toConnectError } from './errors.ts'
import { MetaService, PageService } from './gen/graft/v1/graft_pb.ts'
import { ROUTER_OPTIONS } from './handler.ts'
import { refusalOf } from './http-status.ts'
import { LOOPBACK_URL } from './loopback.ts'

/**
 * How a client reaches the two stores. Every call fails with a `RemoteError` and nothing else. A stream that is left before
 * its end goes on until the `signal` of its call fires.
 */
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
  /** Asked before each request; sent as a bearer token. What it throws keeps its kind and code, if it has them. */
  readonly token?: () => Promise<string>
  /** Whether the token may go over plain `http://` to another machine, as in a private network. Default false: refused. */
  readonly allowPlainToken?: boolean
  /** Gives up on a call, streams included except `Watch`, after this time: 1 to 2^31 - 1. Default 60,000. */
  readonly timeoutMs?: number
}

const TIMEOUT_MS_DEFAULT = 60_000
// What Connect takes for "never".
const NO_TIMEOUT_MS = 0
const WRITES: ReadonlySet<string> = new Set([MetaService.method.commit.name, PageService.method.writePages.name])

/**
 * Reaches the stores over HTTP: binary protobuf in plain POST requests. Nothing is sent before the first call.
 *
 * @throws {@link ProtocolError} `OPTIONS_INVALID`, `TOKEN_IN_CLEAR`.
 */
export function httpTransport(options: HttpTransportOptions): GraftTransport {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > TIMER_MS_MAX) {
    throw new ProtocolError('OPTIONS_INVALID', `timeoutMs must be 1 to 2^31 - 1, got=${timeoutMs}`)
  }
  const open = (baseUrl: string): Transport => {
    if (options.token !== undefined && options.allowPlainToken !== true) checkTokenIsSafe(baseUrl)
    return typedErrors(
      createConnectTransport({
        baseUrl: checkBaseUrl(baseUrl),
        useBinaryFormat: true,
        defaultTimeoutMs: timeoutMs,
        interceptors: options.token === undefined ? [] : [bearer(options.token)],
        fetch: fetchOf(options.fetch),
      }),
    )
  }
  const meta = open(options.baseUrl)
  return { meta, pages: options.pagesBaseUrl === undefined ? meta : open(options.pagesBaseUrl) }
}

// An address that no fetch can use would otherwise look like a server that cannot be reached, for ever.
function checkBaseUrl(baseUrl: string): string {
  const isAbsolutePath = baseUrl.startsWith('/')
  if (isAbsolutePath || (/^https?:\/\//.test(baseUrl) && URL.canParse(baseUrl))) return baseUrl
  throw new ProtocolError('OPTIONS_INVALID', 'the address of a store must begin with http://, https:// or /')
}

// Whoever is on the way could read it, and do everything that it allows.
function checkTokenIsSafe(url: string): void {
  if (!/^http:/i.test(url) || LOOPBACK_URL.test(url.toLowerCase())) return
  throw new ProtocolError('TOKEN_IN_CLEAR', 'a token would go over plain http: use https, or set allowPlainToken')
}

/**
 * The fetch that Connect is given.
 *
 * What proxies refuse with statuses that Connect has no code for gets its meaning here. Redirects are not followed, a token
 * must not go elsewhere. Connect says so by `error`, which Workers refuse; by `manual` they are answers like any other.
 */
function fetchOf(given: typeof fetch | undefined): typeof fetch {
  return async (input, init) => {
    // Some runtimes insist on being called without a receiver.
    const send = given ?? globalThis.fetch
    const response = await send(input, { ...init, redirect: 'manual' })
    const { status } = response
    const refusal = refusalOf(response)
    if (refusal === undefined && !isRedirect(status)) return response
    await response.body?.cancel()
    if (refusal !== undefined) throw toConnectError(refusal)
    throw new ConnectError(`a redirect is not followed, status=${status}`, Code.Unknown)
  }
}

// Browsers hide what a redirect says: its status is 0.
function isRedirect(status: number): boolean {
  return status === 0 || (status >= 300 && status < 400)
}

function bearer(token: () => Promise<string>): Interceptor {
  return (next) => async (request) => {
    request.header.set('authorization', `Bearer ${await tokenOf(token)}`)
    return next(request)
  }
}

// Nothing was sent yet, so this must not look like a call without an answer.
async function tokenOf(token: () => Promise<string>): Promise<string> {
  try {
    return await token()
  } catch (cause) {
    const error = isTypedError(cause) ? cause : new RemoteError('unavailable', 'TOKEN_FAILED', 'no token could be had', { cause })
    throw toConnectError(error)
  }
}

/** Brings one HTTP request to a store, and its answer back: what a transport stands on. */
export type Carrier = UniversalClientFn

/** Reaches stores in the same process: the same messages and errors, no network. */
export function inProcessTransport(routes: {
  readonly meta: (router: ConnectRouter) => void
  readonly pages: (router: ConnectRouter) => void
}): GraftTransport {
  return carriedTransport({ meta: carrierTo(routes.meta), pages: carrierTo(routes.pages) })
}

/** Hands requests to routes in the same process. */
export function carrierTo(routes: (router: ConnectRouter) => void): Carrier {
  const router = createConnectRouter(ROUTER_OPTIONS)
  routes(router)
  return createUniversalHandlerClient(router.handlers)
}

/**
 * Reaches stores by whatever carries requests: the same messages and errors as over HTTP. For connections that are not
 * `fetch`, and for networks that exist only in a test. Sets no time limit of its own.
 */
export function carriedTransport(carriers: { readonly meta: Carrier; readonly pages: Carrier }): GraftTransport {
  const open = (httpClient: Carrier): Transport =>
    typedErrors(
      createTransport({
        httpClient,
        baseUrl: 'https://in-memory',
        useBinaryFormat: true,
        interceptors: [],
        acceptCompression: [],
        sendCompression: null,
        compressMinBytes: Number.MAX_SAFE_INTEGER,
        readMaxBytes: Number.MAX_SAFE_INTEGER,
        writeMaxBytes: Number.MAX_SAFE_INTEGER,
      }),
    )
  return { meta: open(carriers.meta), pages: open(carriers.pages) }
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
      refuseAborted(signal)
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
      refuseAborted(signal)
      // A watch has no end of its own. That it is dead shows in missing heartbeats.
      const ownTimeoutMs = timeoutMs ?? (method.name === MetaService.method.watch.name ? NO_TIMEOUT_MS : undefined)
      try {
        const response = await inner.stream(method, signal, ownTimeoutMs, header, input, contextValues)
        return { ...response, message: typedIteration(response.message) }
      } catch (error) {
        throw fromConnectError(error, false)
      }
    },
  }
}

// A call that was given up before it began had no effect, also if it writes.
function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true)
    throw new RemoteError('aborted', 'ABORTED', 'aborted before it was sent', { cause: signal.reason })
}

async function* typedIteration<T>(messages: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  try {
    for await (const message of messages) yield message
  } catch (error) {
    throw fromConnectError(error, false)
  }
}
