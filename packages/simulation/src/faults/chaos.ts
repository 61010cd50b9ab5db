import type { ClientNode } from '../client-node.ts'
import type { CrashLoss } from '../local-disk.ts'
import type { Network } from '../network.ts'
import type { ObjectStorage } from '../object-storage.ts'
import type { Process } from '../process.ts'
import type { Random } from '../random.ts'
import type { NodeFaults } from '../scenario.ts'
import type { Scheduler } from '../scheduler.ts'
import type { ServerNodeImpl } from '../servers.ts'
import type { Tally } from '../tally.ts'

/** What chaos strikes. */
export interface ChaosOptions {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly tally: Tally
  readonly faults: NodeFaults
  readonly network: Network
  readonly storage: ObjectStorage
  readonly servers: readonly ServerNodeImpl[]
  readonly clients: readonly ClientNode[]
  /** What a crash of a client means to those who keep account of it. */
  readonly onClientCrash: (node: ClientNode, loss: CrashLoss) => void
  /** Starts a client again. */
  readonly restart: (node: ClientNode) => void
}

/** Strikes nodes: crashes, pauses, partitions, wrong clocks, slowness, and an overloaded object store. */
export class Chaos {
  readonly #options: ChaosOptions
  #isOver = false
  #stormUntilMs = 0

  constructor(options: ChaosOptions) {
    this.#options = options
  }

  /** Whether the object store is overloaded at the moment. */
  get isStormy(): boolean {
    return this.#options.scheduler.nowMs < this.#stormUntilMs
  }

  start(): void {
    const { faults } = this.#options
    this.#every(faults.crashMs, () => this.#crash())
    this.#every(faults.pauseMs, () => this.#pause())
    this.#every(faults.partitionMs, () => this.#partition())
    this.#every(faults.clockJumpMs, () => this.#jump())
    this.#every(faults.slowMs, () => this.#slow())
    this.#every(faults.stormMs, () => this.#storm())
  }

  /** Nothing is struck from here on, and everybody wakes up. */
  end(): void {
    const { servers, clients, network, storage } = this.#options
    this.#isOver = true
    network.heal(true)
    storage.heal(true)
    for (const server of servers) {
      // One that is being shut down takes nothing any more.
      if (server.isClosing) server.crash()
      if (server.life === undefined) server.start()
      calmDown(server.life?.process)
    }
    for (const client of clients) {
      client.disk.isHealed = true
      calmDown(client.process)
    }
  }

  #every(ms: number, strike: () => void): void {
    const { scheduler, random } = this.#options
    if (!Number.isFinite(ms)) return
    scheduler.after(undefined, -Math.log(1 - random.number()) * ms, '', () => {
      if (this.#isOver) return
      strike()
      this.#every(ms, strike)
    })
  }

  #crash(): void {
    const { random, servers, clients, tally, scheduler } = this.#options
    const downMs = random.pick([50, 500, 5_000])
    if (random.chance(0.5)) {
      const server = random.pick(servers)
      if (server.life === undefined) return
      if (random.chance(0.2)) return this.#shutDown(server, downMs)
      scheduler.note(`crash ${server.name}`)
      server.crash()
      tally.add('nodes: server crashed')
      scheduler.after(undefined, downMs, `start ${server.name}`, () => {
        if (server.life === undefined) server.start()
      })
      return
    }
    const client = random.pick(clients)
    if (client.process === undefined) return
    const loss = random.pick(['kept', 'lost', 'torn'] as const)
    scheduler.note(`crash ${client.name}, ${loss}`)
    const gone = client.crash(loss)
    tally.add(`nodes: client crashed, disk ${loss}`)
    if (gone > 0) tally.add('disk: unsynced batches lost', gone)
    this.#options.onClientCrash(client, loss)
    scheduler.after(undefined, downMs, `start ${client.name}`, () => this.#options.restart(client))
  }

  /** An operator starts a server anew: it ends what it has, or does not come to that. */
  #shutDown(server: ServerNodeImpl, downMs: number): void {
    const { tally, scheduler } = this.#options
    const { life } = server
    if (life === undefined) return
    scheduler.note(`shut down ${server.name}`)
    tally.add('nodes: server shut down')
    server.isClosing = true
    void life.close()
    scheduler.after(undefined, downMs, `start ${server.name}`, () => {
      if (server.life !== life) return
      server.crash()
      server.start()
    })
  }

  #pause(): void {
    const { random, tally, scheduler } = this.#options
    const process = this.#anyProcess()
    if (process === undefined) return
    const ms = random.pick([100, 2_000, 30_000])
    process.pausedUntilMs = scheduler.nowMs + ms
    scheduler.note(`pause ${process.name} ${ms}`)
    tally.add('nodes: paused')
  }

  #partition(): void {
    const { random, tally, scheduler, network, storage, servers, clients } = this.#options
    const [client, server] = [random.pick(clients), random.pick(servers)]
    const ms = random.pick([500, 5_000, 30_000])
    const which = random.pick(['client', 'server', 'store'] as const)
    scheduler.note(`partition ${which} ${client.name} ${server.name} ${ms}`)
    const cut = (isCut: boolean): void => {
      if (which === 'store') storage.cut(server.name, isCut)
      else if (which === 'server') network.cut(client.name, server.name, isCut)
      // Offline altogether.
      else for (const each of servers) network.cut(client.name, each.name, isCut)
    }
    cut(true)
    scheduler.after(undefined, ms, 'partition ends', () => cut(false))
    tally.add(which === 'client' ? 'nodes: client offline' : 'nodes: partition')
  }

  #jump(): void {
    const { random, tally, scheduler } = this.#options
    const process = this.#anyProcess()
    if (process === undefined) return
    const ms = random.pick([-600_000, -10_000, 10_000, 600_000]) * random.number()
    process.clockOffsetMs += ms
    scheduler.note(`clock ${process.name} ${Math.round(ms)}`)
    tally.add('nodes: clock jumped')
  }

  #slow(): void {
    const { random, tally, scheduler } = this.#options
    const process = this.#anyProcess()
    if (process === undefined) return
    process.slowness = process.usualSlowness * random.pick([5, 50])
    scheduler.note(`slow ${process.name} ${process.slowness}`)
    scheduler.after(process, random.between(1_000, 10_000), '', () => void (process.slowness = process.usualSlowness))
    tally.add('nodes: slow')
  }

  #storm(): void {
    const { random, tally, scheduler } = this.#options
    this.#stormUntilMs = scheduler.nowMs + random.between(500, 4_000)
    scheduler.note('storm')
    tally.add('object store: storm of refusals')
  }

  #anyProcess(): Process | undefined {
    const { random, servers, clients } = this.#options
    return random.chance(0.5) ? random.pick(servers).life?.process : random.pick(clients).process
  }
}

function calmDown(process: Process | undefined): void {
  if (process === undefined) return
  process.pausedUntilMs = 0
  process.slowness = 1
  // Segment refs are taken for as long as clocks agree about their age.
  process.clockOffsetMs = 0
}
