import type { IncomingMessage, ServerResponse } from 'node:http'
import { sendAnswer } from './node-answer.ts'
import { nodeRequest } from './node-request.ts'

// Without a reason of its own each caller that goes makes an exception, with its stack.
const CALLER_IS_GONE = 'the connection was closed before the answer was complete'

/**
 * Makes a listener for a server of `node:http` out of a handler of a store.
 *
 * The handler is given what the stores' handlers look at, and no more: `method`, `url`, `headers`, `signal` and `body`. The signal
 * fires when the caller goes before its answer is complete. An answer is taken from its stream no faster than the caller
 * takes it, up to half a MiB ahead. A handler that fails is answered for with 500.
 *
 * @param options.host What a request of HTTP/1.0 is for that does not say. Default `127.0.0.1`.
 */
export function nodeListener(
  handle: (request: Request) => Promise<Response>,
  options: { readonly host?: string } = {},
): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  const { host = '127.0.0.1' } = options
  return (incoming, outgoing) => {
    const abort = new AbortController()
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) abort.abort(CALLER_IS_GONE)
    })
    const request = nodeRequest(incoming, host, abort.signal)
    void answer(request, handle, outgoing)
  }
}

async function answer(
  request: Request | undefined,
  handle: (request: Request) => Promise<Response>,
  outgoing: ServerResponse,
): Promise<void> {
  const response = request === undefined ? new Response(null, { status: 400 }) : await answerOf(request, handle)
  await sendAnswer(response, outgoing)
}

async function answerOf(request: Request, handle: (request: Request) => Promise<Response>): Promise<Response> {
  try {
    return await handle(request)
  } catch {
    return new Response(null, { status: 500 })
  }
}
