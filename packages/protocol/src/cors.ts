/** Which pages of the web may call a store from a browser. */
export interface CorsOptions {
  /**
   * Origins such as `https://app.example`, `'*'` for all, or a function that decides. Tokens travel in a header that a page
   * sets itself, never in cookies, so that even with `'*'` no page can use what another one has.
   */
  readonly origins: readonly string[] | ((origin: string) => boolean)
  /** How long browsers may remember the answer to a preflight, in seconds; they have bounds of their own. Default 7,200. */
  readonly maxAgeSeconds?: number
}

const MAX_AGE_SECONDS_DEFAULT = 7200
const ALLOWED_HEADERS = 'authorization, connect-protocol-version, connect-timeout-ms, content-type, traceparent, tracestate'
// What clients read of an answer beyond what every page may; streams tell all else in their last envelope.
const EXPOSED_HEADERS = 'retry-after'

/**
 * Answers the preflights of browsers, and lets the pages of some origins read the answers of a handler. Others are
 * answered as before, and their browsers keep the answers from them. It is no protection of the server: programs that are
 * no browsers do not ask.
 */
export function withCors(
  handler: (request: Request) => Promise<Response>,
  options: CorsOptions,
): (request: Request) => Promise<Response> {
  const { origins, maxAgeSeconds = MAX_AGE_SECONDS_DEFAULT } = options
  const isAllowed = typeof origins === 'function' ? origins : allowing(new Set(origins))
  return async (request) => {
    const origin = request.headers.get('origin')
    const allowed = origin !== null && isAllowed(origin) ? origin : undefined
    const isPreflight = request.method === 'OPTIONS' && request.headers.has('access-control-request-method')
    const response = isPreflight ? preflight(allowed, maxAgeSeconds) : await handler(request)
    return withHeaders(response, allowed, isPreflight)
  }
}

function allowing(origins: ReadonlySet<string>): (origin: string) => boolean {
  return (origin) => origins.has('*') || origins.has(origin)
}

function preflight(allowed: string | undefined, maxAgeSeconds: number): Response {
  const headers: Record<string, string> =
    allowed === undefined
      ? {}
      : {
          'access-control-allow-methods': 'POST',
          'access-control-allow-headers': ALLOWED_HEADERS,
          'access-control-max-age': `${maxAgeSeconds}`,
        }
  return new Response(null, { status: 204, headers })
}

function withHeaders(response: Response, allowed: string | undefined, isPreflight: boolean): Response {
  const headers = new Headers(response.headers)
  // The answer depends on who asks, also where it was no: a cache must not give it to others.
  headers.append('vary', 'origin')
  if (allowed !== undefined) {
    headers.set('access-control-allow-origin', allowed)
    if (!isPreflight) headers.set('access-control-expose-headers', EXPOSED_HEADERS)
  }
  return new Response(response.body, { status: response.status, headers })
}
