import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Timers } from '@graft-ts/volume'
import { ServerError } from '../errors.ts'
import { urlHost } from './loopback.ts'
import { nodeListener } from './node-listener.ts'

// Longer than clients keep an unused connection, so that none is closed just as a request goes out on it.
const KEEP_ALIVE_TIMEOUT_MS = 75_000
// How long a connection that has not sent a whole request yet may hold up a stop.
const SILENT_CONNECTION_MS = 250

/** What a listener is made of. */
export interface ListenerOptions {
  readonly handle: (request: Request) => Promise<Response>
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly connectionsMax: number
  readonly timers: Timers
}

/** An open socket that hands its requests to a function and knows which of them are not answered yet. */
export class Listener {
  readonly port: number
  readonly #server: Server
  readonly #timers: Timers
  #inFlight = 0
  #isClosing = false
  #isClosed = false
  #cancelSilent: () => void = () => undefined

  private constructor(server: Server, timers: Timers) {
    this.#server = server
    this.#timers = timers
    this.port = (server.address() as AddressInfo).port
    server.on('request', (_incoming, outgoing) => {
      this.#inFlight++
      // The answer counts until its last byte has left, or its reader has gone.
      outgoing.once('close', () => {
        this.#inFlight--
        if (this.#isClosing) this.#closeUnused()
      })
    })
  }

  /**
   * Listens.
   *
   * @throws {@link ServerError} `PORT_IN_USE`, `PORT_DENIED`, `HOST_UNKNOWN`, `LISTEN_FAILED`.
   */
  static async open(options: ListenerOptions): Promise<Listener> {
    const { host, port } = options
    const server = createServer(nodeListener(options.handle, { host: urlHost(host) }))
    server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS
    server.maxConnections = options.connectionsMax
    await listen(server, host, port)
    return new Listener(server, options.timers)
  }

  /** Requests that are not answered yet. */
  get requestsInFlight(): number {
    return this.#inFlight
  }

  /**
   * Accepts nothing more and waits for the requests under way.
   *
   * @param deadlineMs Cuts off what is still running then; the signals of those requests fire.
   * @returns How many requests were cut off.
   */
  async close(deadlineMs: number): Promise<number> {
    this.#isClosing = true
    let cutOff = 0
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    const cancelDeadline = this.#timers.start(() => {
      cutOff = this.#inFlight
      this.#server.closeAllConnections()
    }, deadlineMs)
    this.#closeUnused()
    await closed
    this.#isClosed = true
    cancelDeadline()
    this.#cancelSilent()
    return cutOff
  }

  /** Closes what is not in use; a connection that was kept alive would otherwise hold up the stop until it times out. */
  #closeUnused(): void {
    if (this.#inFlight > 0 || this.#isClosed) return
    this.#server.closeIdleConnections()
    // Connections that were opened and never used do not count as idle.
    this.#cancelSilent()
    this.#cancelSilent = this.#timers.start(() => {
      if (this.#inFlight === 0) this.#server.closeAllConnections()
    }, SILENT_CONNECTION_MS)
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void => reject(listenError(error, host, port))
    server.once('error', refuse)
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', refuse)
      resolve()
    })
  })
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ServerError {
  const where = `host=${host} port=${port}`
  switch (error.code) {
    case 'EADDRINUSE':
      return new ServerError('PORT_IN_USE', `the port is in use, ${where}`, { cause: error })
    case 'EACCES':
    case 'EPERM':
      return new ServerError('PORT_DENIED', `the port is not allowed for this user, ${where}`, { cause: error })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EINVAL':
      return new ServerError('HOST_UNKNOWN', `not an address of this machine, ${where}`, { cause: error })
    default:
      return new ServerError('LISTEN_FAILED', `cannot listen, ${where} reason=${error.code ?? error.message}`, { cause: error })
  }
}
