import { Code, ConnectError } from '@connectrpc/connect'
import type { Process } from './process.ts'
import type { Scheduler } from './scheduler.ts'
import type { Tally } from './tally.ts'

/** How often what happens to single requests. */
export interface RequestFaults {
  /** The request never arrives. */
  readonly requestLost: number
  /** It takes effect, and its answer, or the rest of it, never arrives. */
  readonly replyLost: number
  /** The request arrives twice, perhaps at two servers. */
  readonly duplicate: number
  /** Its body arrives bit by bit. */
  readonly bodyInParts: number
  /** Its body ends before its end. */
  readonly bodyCutOff: number
  /** The rest of its body does not come. */
  readonly bodyStalled: number
  /** Somebody who stands before the server answers in its place, before it is asked or after. */
  readonly proxyAnswers: number
}

/** A server, whether or not it runs at the moment. */
export interface ServerNode {
  readonly name: string
  /** The life that it lives now; `undefined`: it is down. */
  readonly life: { readonly process: Process; readonly handler: (request: Request) => Promise<Response> } | undefined
}

/** What lies between nodes. */
export interface Line {
  readonly scheduler: Scheduler
  readonly tally: Tally
  /** Whether a fault happens now. */
  happens(fault: keyof RequestFaults): boolean
  /** How long a message takes. */
  delayMs(from: Process, to: Process | undefined): number
  /** Whether a caller is told of a broken connection, rather than left waiting. */
  isNoticed(): boolean
  isCut(a: string, b: string): boolean
  pick<T>(items: readonly T[]): T
}

/** A call of `fetch`. */
export interface FetchCall {
  readonly url: string
  readonly init: RequestInit
}

/** Where a part of an answer goes when it arrives. */
type Arrival = () => void

const STREAM_CONTENT_TYPE = 'application/connect+proto'
/** When whoever delivered a request twice takes no more of the answer that nobody waits for, in milliseconds. */
const DUPLICATE_MS_MAX = 60_000
/** What proxies say instead of a server that they have not asked, and of one that has not answered them. */
const BEFORE = [429, 502, 503]
const AFTER = [502, 504]

/** One request and its answer. */
export class Exchange {
  readonly #network: Line
  readonly #client: Process
  readonly #call: FetchCall
  readonly #body: Uint8Array<ArrayBuffer>
  readonly #label: string
  readonly #serverSide = new AbortController()
  // A request passes the signal on that it was made with for as long as it is there itself.
  readonly #requests: Request[] = []
  #onResponse: (response: Response) => void = () => undefined
  #onFailure: (error: unknown) => void = () => undefined
  #onOver: () => void = () => undefined
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #answer: ReadableStreamDefaultController<Uint8Array> | undefined
  #isOver = false
  #isBroken = false
  // Parts of one answer overtake each other no more than the bytes of one stream do.
  #lastArrivalMs = 0
  readonly #parts: Arrival[] = []

  constructor(network: Line, client: Process, call: FetchCall) {
    const { body } = call.init
    this.#network = network
    this.#client = client
    this.#call = call
    this.#body = body instanceof Uint8Array ? new Uint8Array(body) : new Uint8Array(0)
    this.#label = new URL(call.url).pathname.split('/').at(-1) ?? ''
  }

