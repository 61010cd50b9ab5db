import { join } from 'node:path'
import { Client, type ClientOptions, type Volume } from '@graft-ts/client'
import { type EmbeddedTransport, embedded } from '@graft-ts/embedded'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { PAGE_SIZE_DEFAULT, type VolumeId } from '@graft-ts/volume'
import { createNodeFrameCodec } from '@graft-ts/volume/node'
import { ClassicLevel } from 'classic-level'
import { type Random, seeded } from '../splinter/random.ts'

/** Bytes of a page, on both sides. */
export const PAGE_BYTES: number = PAGE_SIZE_DEFAULT

const COMMIT_PAGES = 500

/** What the client is handed as its local store. */
export type Level = ClassicLevel<string, Uint8Array>

/** How both sides look keys up. */
export const ENCODINGS = { keyEncoding: 'utf8', valueEncoding: 'view' } as const

/** A database in a folder, not open yet. */
export function newLevel(folder: string): Level {
  return new ClassicLevel<string, Uint8Array>(folder, ENCODINGS)
}

// Of all worlds, so that they can share a scratch folder.
let stores = 0

/** One remote log in this process, and clients with local stores on disk. */
export class World {
  readonly transport: EmbeddedTransport = embedded(new MemoryStore(), { codec: createNodeFrameCodec({ format: 'raw' }) })
  readonly #scratch: string
  readonly #random: Random = seeded(1)

  constructor(scratch: string) {
    this.#scratch = scratch
  }

  /** A folder for one more local store. */
  newFolder(): string {
    return join(this.#scratch, `local-${stores++}`)
  }

  /** A client on the local store in a folder. */
  async open(folder: string, options: Partial<ClientOptions> = {}): Promise<{ readonly client: Client; readonly level: Level }> {
    const level = newLevel(folder)
    return { client: await Client.open({ transport: this.transport, store: level, durability: 'memory', ...options }), level }
  }

  /** Writes new content to the pages 1 to `count`, some hundred a commit. */
  async fill(volume: Volume, count: number): Promise<void> {
    for (let from = 1; from <= count; from += COMMIT_PAGES) {
      await volume.transact((tx) => {
        for (let i = from; i < Math.min(from + COMMIT_PAGES, count + 1); i++) tx.write(i, randomPage(this.#random))
      })
    }
  }

  /** A volume of another client, with so many pages, all of them in the remote log. */
  async remoteVolume(pages: number): Promise<VolumeId> {
    return this.elsewhere(async (client) => {
      const volume = await client.createVolume()
      await this.fill(volume, pages)
      await volume.push()
      return volume.volumeId
    })
  }

  /** Does something as another client, which keeps nothing. */
  async elsewhere<T>(run: (client: Client) => Promise<T>): Promise<T> {
    const client = await Client.open({ transport: this.transport, store: 'memory', durability: 'memory', localBytesMax: 2 ** 32 })
    try {
      return await run(client)
    } finally {
      await client.close()
    }
  }
}

/** A page that does not compress. */
export function randomPage(random: Random): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES)
  const words = new Uint32Array(page.buffer)
  for (let i = 0; i < words.length; i++) words[i] = random(2 ** 32)
  return page
}

/** The pages 1 to `count`, shuffled. */
export function shuffledPages(count: number): Uint32Array {
  const random = seeded(2)
  const pages = Uint32Array.from({ length: count }, (_, i) => i + 1)
  for (let i = count - 1; i > 0; i--) {
    const other = random(i + 1)
    const page = pages[i] as number
    pages[i] = pages[other] as number
    pages[other] = page
  }
  return pages
}
