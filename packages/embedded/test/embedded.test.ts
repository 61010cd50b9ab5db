import { Client } from '@graft-ts/client'
import { MetaService } from '@graft-ts/protocol'
import { metered } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { type IdSource, idToBytes, newVolumeId, systemIdSource, type VolumeId } from '@graft-ts/volume'
import { MemoryLevel } from 'memory-level'
import { describe, expect, test, vi } from 'vitest'
import { type EmbeddedTransport, embedded } from '../src/index.ts'

function idSource(): IdSource {
  let next = 1
  return {
    nowMs: () => 1_700_000_000_000 + next,
    randomBytes: (length) => Uint8Array.from({ length }, (_, i) => (next++ * 31 + i) & 0xff),
  }
}

const openClient = (transport: EmbeddedTransport) =>
  Client.open({ transport, store: new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' }) })

describe('embedded', () => {
  test('the example of the README runs', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    await import('../examples/two-clients.ts')
    expect(log).toHaveBeenCalledWith(1, 7, 'synced')
    log.mockRestore()
  })

  test('two of them on one object store see one history', async () => {
    const store = new MemoryStore()
    const [here, there] = [embedded(store, { idSource: idSource() }), embedded(store)]
    const [writer, reader] = [await openClient(here), await openClient(there)]
    const volume = await writer.createVolume()
    await volume.transact((tx) => {
      for (let i = 1; i <= 20; i++) tx.write(i, new Uint8Array(tx.pageSize).fill(i))
    })
    await volume.push()
    const copy = await reader.openVolume(volume.volumeId)
    expect((await copy.snapshot().read(20))[0]).toBe(20)
    await copy.transact((tx) => tx.write(1, new Uint8Array(tx.pageSize).fill(99)))
    expect(await copy.push()).toMatchObject({ snapshot: { lsn: 2 } })
    await volume.pull()
    expect((await volume.snapshot().read(1))[0]).toBe(99)
    expect(here.metrics()).toMatchObject({ metastore: { commits: 1 }, pagestore: { segmentsWritten: 1 } })
    // The second commit is small: it went inline.
    expect(there.metrics()).toMatchObject({ metastore: { commits: 1 }, pagestore: { segmentsWritten: 0 } })
  })

  test('a small commit is one write to the object store', async () => {
    const store = metered(new MemoryStore())
    const client = await openClient(embedded(store))
    const volume = await client.createVolume()
    const write = async () => {
      await volume.transact((tx) => tx.write(1, new Uint8Array(tx.pageSize).fill(1)))
      await volume.push()
    }
    await write()
    store.reset()
    await write()
    expect(store.counts).toMatchObject({ create: 1, put: 0, get: 0, head: 0, list: 0 })
  })

  test('a frame cache is asked before the object store, and a budget for reads that are sent twice is checked', async () => {
    const frames = new Map<string, Uint8Array>()
    const counts = { framesWritten: 0, framesDropped: 0, framesEvicted: 0, failures: 0, framesNow: 0, bytesNow: 0 }
    const frameCache = {
      read: (key: string) => (frames.has(key) ? Promise.resolve(frames.get(key)) : undefined),
      write: (key: string, frame: Uint8Array) => void frames.set(key, frame),
      remove: () => undefined,
      metrics: () => counts,
    }
    const store = new MemoryStore()
    const readFrom = async (transport: EmbeddedTransport, volumeId?: VolumeId) => {
      const client = await openClient(transport)
      const volume = volumeId === undefined ? await client.createVolume() : await client.openVolume(volumeId)
      if (volumeId === undefined) {
        await volume.transact((tx) => {
          for (let i = 1; i <= 20; i++) tx.write(i, new Uint8Array(tx.pageSize).fill(i))
        })
        await volume.push()
      }
      return { volumeId: volume.volumeId, byte: (await volume.snapshot().read(20))[0] }
    }
    const { volumeId } = await readFrom(embedded(store))
    const [first, second] = [embedded(store, { pagestore: { frameCache } }), embedded(store, { pagestore: { frameCache } })]
    expect((await readFrom(first, volumeId)).byte).toBe(20)
    expect((await readFrom(second, volumeId)).byte).toBe(20)
    expect(second.metrics().pagestore).toMatchObject({ frameCacheHits: 1, gets: 0 })
    const code = expect.objectContaining({ code: 'PAGESTORE_OPTIONS' })
    expect(() => embedded(store, { pagestore: { hedge: { budget: -1 } } })).toThrow(code)
  })

  test('closed, it accepts nothing, and the client keeps what it has', async () => {
    const transport = embedded(new MemoryStore())
    const client = await Client.open({
      transport,
      store: new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' }),
      attemptsMax: 1,
    })
    const volume = await client.createVolume()
    await volume.transact((tx) => tx.write(1, new Uint8Array(tx.pageSize).fill(1)))
    await transport.close()
    await expect(volume.push()).rejects.toMatchObject({ code: 'METASTORE_CLOSED' })
    expect(volume.status()).toMatchObject({ sync: 'ahead', pendingCommits: 1, lastError: { code: 'METASTORE_CLOSED' } })
    expect((await volume.snapshot().read(1))[0]).toBe(1)
  })

  test('a store that never answers holds nobody for ever', async () => {
    const store = new MemoryStore()
    store.get = () => new Promise(() => undefined)
    const started = new Map<() => void, number>()
    const timers = {
      start: (run: () => void, delayMs: number) => {
        started.set(run, delayMs)
        return () => void started.delete(run)
      },
    }
    const { meta } = embedded(store, { storeMsMax: 700, timers })
    const input = { volumeId: idToBytes(newVolumeId(systemIdSource)) }
    const pulling = meta.unary(MetaService.method.pull, undefined, undefined, undefined, input)
    const outcome = pulling.catch((error: unknown) => error)
    while (![...started.values()].includes(700)) await new Promise((resolve) => setImmediate(resolve))
    for (const [run, delayMs] of [...started]) if (delayMs === 700) run()
    expect(await outcome).toMatchObject({ kind: 'unavailable', code: 'STORE_UNAVAILABLE' })
    expect(() => embedded(store, { storeMsMax: 0 })).toThrow(expect.objectContaining({ code: 'STORE_ARGUMENT' }))
  })

  test('an object store that cannot create if absent is refused', () => {
    expect(() => embedded(new MemoryStore({ without: ['create'] }))).toThrow(expect.objectContaining({ code: 'LOG_CREATE' }))
  })
})
