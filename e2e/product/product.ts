import { mkdir } from 'node:fs/promises'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { Client, type Volume } from '@graft-ts/client'
import { httpTransport } from '@graft-ts/protocol'
import { MemoryLevel } from 'memory-level'
import type { Random } from '../load/random.ts'
import { type Gateway, newS3Client, type S3Server } from '../servers/s3-server.ts'
import type { ServerProcess } from '../servers/server-process.ts'
import { startVersitygw } from '../servers/versitygw.ts'
import { newGraftServer } from './server.ts'

const BUCKET = 'product'
const PAGE_SIZE = 4096

/** All of the product: clients, a graft-ts server that can be killed, and the S3 server that it keeps everything on. */
export class Product {
  readonly server: ServerProcess
  readonly #s3: S3Server
  readonly #url: string
  readonly #clients: Client[] = []

  private constructor(s3: S3Server, server: ServerProcess, url: string) {
    this.#s3 = s3
    this.server = server
    this.#url = url
  }

  /** @param folder Where everything goes; must not exist. */
  static async start(program: string, folder: string): Promise<Product> {
    await mkdir(folder)
    const s3 = await startVersitygw(program, folder, 1)
    try {
      const { settings, gateways } = s3
      const [gateway] = gateways as [Gateway]
      const client = newS3Client(gateway, settings)
      await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
      client.destroy()
      const { endpoint } = gateway
      const { process, url } = await newGraftServer({ endpoint, bucket: BUCKET }, folder)
      return new Product(s3, process, url)
    } catch (error) {
      await s3.stop()
      throw error
    }
  }

  /** The S3 server's only process. */
  get gateway(): Gateway {
    return this.#s3.gateways[0] as Gateway
  }

  /** A client with an empty local store. */
  async newClient(): Promise<Client> {
    const store = new MemoryLevel<string, Uint8Array>({ keyEncoding: 'utf8', valueEncoding: 'view' })
    const client = await Client.open({ transport: httpTransport({ baseUrl: this.#url }), store })
    this.#clients.push(client)
    return client
  }

  /** Ends all of it. */
  async stop(): Promise<void> {
    for (const client of this.#clients) await client.close()
    await this.server.kill()
    await this.#s3.stop()
  }
}

/** A volume, and a second copy of what it has to hold. */
export class ExpectedVolume {
  readonly volume: Volume
  readonly pageCount: number
  readonly #random: Random
  readonly #pages: Uint8Array[]

  constructor(volume: Volume, pageCount: number, random: Random) {
    this.volume = volume
    this.pageCount = pageCount
    this.#random = random
    this.#pages = Array.from({ length: pageCount }, () => new Uint8Array(PAGE_SIZE))
  }

  /** Commits new contents of pages locally. */
  async write(pageIndexes: readonly number[]): Promise<void> {
    for (const pageIndex of pageIndexes) this.#pages[pageIndex - 1] = newPage(this.#random)
    await this.volume.transact((tx) => {
      for (const pageIndex of pageIndexes) tx.write(pageIndex, this.#pages[pageIndex - 1] as Uint8Array)
    })
  }

  /** Some of the pages. */
  somePages(count: number): number[] {
    return Array.from({ length: count }, () => 1 + this.#random(this.pageCount))
  }

  /** Reads all pages of a copy; tells which of them differ. */
  async differences(copy: Volume): Promise<number[]> {
    const snapshot = copy.snapshot()
    try {
      const pages = await snapshot.readMany(this.#pages.map((_, i) => i + 1))
      const differ = (page: Uint8Array, i: number): boolean => Buffer.compare(page, pages.get(i + 1) ?? new Uint8Array()) !== 0
      return this.#pages.flatMap((page, i) => (differ(page, i) ? [i + 1] : []))
    } finally {
      snapshot.close()
    }
  }
}

/** Contents of their own, half of which compress. */
function newPage(random: Random): Uint8Array {
  const page = new Uint8Array(PAGE_SIZE)
  for (let i = 0; i < PAGE_SIZE / 2; i++) page[i] = random(256)
  return page
}
