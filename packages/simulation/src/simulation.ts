import { checkBounds } from './checkers/bounds.ts'
import { expectationOf } from './checkers/view-checker.ts'
import type { ClientLife, ClientNode } from './client-node.ts'
import { faultsIn } from './coverage.ts'
import { EventLog } from './event-log.ts'
import { Chaos } from './faults/chaos.ts'
import type { CrashLoss } from './local-disk.ts'
import { Operations } from './operations/operations.ts'
import { Random } from './random.ts'
import { FAULTS_MIN } from './scenario.ts'
import { quiescence } from './scheduler.ts'
import { setUp } from './set-up.ts'
import { settle } from './settle.ts'
import { fallSilent } from './silence.ts'
import { Tally } from './tally.ts'
import { textOf } from './texts.ts'
import { Violation } from './violation.ts'
import { virtualizeRuntime } from './virtual-runtime.ts'
import { World } from './world.ts'

const BOUNDS_MS = 500

/** What came of one seed. */
export interface SeedResult {
  readonly seed: number
  /** What must never happen, and did; `undefined`: all is well. */
  readonly violation: Violation | undefined
  readonly tally: Tally
  /** Virtual time that passed. */
  readonly virtualMs: number
  readonly events: number
  /** A digest of everything that happened, in order. */
  readonly digest: string
  readonly lines: readonly string[]
}

const EVENTS_MAX = 400_000
/** How long the calls that are under way when faults stop may take, in virtual time. */
const CALM_MS_MAX = 30 * 60_000

/**
 * Simulates the world of a seed from its beginning until everybody agrees again.
 *
 * @param options.isLogged Whether the text of the event log is kept.
 */
export async function simulate(seed: number, options: { readonly isLogged?: boolean } = {}): Promise<SeedResult> {
  // Errors are part of life here, thousands of them, and nobody looks at where they were made.
  if (options.isLogged !== true) Error.stackTraceLimit = 0
  const log = new EventLog({ isKept: options.isLogged ?? false })
  const tally = new Tally()
  const run = new SimulationRun(seed, log, tally)
  // What nobody waits for and nobody looks at would end the process of a server.
  const onUnhandled = (error: unknown): void =>
    run.found(new Violation('I11', `nobody looked at ${textOf(error)}`, { cause: error }))
  process.on('unhandledRejection', onUnhandled)
  const restoreRuntime = virtualizeRuntime(run.world.scheduler, (violation) => run.found(violation))
  try {
    const violation = await run.run()
    const { nowMs } = run.world.scheduler
    return {
      seed,
      violation,
      tally: tally.copy(),
      virtualMs: nowMs,
      events: log.count,
      digest: log.digest,
      lines: [...log.lines],
    }
  } finally {
    await run.release()
    restoreRuntime()
    process.off('unhandledRejection', onUnhandled)
  }
}

/** One user of a client. */
interface Handle {
  /** The call that is under way. */
  doing: string | undefined
}

class SimulationRun {
  readonly world: World
  readonly #tally: Tally
  readonly #handles = new Map<ClientNode, Set<Handle>>()
  readonly #operations = new Map<ClientNode, Operations>()
  #operationsLeft: number
  #isWorn = false
  #violation: Violation | undefined

  constructor(seed: number, log: EventLog, tally: Tally) {
    this.#tally = tally
    this.world = new World({ random: new Random(seed), log, tally, onViolation: (violation) => this.found(violation) })
    this.#operationsLeft = this.world.scenario.operations
  }

  async run(): Promise<Violation | undefined> {
    const { world } = this
    await this.#phase('setting up', () => setUp(world), CALM_MS_MAX)
    world.heal(false)
    const chaos = this.#openChaos()
    world.chaos = chaos
    this.#startClients()
    this.#watchBounds()
    chaos.start()
    await this.#until('the calls of the clients', () => this.#isEnough(), Number.POSITIVE_INFINITY)
    chaos.end()
    world.heal(true)
    world.scheduler.note('calm')
    await this.#until('calls that were under way when faults stopped', () => this.#isQuiet(), CALM_MS_MAX)
    await this.#phase('silence', () => fallSilent(world, (node) => this.#operations.get(node)), CALM_MS_MAX)
    for (const operations of this.#operations.values()) operations.end()
    await this.#phase('coming to agree', () => settle(world), CALM_MS_MAX)
    for (const server of world.servers) server.collect()
    return this.#violation
  }

  /** Looks now and then, for as long as the run goes on. */
  #watchBounds(): void {
    this.world.scheduler.after(undefined, BOUNDS_MS, '', () => {
      try {
        checkBounds(this.world)
        this.#watchBounds()
      } catch (violation) {
        this.found(violation)
      }
    })
  }

