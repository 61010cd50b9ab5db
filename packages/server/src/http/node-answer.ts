import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

// What may wait in a socket before the answer's next piece is asked for: with it, all that a reader who stands still keeps here.
const WAITING_BYTES_MAX = 512 * 1024

/**
 * Sends an answer. One whose pieces are all there leaves at once, with its length; of any other a piece is asked for only as
 * the reader takes what was sent. One that cannot be sent, since its body has been read or HTTP has no way to say its
 * headers, is answered for with 500; one that fails on its way ends torn, which its reader can tell. Never rejects.
 */
export async function sendAnswer(response: Response, outgoing: ServerResponse): Promise<void> {
  try {
    const { body } = response
    if (outgoing.destroyed) await body?.cancel()
    else if (body !== null) await new BodySender(response, body.getReader(), outgoing).send()
    else if (sendHead(response, outgoing)) outgoing.end()
  } catch (error) {
    if (outgoing.headersSent) outgoing.destroy(error as Error)
    else outgoing.writeHead(500).end()
  }
}

class BodySender {
  readonly #response: Response
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #outgoing: ServerResponse
  // What came before the head has left; `undefined`: it has.
  #first: Uint8Array[] | undefined = []
  #firstBytes = 0

  constructor(response: Response, reader: ReadableStreamDefaultReader<Uint8Array>, outgoing: ServerResponse) {
    this.#response = response
    this.#reader = reader
    this.#outgoing = outgoing
  }

  async send(): Promise<void> {
    const outgoing = this.#outgoing
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) this.#giveUp()
    })
    // Also while its reader stands still, and nothing more is asked for.
    this.#reader.closed.catch((error: Error) => outgoing.destroy(error))
    // Pieces that are there come before this runs. A head does not wait for others, or a watch would look unanswered until
    // something happens.
    process.nextTick(() => this.#sendFirst())
    try {
      await this.#sendPieces()
    } catch (error) {
      outgoing.destroy(error as Error)
      return
    }
    this.#sendFirst({ 'content-length': this.#firstBytes })
    outgoing.end()
  }

  async #sendPieces(): Promise<void> {
    const reader = this.#reader
    const outgoing = this.#outgoing
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      // It has been given up while this piece was on its way.
      if (outgoing.writableEnded) return
      this.#take(next.value)
      if (outgoing.writableLength > WAITING_BYTES_MAX && !outgoing.destroyed) await roomIn(outgoing)
    }
  }

  #take(piece: Uint8Array): void {
    if (this.#first === undefined) {
      this.#outgoing.write(piece)
      return
    }
    this.#first.push(piece)
    this.#firstBytes += piece.length
    if (this.#firstBytes > WAITING_BYTES_MAX) this.#sendFirst()
  }

  #sendFirst(more: OutgoingHttpHeaders = {}): void {
    const pieces = this.#first
    const outgoing = this.#outgoing
    if (pieces === undefined || outgoing.destroyed) return
    this.#first = undefined
    if (!sendHead(this.#response, outgoing, more)) {
      this.#giveUp()
      return
    }
    if (pieces.length === 0) outgoing.flushHeaders()
    for (const piece of pieces) outgoing.write(piece)
  }

  #giveUp(): void {
    this.#reader.cancel().catch(() => undefined)
  }
}

/** Sends the head of an answer; `false`: HTTP has no way to say it, and the answer is 500 instead. */
function sendHead({ status, headers }: Response, outgoing: ServerResponse, more: OutgoingHttpHeaders = {}): boolean {
  try {
    outgoing.writeHead(status, { ...headersOf(headers), ...more })
    return true
  } catch {
    outgoing.writeHead(500).end()
    return false
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
