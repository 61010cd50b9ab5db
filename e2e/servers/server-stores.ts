import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3'
import type { S3Store } from '@graft-ts/storage-adapters/s3'
import { newS3Client, newS3Store, type S3Server } from './s3-server.ts'

const BUCKET = 'e2e'

/** The stores of a running server: as many as one likes, and each of them through any of the gateways. */
export class ServerStores {
  readonly #server: S3Server
  readonly #clients: readonly S3Client[]
  #prefixes = 0

  private constructor(server: S3Server) {
    this.#server = server
    this.#clients = server.gateways.map((gateway) => newS3Client(gateway, server.settings))
  }

  /** Makes the bucket. */
  static async open(server: S3Server): Promise<ServerStores> {
    const stores = new ServerStores(server)
    await stores.#clients[0]?.send(new CreateBucketCommand({ Bucket: BUCKET }))
    return stores
  }

  /** A store with nothing in it, through the first gateway. */
  newStore(): S3Store {
    this.#prefixes++
    return this.handles()[0] as S3Store
  }

  /** The newest store, through each of the gateways. */
  handles(): S3Store[] {
    const { settings } = this.#server
    return this.#clients.map((client) => newS3Store(client, BUCKET, settings, `stores/${this.#prefixes}`))
  }

  close(): void {
    for (const client of this.#clients) client.destroy()
  }
}