  #openChaos(): Chaos {
    const { scheduler, random, tally, network, storage, servers, clients, scenario } = this.world
    return new Chaos({
      scheduler,
      random: random.fork(),
      tally,
      faults: scenario.nodes,
      network,
      storage,
      servers,
      clients,
      onClientCrash: (node, loss) => this.#onCrash(node, loss),
      restart: (node) => this.#start(node),
    })
  }

  #startClients(): void {
    const { world } = this
    for (const [i, node] of world.clients.entries()) {
      // Some join when the log is long already.
      const delayMs = i > 1 && world.random.chance(0.4) ? world.random.between(1_000, 15_000) : 0
      if (delayMs > 0) world.tally.add('world: late joiners')
      world.scheduler.after(undefined, delayMs, `start ${node.name}`, () => this.#start(node))
    }
  }

  #start(node: ClientNode): void {
    if (node.process !== undefined && node.process.isAlive) return
    void this.#live(node).catch((error: unknown) => this.found(error))
  }

  async #live(node: ClientNode): Promise<void> {
    const { world } = this
    const isAgain = node.hasCrashed
    const life = await node.start(world.volumes.all)
    const { transactions, tally } = world
    const operations = new Operations({ node, life, transactions, tally, onViolation: (violation) => this.found(violation) })
    this.#operations.set(node, operations)
    if (isAgain) await this.#survey(node, life, operations)
    const handles = new Set<Handle>()
    this.#handles.set(node, handles)
    for (let i = 0; i < node.setup.handles; i++) void this.#handle(life, operations, handles)
  }

  /** After a crash: what of that which was open is there? Nothing else is done before that is known. */
  async #survey(node: ClientNode, life: ClientLife, operations: Operations): Promise<void> {
    const { scheduler, tally, transactions } = this.world
    for (const [known, volume] of life.volumes) {
      if (volume.status().attempt !== undefined) tally.add('recovery: attempt found after a crash')
      if (volume.status().pendingCommits > 0) tally.add('recovery: pending commits found after a crash')
      while (!(await operations.run('audit', known)) && this.#violation === undefined)
        await scheduler.wait(life.process, 1_000, '')
      const { uncertain } = expectationOf(transactions, node.name, known, node.epoch(known))
      if (uncertain.length > 0 && this.#violation === undefined)
        this.found(new Violation('simulation', 'a survey left something open'))
    }
  }

  /** One user of a client: calls one after the other, with pauses. */
  async #handle(life: ClientLife, operations: Operations, handles: Set<Handle>): Promise<void> {
    const handle: Handle = { doing: undefined }
    handles.add(handle)
    const { scheduler } = this.world
    const { random } = life.process
    while (!this.#isEnough() && this.#violation === undefined) {
      await scheduler.wait(life.process, random.pick([1, 20, 100, 400]) * random.number(), '')
      if (this.#isEnough()) break
      this.#operationsLeft--
      const [name, volume] = operations.draw()
      handle.doing = name
      await operations.run(name, volume)
      handle.doing = undefined
    }
    handles.delete(handle)
  }

  #onCrash(node: ClientNode, loss: CrashLoss): void {
    const { transactions, volumes } = this.world
    this.#handles.delete(node)
    const operations = this.#operations.get(node)
    this.#operations.delete(node)
    for (const known of volumes.all) {
      for (const transaction of transactions.of(node.name, known.number)) {
        const mayBeGone = loss !== 'kept' && transaction.mayBeLost && transaction.lsn === undefined
        if (transaction.state === 'running') transaction.state = transaction.slot === undefined ? 'failed' : 'uncertain'
        else if (transaction.state === 'local' && mayBeGone) transaction.state = 'uncertain'
      }
      operations?.crashed(known)
    }
  }

  /** Whether clients have done what they are to do, and met enough faults on the way. */
  #isEnough(): boolean {
    if (this.#operationsLeft > 0) return false
    this.#isWorn ||= faultsIn(this.#tally) >= FAULTS_MIN || this.#operationsLeft < -this.world.scenario.operations
    return this.#isWorn
  }

  #isQuiet(): boolean {
    const { clients } = this.world
    return clients.every((node) => node.life !== undefined && this.#handles.get(node)?.size === 0)
  }

  /** Runs something to its end, with the scheduler. */
  async #phase(name: string, work: () => Promise<void>, msMax: number): Promise<void> {
    if (this.#violation !== undefined) return
    let isDone = false
    work()
      .catch((error: unknown) => this.found(error))
      .finally(() => (isDone = true))
    await this.#until(name, () => isDone, msMax)
  }

  async #until(name: string, isDone: () => boolean, msMax: number): Promise<void> {
    if (this.#violation !== undefined) return
    const { scheduler } = this.world
    const endMs = scheduler.nowMs + msMax
    const end = await scheduler.run(() => this.#violation !== undefined || isDone() || scheduler.nowMs > endMs, EVENTS_MAX)
    if (this.#violation !== undefined || isDone()) return
    this.found(new Violation('liveness', `${name}: not at an end, ${end === 'done' ? 'out of time' : end}: ${this.#stuck()}`))
  }

  /** Who is still doing what. */
  #stuck(): string {
    const { clients } = this.world
    return clients
      .map((node) => {
        const doing = [...(this.#handles.get(node) ?? [])].map((handle) => handle.doing ?? 'nothing')
        return `${node.name} ${node.life === undefined ? 'down' : doing.join(' and ')}`
      })
      .join(', ')
  }

  /** Forgets everything, after the end. */
  async release(): Promise<void> {
    for (const node of this.world.clients) node.release()
    await quiescence()
  }

  /** Takes note of what must not happen; the run ends. */
  found(violation: unknown): void {
    this.#violation ??=
      violation instanceof Violation
        ? violation
        : new Violation('I11', `not a typed error: ${textOf(violation)}`, { cause: violation })
    this.#tally.add('violations')
  }
}
