import { Agent, request } from 'node:http'

/** One HTTP request, ready to be sent. */
export interface ReadyRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Bytes of its answer, if they are known. */
  readonly answerBytes?: number | undefined
}

/** Connections of the load, each with one request at a time. */
export const CONNECTIONS = 16

/** Sends requests to one server, over a fixed number of connections that stay open. */
export class Load {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  readonly #port: number

  constructor(port: number) {
    this.#port = port
  }

  /** Sends all of them, as many at a time as there are connections. Fails if one of them does. */
  async sendAll(requests: readonly ReadyRequest[]): Promise<void> {
    let next = 0
    const connection = async (): Promise<void> => {
      for (let i = next++; i < requests.length; i = next++) {
        const ready = requests[i] as ReadyRequest
        const bytes = await this.#send(ready, () => undefined)
        if (ready.answerBytes !== undefined && bytes !== ready.answerBytes) throw new Error(`an answer of ${bytes} bytes`)
      }
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, connection))
  }

  /** Sends one and gives its whole answer. */
  async send(ready: ReadyRequest): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    await this.#send(ready, (chunk) => void chunks.push(chunk))
    return Buffer.concat(chunks)
  }

  close(): void {
    this.#agent.destroy()
  }

  #send({ path, headers, body }: ReadyRequest, onChunk: (chunk: Uint8Array) => void): Promise<number> {
    const options = { port: this.#port, host: '127.0.0.1', agent: this.#agent, method: 'POST', path }
    return new Promise((resolve, reject) => {
      const outgoing = request({ ...options, headers: { ...headers, 'content-length': body.length } }, (incoming) => {
        if (incoming.statusCode !== 200) reject(new Error(`an answer of status ${incoming.statusCode}, path=${path}`))
        let bytes = 0
        incoming.on('data', (chunk: Uint8Array) => {
          bytes += chunk.length
          onChunk(chunk)
        })
        incoming.on('end', () => resolve(bytes))
        incoming.on('error', reject)
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }
}