  /** Sends it. */
  start(target: ServerNode, servers: readonly ServerNode[]): Promise<Response> {
    const network = this.#network
    const signal = this.#call.init.signal ?? undefined
    const promise = new Promise<Response>((resolve, reject) => {
      this.#onResponse = resolve
      this.#onFailure = reject
    })
    const onAbort = (): void => {
      if (isTimeOut(signal?.reason)) network.tally.add('network: timed out')
      this.#fail(signal?.reason)
      this.#hangUp(target)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#onOver = () => signal?.removeEventListener('abort', onAbort)
    if (signal?.aborted === true) onAbort()
    else if (!network.happens('requestLost')) this.#send(target, true)
    else if (network.isNoticed()) this.#breakOff(target)
    if (network.happens('duplicate')) this.#send(network.pick(servers), false)
    return promise
  }

  #send(target: ServerNode, isAnswered: boolean): void {
    const { scheduler } = this.#network
    const { name } = this.#client
    const delayMs = this.#network.delayMs(this.#client, target.life?.process)
    scheduler.after(undefined, delayMs, `${name} > ${target.name} ${this.#label}`, () => {
      if (this.#network.isCut(name, target.name)) return this.#network.tally.add('network: lost in a partition')
      const { life } = target
      if (life === undefined) return isAnswered ? this.#breakOff(target) : undefined
      scheduler.after(life.process, 0, '', () => void this.#serve(target, isAnswered))
    })
  }

  async #serve(target: ServerNode, isAnswered: boolean): Promise<void> {
    const { life } = target
    if (life === undefined) return
    if (!isAnswered) return this.#serveForNobody(life)
    const isProxied = this.#network.happens('proxyAnswers')
    if (isProxied && this.#network.pick([true, false]))
      return this.#deliverWhole(life.process, target, proxyAnswer(this.#network, BEFORE))
    const stopWatching = life.process.onDeath(() => {
      if (this.#network.isNoticed()) this.#breakOff(target)
    })
    try {
      const response = await life.handler(this.#requestAt(life.process, target))
      if (isProxied) this.#deliverWhole(life.process, target, proxyAnswer(this.#network, AFTER))
      else await this.#deliver(life.process, target, response)
    } finally {
      stopWatching()
    }
  }

  /** What comes a second time is answered too, to whoever sent it again. */
  async #serveForNobody({ process, handler }: NonNullable<ServerNode['life']>): Promise<void> {
    const gone = new AbortController()
    process.timers.start(() => gone.abort(), DUPLICATE_MS_MAX)
    const response = await handler(this.#request(this.#body, gone.signal))
    await response.arrayBuffer()
  }

  #requestAt(server: Process, target: ServerNode): Request {
    const network = this.#network
    const { signal } = this.#serverSide
    if (this.#body.length > 1 && network.happens('bodyCutOff')) {
      if (network.isNoticed()) this.#breakOff(target)
      return this.#request(this.#partsOf(server, 'cut off'), signal)
    }
    if (this.#body.length > 1 && network.happens('bodyStalled')) return this.#request(this.#partsOf(server, 'stalled'), signal)
    if (this.#body.length > 1 && network.happens('bodyInParts')) return this.#request(this.#partsOf(server, 'whole'), signal)
    return this.#request(this.#body, signal)
  }

  #request(body: BodyInit, signal: AbortSignal): Request {
    const { method = 'GET', headers = {} } = this.#call.init
    const request = new Request(this.#call.url, { method, headers, body, signal, duplex: 'half' } as RequestInit)
    this.#requests.push(request)
    return request
  }

  /** The body as a server gets it that has the first part only. */
  #partsOf(server: Process, how: 'whole' | 'cut off' | 'stalled'): ReadableStream<Uint8Array> {
    const middle = this.#body.length >> 1
    const delayMs = this.#network.delayMs(this.#client, server)
    let isCancelled = false
    return new ReadableStream({
      start: (controller) => {
        controller.enqueue(this.#body.subarray(0, middle))
        if (how === 'stalled') return
        server.scheduler.after(server, delayMs, '', () => {
          if (isCancelled || this.#serverSide.signal.aborted) return
          if (how === 'cut off') return controller.error(new TypeError('terminated'))
          controller.enqueue(this.#body.subarray(middle))
          controller.close()
        })
      },
      // A server that is done with the request takes no more of it.
      cancel: () => void (isCancelled = true),
    })
  }

  async #deliver(server: Process, target: ServerNode, response: Response): Promise<void> {
    const isLost = this.#network.happens('replyLost')
    const { status, headers, body } = response
    if (headers.get('content-type') !== STREAM_CONTENT_TYPE || body === null) {
      const bytes = await response.arrayBuffer()
      if (isLost) return this.#lose(target)
      return this.#deliverWhole(server, target, new Response(bytes, { status, headers }), bytes.byteLength)
    }
    this.#later(server, target, `${status}`, () => this.#begin(target, { status, headers }))
    const reader = body.getReader()
    this.#reader = reader
    let isFirst = true
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (isLost && !isFirst) return this.#lose(target)
      isFirst = false
      const { value } = part
      this.#later(server, target, `${value.length}`, () => this.#answer?.enqueue(value))
    }
    if (isLost) return this.#lose(target)
    this.#later(server, target, 'end', () => {
      this.#over()
      this.#answer?.close()
    })
  }

  #deliverWhole(server: Process, target: ServerNode, response: Response, byteLength = 0): void {
    this.#later(server, target, `${response.status} ${byteLength}`, () => {
      this.#over()
      this.#onResponse(response)
    })
  }

  /** The head of an answer has arrived, the rest of which comes bit by bit. */
  #begin(target: ServerNode, head: ResponseInit): void {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#answer = controller),
      cancel: () => {
        this.#over()
        this.#hangUp(target)
      },
    })
    this.#onResponse(new Response(body, head))
  }

  #later(server: Process, target: ServerNode, what: string, run: Arrival): void {
    const { scheduler } = this.#network
    const { name } = this.#client
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, scheduler.nowMs + this.#network.delayMs(server, this.#client))
    const delayMs = this.#lastArrivalMs - scheduler.nowMs
    scheduler.after(this.#client, delayMs, `${name} < ${target.name} ${this.#label} ${what}`, () => {
      const arrive = this.#parts.shift()
      if (this.#network.isCut(name, target.name)) this.#break()
      else if (!this.#isOver && !this.#isBroken) arrive?.()
    })
    this.#parts.push(run)
  }

  /** What comes after a part that is lost is of no use. */
  #break(): void {
    this.#network.tally.add('network: lost in a partition')
    this.#isBroken = true
  }

  #lose(target: ServerNode): void {
    if (this.#network.isNoticed()) this.#breakOff(target)
    this.#disconnect()
  }

  /** The client notices that the connection is gone. */
  #breakOff(target: ServerNode): void {
    const delayMs = this.#network.delayMs(this.#client, undefined)
    this.#network.scheduler.after(this.#client, delayMs, `${this.#client.name} x ${target.name} ${this.#label}`, () =>
      this.#fail(new TypeError('fetch failed')),
    )
  }

  /** The server notices that nobody waits any more. */
  #hangUp(target: ServerNode): void {
    const delayMs = this.#network.delayMs(this.#client, undefined)
    const { life } = target
    if (life === undefined) return
    this.#network.scheduler.after(life.process, delayMs, '', () => this.#disconnect())
  }

  /** What a server does when its connection is gone. */
  #disconnect(): void {
    this.#serverSide.abort()
    // Not by listening to the signal: the runtime holds it for as long as there is a request that was made with it.
    this.#reader?.cancel('the connection is gone').catch(() => undefined)
  }

  #fail(error: unknown): void {
    if (this.#isOver) return
    this.#over()
    this.#answer?.error(error)
    this.#onFailure(error)
  }

  #over(): void {
    this.#isOver = true
    this.#onOver()
  }
}

function isTimeOut(reason: unknown): boolean {
  return reason instanceof ConnectError && reason.code === Code.DeadlineExceeded
}

function proxyAnswer(network: Line, statuses: readonly number[]): Response {
  return new Response('<h1>no</h1>', { status: network.pick(statuses), headers: { 'content-type': 'text/html' } })
}
