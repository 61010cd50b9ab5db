import type { MergePage } from '@graft-ts/client'
import { type GraftTransport, httpTransport } from '@graft-ts/protocol'
import { newVolumeId } from '@graft-ts/volume'
import { LogChecker } from './checkers/log-checker.ts'
import { WireChecker } from './checkers/wire-checker.ts'
import { ClientNode } from './client-node.ts'
import type { EventLog } from './event-log.ts'
import { Chaos } from './faults/chaos.ts'
import { LocalDisk } from './local-disk.ts'
import { Transactions } from './model/transactions.ts'
import { Network } from './network.ts'
import { ObjectStorage } from './object-storage.ts'
import { Process } from './process.ts'
import type { Random } from './random.ts'
import { drawScenario, type Scenario } from './scenario.ts'
import { Scheduler } from './scheduler.ts'
import { ServerNodeImpl } from './servers.ts'
import type { Tally } from './tally.ts'
import { Volumes } from './volumes.ts'
import { layOut } from './workloads/layout.ts'
import { mergeHook } from './workloads/merge-hook.ts'

const META_URL = 'https://meta'
const PAGES_URL = 'https://pages'
/** What clients do by themselves that do anything: those that do one thing only are not helped by the other. */
const SYNCS = [{}, {}, { pull: false }, { push: false }]

/** Everything that there is in a run: nodes, what lies between them, what watches them, and what strikes them. */
export class World {
  readonly scenario: Scenario
  readonly scheduler: Scheduler
  readonly random: Random
  readonly tally: Tally
  readonly network: Network
  readonly storage: ObjectStorage
  readonly volumes: Volumes = new Volumes()
  readonly transactions: Transactions = new Transactions()
  readonly metaStores: readonly ServerNodeImpl[]
  readonly pageStores: readonly ServerNodeImpl[]
  readonly clients: readonly ClientNode[]
  readonly #wire: WireChecker
  readonly #onViolation: (violation: unknown) => void
  #isHealed = true
  chaos: Chaos | undefined

  constructor(options: { random: Random; log: EventLog; tally: Tally; onViolation: (violation: unknown) => void }) {
    const { random, tally, onViolation } = options
    this.random = random
    this.tally = tally
    this.#onViolation = onViolation
    this.scenario = drawScenario(random.fork())
    this.scheduler = new Scheduler(random.fork(), options.log)
    const { scheduler, scenario } = this
    this.network = new Network({ scheduler, random: random.fork(), faults: scenario.network, tally })
    const { latency, hintLies } = scenario.objects
    this.storage = new ObjectStorage({ scheduler, random: random.fork(), latency, hintLies, tally })
    this.metaStores = this.#serversOf('meta', scenario.metaStores)
    this.pageStores = this.#serversOf('pages', scenario.pageStores)
    this.#wire = new WireChecker({ volumes: this.volumes, tally, mayBeStale: scenario.maxStalenessMs > 0, onViolation })
    this.clients = Array.from({ length: scenario.clients }, (_, i) => this.#clientOf(`client${i + 1}`))
    this.#addVolumes()
    this.storage.watcher = new LogChecker({
      objects: this.storage.objects,
      volumes: this.volumes,
      transactions: this.transactions,
      nodeOf: (clientId) => this.clients.find((node) => node.clientId === clientId)?.name,
      nowMs: () => scheduler.nowMs,
      tally,
      onViolation,
    })
    this.heal(true)
    this.#note()
  }

  /** Counts what this world has that others have not. */
  #note(): void {
    const { scenario, clients, tally } = this
    const features: Readonly<Record<string, boolean>> = {
      'clients that sync by themselves': clients.some(({ setup }) => setup.sync !== undefined),
      'clients with several handles': clients.some(({ setup }) => setup.handles > 1),
      'one client too far away': scenario.isContended,
      'several meta stores': scenario.metaStores > 1,
      'several page stores': scenario.pageStores > 1,
      'several volumes': scenario.volumes.length > 1,
      'sparse volumes': scenario.volumes.some(({ isSparse }) => isSparse),
    }
    for (const [feature, isThere] of Object.entries(features)) if (isThere) tally.add(`world: ${feature}`)
  }

  get servers(): readonly ServerNodeImpl[] {
    return [...this.metaStores, ...this.pageStores]
  }

  /** Whether nothing goes wrong any more, or yet. */
  heal(isHealed: boolean): void {
    this.#isHealed = isHealed
    this.network.heal(isHealed)
    this.storage.heal(isHealed)
    for (const { disk } of this.clients) disk.isHealed = isHealed
  }

  #serversOf(kind: 'meta' | 'pages', count: number): ServerNodeImpl[] {
    const { scheduler, storage, scenario, tally } = this
    const ground = {
      scheduler,
      random: this.random.fork(),
      storage,
      scenario,
      tally,
      isHealed: () => this.#isHealed,
      isStormy: () => this.chaos?.isStormy ?? false,
    }
    return Array.from({ length: count }, (_, i) => new ServerNodeImpl(`${kind}${i + 1}`, kind, ground))
  }

  #clientOf(name: string): ClientNode {
    const random = this.random.fork()
    const { isContended } = this.scenario
    const isFar = isContended && name === 'client1'
    return new ClientNode({
      name,
      random,
      scheduler: this.scheduler,
      disk: new LocalDisk(this.scenario.disk, this.tally),
      transportOf: (process) => this.#transportOf(process),
      merge: random.chance(0.7) ? this.#mergeHookOf(name, random.fork()) : undefined,
      setup: {
        memoryCacheBytesMax: random.pick([1, 16 * 1024, 2 ** 20]),
        attemptsMax: isFar ? 4 : random.pick([1, 2, 4]),
        retryDelayMs: isFar ? 1 : 100,
        hasPrefetcher: random.chance(0.4),
        localBytesMax: random.pick([undefined, undefined, 16 * 1024]),
        sync: random.chance(0.4) ? { ...random.pick(SYNCS), intervalMs: 5_000 } : undefined,
        handles: random.between(1, this.scenario.handlesMax),
        durability: isContended ? 'remote' : random.pick(['memory', 'local', 'local']),
        slowness: isFar || random.chance(0.1) ? 20 : 1,
      },
    })
  }

  #mergeHookOf(client: string, random: Random): MergePage {
    const { volumes, transactions, tally } = this
    return mergeHook({ client, volumes, transactions, tally, random, onViolation: this.#onViolation })
  }

  #transportOf(process: Process): GraftTransport {
    const meta = this.network.fetchOf(process, this.metaStores)
    const pages = this.network.fetchOf(process, this.pageStores)
    const transport = httpTransport({
      baseUrl: META_URL,
      pagesBaseUrl: PAGES_URL,
      timeoutMs: this.scenario.timeoutMs,
      fetch: (input, init) => (String(input).startsWith(META_URL) ? meta : pages)(input, init),
    })
    return this.#wire.watch(transport)
  }

  #addVolumes(): void {
    const random = this.random.fork()
    const maker = new Process({ name: 'maker', random, scheduler: this.scheduler, clockOffsetMs: 0 })
    const names = this.clients.map(({ name }) => name)
    for (const { pageSize, isSparse } of this.scenario.volumes) {
      this.volumes.add({ volumeId: newVolumeId(maker.idSource), pageSize, layout: layOut(names, isSparse, random) })
    }
  }

  violation(violation: unknown): void {
    this.#onViolation(violation)
  }
}
