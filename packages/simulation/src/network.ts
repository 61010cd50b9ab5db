import { Code, ConnectError } from '@connectrpc/connect'
import type { Carrier } from '@graft-ts/protocol'
import { Inbox } from './inbox.ts'
import { calm, drawLatency, type Latency } from './latency.ts'
import type { Process } from './process.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { Tally } from './tally.ts'

type Request = Parameters<Carrier>[0]
type Response = Awaited<ReturnType<Carrier>>

/** How often messages between nodes get lost, and how long they take. */
export interface NetworkFaults {
  readonly latency: Latency
  /** The request never arrives. */
  readonly requestLost: number
  /** It takes effect, and its answer, or the rest of it, never arrives. */
  readonly replyLost: number
  /** The request arrives twice, perhaps at two servers. */
  readonly duplicate: number
  /** When a caller gives up, in milliseconds. */
  readonly timeoutMs: number
}

/** A server, whether or not it runs at the moment. */
export interface ServerNode {
  readonly name: string
  /** The life that it lives now; `undefined`: it is down. */
  readonly life: { readonly process: Process; readonly carrier: Carrier } | undefined
}

/** Carries requests of clients to servers, badly. */
export class Network {
  readonly scheduler: Scheduler
  readonly tally: Tally
  readonly #random: Random
  readonly #faults: NetworkFaults
  readonly #cuts = new Set<string>()
  #isHealed = false

  constructor(options: { scheduler: Scheduler; random: Random; faults: NetworkFaults; tally: Tally }) {
    this.scheduler = options.scheduler
    this.tally = options.tally
    this.#random = options.random
    this.#faults = options.faults
  }

  /** Whether no message gets lost from here on; what is on its way stays as late as it is. */
  heal(isHealed: boolean): void {
    this.#isHealed = isHealed
    if (isHealed) this.#cuts.clear()
  }

  /** Lets nothing through between two nodes, or again. */
  cut(a: string, b: string, isCut: boolean): void {
    for (const pair of [`${a}|${b}`, `${b}|${a}`]) {
      if (isCut) this.#cuts.add(pair)
      else this.#cuts.delete(pair)
    }
  }

  /** Whether messages between two nodes get lost at the moment. */
  isCut(a: string, b: string): boolean {
    return this.#cuts.has(`${a}|${b}`)
  }

  /** How a client reaches the servers of one kind: any of them, and another one after a failure. */
  carrier(client: Process, servers: readonly ServerNode[]): Carrier {
    let target = this.#random.pick(servers)
    return async (request) => {
      const body = await collected(request.body)
      const sentTo = target
      client.requests++
      try {
        return await new Exchange(this, client, { ...request, body: bodyOf(body) }).start(sentTo, servers)
      } catch (error) {
        target = this.#random.pick(servers)
        throw error
      }
    }
  }

  /** Whether something that happens in a share of all cases happens now. */
  happens(fault: 'requestLost' | 'replyLost' | 'duplicate'): boolean {
    const isSo = this.#random.chance(this.#faults[fault]) && !this.#isHealed
    if (isSo) this.tally.add(`network: ${FAULT_NAMES[fault]}`)
    return isSo
  }

  /** How long a message takes. */
  delayMs(from: Process, to: Process | undefined): number {
    const { latency } = this.#faults
    const { delayMs, isLate } = drawLatency(this.#isHealed ? calm(latency) : latency, this.#random)
    if (isLate) this.tally.add('network: far too late')
    return delayMs * Math.max(from.slowness, to?.slowness ?? 1)
  }

  get timeoutMs(): number {
    return this.#faults.timeoutMs
  }

  /** Whether a caller is told of a broken connection, rather than left waiting. */
  isNoticed(): boolean {
    return this.#random.chance(0.6)
  }

  pick<T>(items: readonly T[]): T {
    return this.#random.pick(items)
  }
}

const FAULT_NAMES = { requestLost: 'request lost', replyLost: 'reply lost after the effect', duplicate: 'duplicate delivery' }

/** One request and its answer. */
class Exchange {
  readonly #network: Network
  readonly #client: Process
  readonly #request: Request
  readonly #label: string
  readonly #serverSide = new AbortController()
  #onResponse: (response: Response) => void = () => undefined
  #onFailure: (error: unknown) => void = () => undefined
  #inbox: Inbox<Uint8Array> | undefined
  #isOver = false
  #isBroken = false
  // Parts of one answer overtake each other no more than the bytes of one stream do.
  #lastArrivalMs = 0
  readonly #parts: (() => void)[] = []

