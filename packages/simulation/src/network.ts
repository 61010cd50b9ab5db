import { Exchange, type Line, type RequestFaults, type ServerNode } from './exchange.ts'
import { calm, drawLatency, type Latency } from './latency.ts'
import type { Process } from './process.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { Tally } from './tally.ts'

/** How often messages between nodes get lost, and how long they take. */
export interface NetworkFaults extends RequestFaults {
  readonly latency: Latency
}

/** Carries requests of clients to servers, badly. */
export class Network implements Line {
  readonly scheduler: Scheduler
  readonly tally: Tally
  readonly #random: Random
  readonly #faults: NetworkFaults
  readonly #cuts = new Set<string>()
  /** When the last message between two nodes arrives. */
  readonly #arrivals = new Map<string, number>()
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

  /** What `fetch` is to a client: it reaches any of several servers, and another one after a failure. */
  fetchOf(client: Process, servers: readonly ServerNode[]): typeof fetch {
    let target = this.#random.pick(servers)
    return async (input, init) => {
      client.requests++
      try {
        return await new Exchange(this, client, { url: String(input), init: init ?? {} }).start(target, servers)
      } catch (error) {
        target = this.#random.pick(servers)
        throw error
      }
    }
  }

  /** Whether something that happens in a share of all cases happens now. */
  happens(fault: keyof RequestFaults): boolean {
    const isSo = this.#random.chance(this.#faults[fault]) && !this.#isHealed
    if (isSo) this.tally.add(`network: ${FAULT_NAMES[fault]}`)
    return isSo
  }

  /** How long a message takes. */
  delayMs(from: Process, to: Process | undefined): number {
    const { latency } = this.#faults
    const { delayMs, isLate } = drawLatency(this.#isHealed ? calm(latency) : latency, this.#random)
    if (isLate) this.tally.add('network: far too late')
    const travelMs = delayMs * Math.max(from.slowness, to?.slowness ?? 1)
    this.#noteArrival(`${from.name}|${to?.name}`, this.scheduler.nowMs + travelMs)
    return travelMs
  }

  /** Counts messages that are overtaken by later ones. */
  #noteArrival(pair: string, atMs: number): void {
    if ((this.#arrivals.get(pair) ?? 0) > atMs) this.tally.add('network: overtaken')
    this.#arrivals.set(pair, Math.max(atMs, this.#arrivals.get(pair) ?? 0))
  }

  /** Whether a caller is told of a broken connection, rather than left waiting. */
  isNoticed(): boolean {
    return this.#random.chance(0.6)
  }

  pick<T>(items: readonly T[]): T {
    return this.#random.pick(items)
  }
}

const FAULT_NAMES: Readonly<Record<keyof RequestFaults, string>> = {
  requestLost: 'request lost',
  replyLost: 'reply lost after the effect',
  duplicate: 'duplicate delivery',
  bodyInParts: 'body in parts',
  bodyCutOff: 'body cut off',
  bodyStalled: 'body stalled',
  proxyAnswers: 'answered by a proxy',
}
