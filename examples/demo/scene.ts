// What the demonstrations work with: a fresh folder, a server, clients with local stores of their own. All of it is gone
// at the end, however that comes.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@graft-ts/client'
import { leap } from '@graft-ts/prefetch-leap'
import { httpTransport } from '@graft-ts/protocol'
import { ClassicLevel } from 'classic-level'
import { type ServerProcess, startServerProcess } from './command-line.ts'
import { type CountingFetch, countingFetch, type Traffic, trafficBetween } from './traffic.ts'
import { type Passed, watchWire } from './wire-watch.ts'

/** What some work took. */
export interface Cost<T> {
  readonly value: T
  readonly traffic: Traffic
  readonly passed: Passed
  readonly milliseconds: number
}

/** A client whose wire is watched. */
export class DemoClient {
  readonly client: Client
  readonly localDirectory: string
  readonly #counting: CountingFetch
  readonly #look: () => Passed

  private constructor(options: { client: Client; localDirectory: string; counting: CountingFetch; look: () => Passed }) {
    this.client = options.client
    this.localDirectory = options.localDirectory
    this.#counting = options.counting
    this.#look = options.look
  }

  static async open(url: string, localDirectory: string): Promise<DemoClient> {
    const counting = countingFetch()
    const { transport, look } = watchWire(httpTransport({ baseUrl: url, fetch: counting.fetch }))
    const store = new ClassicLevel<string, Uint8Array>(localDirectory, { keyEncoding: 'utf8', valueEncoding: 'view' })
    const client = await Client.open({ transport, store, prefetcher: leap() })
    return new DemoClient({ client, localDirectory, counting, look })
  }

  /** Does some work, and tells what it took, with all that was still on its way when it was done. */
  async measure<T>(work: () => Promise<T>): Promise<Cost<T>> {
    await this.#counting.settled()
    this.#look()
    const before = this.#counting.traffic()
    const startedMs = performance.now()
    const value = await work()
    const milliseconds = performance.now() - startedMs
    await this.#counting.settled()
    return { value, traffic: trafficBetween(before, this.#counting.traffic()), passed: this.#look(), milliseconds }
  }
}

/** Folder, server and clients. */
export class Scene {
  readonly directory: string
  #server: ServerProcess | undefined
  readonly #clients = new Set<DemoClient>()

  private constructor(directory: string) {
    this.directory = directory
  }

  /** Makes the folder. */
  static async open(): Promise<Scene> {
    return new Scene(await mkdtemp(join(tmpdir(), 'graft-ts-demo-')))
  }

  /** A path in the folder. */
  path(name: string): string {
    return join(this.directory, name)
  }

  /** Folder of the object store. */
  get storeDirectory(): string {
    return this.path('store')
  }

  /** Address of the server. */
  get url(): string {
    if (this.#server === undefined) throw new Error('the server has not been started')
    return this.#server.url
  }

  /** Starts the server, in a process of its own. */
  async startServer(): Promise<ServerProcess> {
    this.#server = await startServerProcess(this.storeDirectory)
    return this.#server
  }

  /** A client with a local store of its own. */
  async openClient(name: string): Promise<DemoClient> {
    const client = await DemoClient.open(this.url, this.path(`local-${name}`))
    this.#clients.add(client)
    return client
  }

  /** Closes a client, so that another process can have its local store. */
  async closeClient(client: DemoClient): Promise<void> {
    this.#clients.delete(client)
    await client.client.close()
  }

  /** Ends everything and removes the folder. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#clients].map((client) => this.closeClient(client)))
    await this.#server?.stop()
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 })
  }
}