  constructor(network: Network, client: Process, request: Request) {
    this.#network = network
    this.#client = client
    this.#request = request
    this.#label = new URL(request.url).pathname.split('/').at(-1) ?? ''
  }

  start(target: ServerNode, servers: readonly ServerNode[]): Promise<Response> {
    const { signal } = this.#request
    const network = this.#network
    const promise = new Promise<Response>((resolve, reject) => {
      this.#onResponse = resolve
      this.#onFailure = reject
    })
    const giveUp = this.#client.timers.start(() => {
      network.tally.add('network: timed out')
      this.#fail(new ConnectError('no answer in time', Code.DeadlineExceeded))
      this.#hangUp(target)
    }, network.timeoutMs)
    const onAbort = (): void => {
      this.#fail(signal?.reason)
      this.#hangUp(target)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#onOver = () => {
      giveUp()
      signal?.removeEventListener('abort', onAbort)
    }
    if (signal?.aborted === true) onAbort()
    else if (!network.happens('requestLost')) this.#send(target, true)
    else if (network.isNoticed()) this.#breakOff(target)
    if (network.happens('duplicate')) this.#send(network.pick(servers), false)
    return promise
  }

  #onOver: () => void = () => undefined

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
    const signal = isAnswered ? this.#serverSide.signal : new AbortController().signal
    const stopWatching = life.process.onDeath(() => {
      if (isAnswered && this.#network.isNoticed()) this.#breakOff(target)
    })
    try {
      const response = await life.carrier({ ...this.#request, signal })
      if (isAnswered) await this.#answer(life.process, target, response)
      else await collected(response.body)
    } catch (error) {
      // The caller has hung up; or the server has thrown, which no server may.
      if (isAnswered && !signal.aborted) this.#fail(error)
    } finally {
      stopWatching()
    }
  }

  async #answer(server: Process, target: ServerNode, response: Response): Promise<void> {
    const isStream = this.#request.header.get('content-type') === 'application/connect+proto'
    const isLost = this.#network.happens('replyLost')
    if (!isStream) {
      const bytes = await collected(response.body)
      if (isLost) return this.#lose(target)
      this.#deliver(server, target, `${response.status} ${bytes.length}`, () =>
        this.#arrive({ ...response, body: bodyOf(bytes) }),
      )
      return
    }
    const inbox = new Inbox<Uint8Array>()
    this.#deliver(server, target, `${response.status}`, () => {
      this.#inbox = inbox
      this.#onResponse({ ...response, body: inbox })
    })
    let isFirst = true
    for await (const chunk of response.body) {
      if (isLost && !isFirst) return this.#lose(target)
      isFirst = false
      this.#deliver(server, target, `${chunk.length}`, () => inbox.put(chunk))
    }
    if (isLost) return this.#lose(target)
    this.#deliver(server, target, 'end', () => {
      inbox.end()
      this.#over()
    })
  }

  #deliver(server: Process, target: ServerNode, what: string, run: () => void): void {
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
  }

  /** The client notices that the connection is gone. */
  #breakOff(target: ServerNode): void {
    const delayMs = this.#network.delayMs(this.#client, undefined)
    this.#network.scheduler.after(this.#client, delayMs, `${this.#client.name} x ${target.name} ${this.#label}`, () =>
      this.#fail(new ConnectError('the connection was lost', Code.Unavailable)),
    )
  }

  /** The server notices that nobody waits any more. */
  #hangUp(target: ServerNode): void {
    const delayMs = this.#network.delayMs(this.#client, undefined)
    const { life } = target
    if (life === undefined) return
    this.#network.scheduler.after(life.process, delayMs, '', () => this.#serverSide.abort())
  }

  #arrive(response: Response): void {
    this.#over()
    this.#onResponse(response)
  }

  #fail(error: unknown): void {
    if (this.#isOver) return
    this.#over()
    this.#inbox?.fail(error)
    this.#onFailure(error)
  }

  #over(): void {
    this.#isOver = true
    this.#onOver()
  }
}

async function collected(body: AsyncIterable<Uint8Array> | undefined): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body ?? []) chunks.push(chunk)
  if (chunks.length === 1) return chunks[0] as Uint8Array
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

/** The same bytes for whoever asks, however often: a request may be delivered twice. */
function bodyOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator]() {
      if (bytes.length > 0) yield bytes
    },
  }
}
