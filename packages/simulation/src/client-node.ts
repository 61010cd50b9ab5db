import { Client, type MergePage, type SyncOptions, type Volume } from '@graft-ts/client'
import { leap } from '@graft-ts/prefetch-leap'
import type { GraftTransport } from '@graft-ts/protocol'
import { isTypedError } from '@graft-ts/volume'
import { type CrashLoss, DiskStore, type LocalDisk } from './local-disk.ts'
import { Process } from './process.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { KnownVolume } from './volumes.ts'

/** How a client is set up; the same for all its lives. */
export interface ClientSetup {
  readonly memoryCacheBytesMax: number
  readonly attemptsMax: number
  readonly retryDelayMs: number
  readonly hasPrefetcher: boolean
  readonly handles: number
  /** What it does by itself, too; `undefined`: nothing. */
  readonly sync: SyncOptions | undefined
  /** How much it may keep of what can be fetched again; `undefined`: any amount. */
  readonly localBytesMax: number | undefined
  /** How many times slower than others it is: far away, if more than 1. */
  readonly slowness: number
  /** The lowest durability of its transactions. */
  readonly durability: 'memory' | 'local' | 'remote'
}

/** One life of a client. */
export interface ClientLife {
  readonly process: Process
  readonly client: Client
  readonly volumes: ReadonlyMap<KnownVolume, Volume>
}

/** A client through all its lives, on one disk. */
export class ClientNode {
  readonly name: string
  readonly setup: ClientSetup
  readonly disk: LocalDisk
  readonly random: Random
  readonly #scheduler: Scheduler
  readonly #transportOf: (process: Process) => GraftTransport
  readonly #merge: MergePage | undefined
  readonly #opened: Client[] = []
  /** Counts resets, by volume: what was dropped by one may still turn up in the log. */
  readonly epochs = new Map<KnownVolume, number>()
  /** Volumes of which nobody knows whether their reset came to its end before a crash. */
  readonly halfReset = new Set<KnownVolume>()
  process: Process | undefined
  life: ClientLife | undefined
  clientId: string | undefined
  /** Whether it comes up without its disk having lost anything. */
  hasCrashed = false

  constructor(options: {
    name: string
    setup: ClientSetup
    disk: LocalDisk
    random: Random
    scheduler: Scheduler
    transportOf: (process: Process) => GraftTransport
    /** Settles conflicts about pages; `undefined`: nothing does. */
    merge: MergePage | undefined
  }) {
    this.name = options.name
    this.setup = options.setup
    this.disk = options.disk
    this.random = options.random
    this.#scheduler = options.scheduler
    this.#transportOf = options.transportOf
    this.#merge = options.merge
  }

  epoch(volume: KnownVolume): number {
    return this.epochs.get(volume) ?? 0
  }

  /** Starts it. Never settles if it crashes meanwhile. */
  async start(volumes: readonly KnownVolume[]): Promise<ClientLife> {
    const process = new Process({
      name: this.name,
      random: this.random.fork(),
      scheduler: this.#scheduler,
      clockOffsetMs: this.random.between(-5_000, 5_000),
      usualSlowness: this.setup.slowness,
    })
    this.process = process
    const client = await this.#untilItWorks(process, () =>
      Client.open({
        transport: this.#transportOf(process),
        store: new DiskStore(this.disk, process),
        idSource: process.idSource,
        timers: process.timers,
        memoryCacheBytesMax: this.setup.memoryCacheBytesMax,
        attemptsMax: this.setup.attemptsMax,
        retryDelayMs: this.setup.retryDelayMs,
        ...(this.setup.localBytesMax !== undefined && { localBytesMax: this.setup.localBytesMax }),
        connectivity: { isOnline: () => true, subscribe: () => () => undefined },
        ...(this.setup.sync && { sync: this.setup.sync }),
        ...(this.#merge && { merge: this.#merge }),
        ...(this.setup.hasPrefetcher && { prefetcher: leap({ windowPagesMax: 4 }) }),
      }),
    )
    this.#opened.push(client)
    this.clientId = client.clientId
    const opened = new Map<KnownVolume, Volume>()
    for (const volume of volumes) opened.set(volume, await this.#untilItWorks(process, () => this.#openVolume(client, volume)))
    const life: ClientLife = { process, client, volumes: opened }
    this.life = life
    return life
  }

  /** Ends it on the spot. Says how many batches its disk has lost. */
  crash(loss: CrashLoss): number {
    this.process?.die()
    this.process = undefined
    this.life = undefined
    this.hasCrashed = true
    return this.disk.crash(loss, (batches) => this.random.between(0, batches))
  }

  /**
   * Lets go of whatever its lives were waiting for, once the run is over: the runtime keeps signals that somebody listens to,
   * and with them the whole world, until they fire.
   */
  release(): void {
    for (const client of this.#opened) client.close().catch(() => undefined)
  }

  /** Opens a volume. The first client makes those that nobody has yet. */
  async #openVolume(client: Client, volume: KnownVolume): Promise<Volume> {
    return client.openVolume(volume.volumeId)
  }

  async #untilItWorks<T>(process: Process, call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call()
      } catch (error) {
        if (!isTypedError(error)) throw error
        await this.#scheduler.wait(process, 500, '')
      }
    }
  }
}
