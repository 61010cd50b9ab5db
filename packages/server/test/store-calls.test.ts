import { Client } from '@graft-ts/client'
import { allowEverybody, httpTransport } from '@graft-ts/protocol'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { MemoryLevel } from 'memory-level'
import { afterEach, expect, test } from 'vitest'
import { type GraftServer, type ServerOptions, startServer } from '../src/index.ts'

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(options: Pick<ServerOptions, 'stores' | 'limits' | 'probe'>): Promise<GraftServer> {
  const server = await startServer({ port: 0, authorize: allowEverybody, ...options })
  closing.push(server.close)
  return server
}

async function openClient(baseUrl: string): Promise<Client> {
  const store = new MemoryLevel<string, Uint8Array>({ keyEncoding: 'utf8', valueEncoding: 'view' })
  const client = await Client.open({ transport: httpTransport({ baseUrl }), store, attemptsMax: 1 })
  closing.push(() => client.close())
  return client
}

const page = (value: number): Uint8Array => new Uint8Array(4096).fill(value)

/** Notes how many reads of two stores are under way at a time. */
function countingReads(...stores: readonly MemoryStore[]): { most: number } {
  const counted = { most: 0 }
  let inFlight = 0
  for (const store of stores) {
    const get = store.get.bind(store)
    store.get = async (key, options) => {
      counted.most = Math.max(counted.most, ++inFlight)
      await new Promise((resolve) => setImmediate(resolve))
      inFlight--
      return get(key, options)
    }
  }
  return counted
}

test('calls of both object stores together keep to one bound, however many records a cold read needs', async () => {
  const [segments, commits] = [new MemoryStore(), new MemoryStore()]
  const stores = { segments, commits }
  const first = await start({ stores })
  const client = await openClient(first.url)
  const volume = await client.createVolume()
  // A big commit, which lies in a segment, and many small ones, each of which has to be found and read on its own.
  const ranges = [[1, 40], ...Array.from({ length: 40 }, (_, i) => [i + 1, i + 1])] as [number, number][]
  for (const [from, to] of ranges) {
    await volume.transact((tx) => {
      for (let pageIndex = from; pageIndex <= to; pageIndex++)
        if (pageIndex % 3 !== 0 || to > from) tx.write(pageIndex, page(pageIndex))
    })
    await volume.push()
  }
  await first.close()
  const counted = countingReads(segments, commits)
  const readCold = async (limits: ServerOptions['limits']): Promise<number> => {
    counted.most = 0
    const { url } = await start({ stores, probe: false, ...(limits !== undefined && { limits }) })
    const reader = await openClient(url)
    const snapshot = (await reader.openVolume(volume.volumeId)).snapshot()
    const bytes = await Promise.all(Array.from({ length: 40 }, (_, i) => snapshot.read(i + 1)))
    expect(bytes.map(([byte]) => byte)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
    snapshot.close()
    return counted.most
  }
  expect(await readCold(undefined)).toBeGreaterThan(3)
  expect(await readCold({ storeCallsMax: 3 })).toBe(3)
})
