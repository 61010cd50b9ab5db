// From nothing to the first page of a volume: what a client waits for, and what crosses the wire.
import { Client, type VolumeSnapshot } from '@graft-ts/client'
import { createCommitLogs } from '@graft-ts/commit-log'
import { createMetastore } from '@graft-ts/metastore'
import { createPagestore } from '@graft-ts/pagestore'
import { ageOnlyRefSigner, allowEverybody, httpTransport } from '@graft-ts/protocol'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { systemIdSource, type VolumeId } from '@graft-ts/volume'
import { createNodeFrameCodec } from '@graft-ts/volume/node'
import type { BenchmarkContext, Measurement } from '../harness/subject.ts'
import { seeded } from '../splinter/random.ts'
import { PAGE_BYTES, randomPage } from './world.ts'

const PAGES = 10_000
const COMMIT_PAGES = 50
const TRIP_MS = 50
const BYTES_PER_MS = 2500
const KIBIBYTE = 2 ** 10
const DOWNLOAD = 'download the volume'
// Requests that leave within as many turns of the event loop as this leave together.
const QUIET_TURNS = 20

/** A network that counts: all requests that leave together are answered together, one trip later. */
class CountingNetwork {
  readonly #handler: (request: Request) => Promise<Response>
  #trips = 0
  #requests = 0
  #bytes = 0
  #working = 0
  #arrival: Promise<void> | undefined

  constructor(handler: (request: Request) => Promise<Response>) {
    this.#handler = handler
  }

  /** What was counted since the last call. */
  take(): { readonly trips: number; readonly requests: number; readonly bytes: number } {
    const counted = { trips: this.#trips, requests: this.#requests, bytes: this.#bytes }
    this.#trips = this.#requests = this.#bytes = 0
    return counted
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    this.#requests++
    this.#working++
    const sent = await request.clone().arrayBuffer()
    const response = await this.#handler(request)
    const body = await response.arrayBuffer()
    this.#working--
    this.#bytes += sent.byteLength + body.byteLength
    this.#arrival ??= this.#trip()
    await this.#arrival
    return new Response(body, response)
  }

  async #trip(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      await new Promise(setImmediate)
      if (this.#working > 0) quiet = 0
    }
    this.#trips++
    this.#arrival = undefined
  }
}

/** All rows. */
export async function coldOpenRows({ progress }: BenchmarkContext): Promise<Measurement[]> {
  progress(`cold open of ${PAGES} pages`)
  const network = new CountingNetwork(newServer())
  const volumeId = await writeVolume(network)
  const first = await coldly(network, volumeId, (snapshot) => snapshot.read(PAGES / 2))
  const whole = await coldly(network, volumeId, (snapshot) => snapshot.hydrate())
  const name = `cold open to first page, ${PAGES} pages in ${PAGES / COMMIT_PAGES} commits`
  const waited = ({ trips, bytes }: typeof first): number => trips * TRIP_MS + bytes / BYTES_PER_MS
  const row = (what: string, unit: string, ours: number, baseline: number): Measurement => ({
    ...{ case: `${name}: ${what}`, unit, better: 'less', ours, baseline, baselineName: DOWNLOAD },
  })
  return [
    row(`${first.requests} requests against ${whole.requests}`, 'trips', first.trips, whole.trips),
    row('bytes both ways', 'KiB', first.bytes / KIBIBYTE, whole.bytes / KIBIBYTE),
    row(`${TRIP_MS} ms a trip, ${(BYTES_PER_MS * 8) / 1000} Mbit/s`, 'ms', waited(first), waited(whole)),
  ]
}

function newServer(): (request: Request) => Promise<Response> {
  const store = new MemoryStore()
  const codec = createNodeFrameCodec({ format: 'raw' })
  const logs = createCommitLogs({ store, codec })
  const shared = { logs, authorize: allowEverybody, refs: ageOnlyRefSigner({ nowMs: () => systemIdSource.nowMs() }) }
  const meta = createMetastore(shared)
  const pages = createPagestore({ ...shared, segments: store, commits: store, codec })
  return (request) => (new URL(request.url).pathname.includes('MetaService') ? meta : pages).handler(request)
}

function openClient(network: CountingNetwork): Promise<Client> {
  const transport = httpTransport({ baseUrl: 'http://stores.invalid', fetch: network.fetch })
  return Client.open({ transport, store: 'memory', durability: 'memory', localBytesMax: 2 ** 30 })
}

async function writeVolume(network: CountingNetwork): Promise<VolumeId> {
  const client = await openClient(network)
  const volume = await client.createVolume()
  const random = seeded(9)
  for (let from = 1; from <= PAGES; from += COMMIT_PAGES) {
    await volume.transact((tx) => {
      for (let i = from; i < from + COMMIT_PAGES; i++) tx.write(i, randomPage(random))
    })
    await volume.push()
  }
  await client.close()
  return volume.volumeId
}

/** What a client that knows nothing sends and waits for. */
async function coldly(
  network: CountingNetwork,
  volumeId: VolumeId,
  use: (snapshot: VolumeSnapshot) => Promise<unknown>,
): Promise<ReturnType<CountingNetwork['take']>> {
  const client = await openClient(network)
  network.take()
  const snapshot = (await client.openVolume(volumeId)).snapshot()
  if (snapshot.pageCount !== PAGES) throw new Error(`a volume of ${snapshot.pageCount} pages`)
  await use(snapshot)
  const counted = network.take()
  if (counted.bytes < PAGE_BYTES) throw new Error(`only ${counted.bytes} bytes came`)
  await client.close()
  return counted
}
