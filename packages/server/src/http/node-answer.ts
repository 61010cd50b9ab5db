import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

// What may wait in a socket before the answer's next piece is asked for: with it, all that a reader who stands still keeps here.
const WAITING_BYTES_MAX = 512 * 1024

/**
 * Sends an answer. Pieces that are there already leave together; those that are not are asked for only as the reader takes
 * what was sent. Never rejects: an answer that fails on its way ends torn, which its reader can tell.
 */
export async function sendAnswer(response: Response, outgoing: ServerResponse): Promise<void> {
  const { body } = response
  if (outgoing.destroyed) {
    await body?.cancel().catch(() => undefined)
    return
  }
  outgoing.writeHead(response.status, headersOf(response.headers))
  if (body === null) outgoing.end()
  else await sendBody(body.getReader(), outgoing)
}

async function sendBody(reader: ReadableStreamDefaultReader<Uint8Array>, outgoing: ServerResponse): Promise<void> {
  const leave = (): void => {
    if (!outgoing.writableFinished) reader.cancel().catch(() => undefined)
  }
  outgoing.once('close', leave)
  // A head does not wait for the first piece, or a watch would look unanswered until something happens. Pieces that are
  // there already come before this runs, and leave together with their head.
  process.nextTick(() => {
    if (outgoing.writableLength === 0 && !outgoing.writableEnded) outgoing.flushHeaders()
  })
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      outgoing.write(next.value)
      if (outgoing.writableLength > WAITING_BYTES_MAX && !outgoing.destroyed) await roomIn(outgoing)
    }
    outgoing.end()
  } catch (error) {
    outgoing.destroy(error as Error)
  }
}

/** Waits until the reader has taken what was sent, or has gone. */
function roomIn(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      outgoing.off('drain', go)
      outgoing.off('close', go)
      resolve()
    }
    outgoing.on('drain', go)
    outgoing.on('close', go)
  })
}

function headersOf(headers: Headers): OutgoingHttpHeaders {
  const values: OutgoingHttpHeaders = {}
  for (const [name, value] of headers) values[name] = value
  const cookies = headers.getSetCookie()
  if (cookies.length > 0) values['set-cookie'] = cookies
  return values
}
