import { type GetOptions, metered, type ObjectStore } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import type { Lsn } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { type CommitLog, createCommitLogs } from '../src/index.ts'
import { attemptOf, rawCodec, type Step, volumeId } from './history.ts'

const step = (pages: number[], pageCount: number): Step => ({ pages, pageCount, floor: undefined })

async function appendAll(log: CommitLog, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await log.append(attemptOf(step([1 + (i % 50)], 50), i))
}

describe('a head that may be stale', () => {
  function openAt(store: ObjectStore, id: ReturnType<typeof volumeId>, clock: { ms: number }): CommitLog {
    return createCommitLogs({ store, nowMs: () => clock.ms, codec: rawCodec }).volume(id)
  }

  test('costs nothing while it is young enough, and is never older than allowed', async () => {
    const store = metered(new MemoryStore())
    const id = volumeId()
    const clock = { ms: 1000 }
    const reader = openAt(store, id, clock)
    const writer = openAt(store, id, { ms: 1000 })
    await appendAll(writer, 3)
    expect((await reader.pull(0 as Lsn, { maxStalenessMs: 100 })).head.lsn).toBe(3)
    await writer.append(attemptOf(step([9], 50), 3))
    store.reset()
    clock.ms = 1100
    expect((await reader.pull(1 as Lsn, { maxStalenessMs: 100 })).head.lsn).toBe(3)
    expect(store.counts.get).toBe(0)
    expect((await reader.pull(1 as Lsn, { maxStalenessMs: 99 })).head.lsn).toBe(4)
    expect((await reader.pull(1 as Lsn)).head.lsn).toBe(4)
  })

  test('its age counts from when it was asked for, however long the store took', async () => {
    const inner = new MemoryStore()
    const clock = { ms: 1000 }
    const counts = { get: 0 }
    const slow = async <T>(work: Promise<T>): Promise<T> => {
      const done = await work
      clock.ms += 100
      return done
    }
    const store: ObjectStore = Object.assign(Object.create(inner) as ObjectStore, {
      capabilities: inner.capabilities,
      create: (key: string, body: Uint8Array) => slow(inner.create(key, body)),
      get: (key: string, options?: GetOptions) => {
        counts.get++
        return slow(inner.get(key, options))
      },
    })
    const log = openAt(store, volumeId(), clock)
    await appendAll(log, 2)
    counts.get = 0
    await log.head({ maxStalenessMs: 99 })
    expect(counts.get).toBe(1)
    await log.head({ maxStalenessMs: 100 })
    expect(counts.get).toBe(1)
    await log.head({ maxStalenessMs: 99 })
    expect(counts.get).toBe(2)
  })

  test('atLeast overrides it', async () => {
    const store = new MemoryStore()
    const id = volumeId()
    const reader = openAt(store, id, { ms: 1000 })
    const writer = openAt(store, id, { ms: 1000 })
    await appendAll(writer, 3)
    await reader.head()
    await writer.append(attemptOf(step([9], 50), 3))
    expect((await reader.head({ maxStalenessMs: 1e9 }))?.lsn).toBe(3)
    expect((await reader.head({ maxStalenessMs: 1e9, atLeast: 4 as Lsn }))?.lsn).toBe(4)
    await expect(reader.pull(9 as Lsn, { maxStalenessMs: 1e9 })).rejects.toMatchObject({ code: 'LSN_FUTURE' })
  })

  test('a commit of its own is as good as a read; a clock that went back is not believed', async () => {
    const store = metered(new MemoryStore())
    const clock = { ms: 1000 }
    const log = openAt(store, volumeId(), clock)
    await appendAll(log, 3)
    store.reset()
    expect((await log.head({ maxStalenessMs: 1 }))?.lsn).toBe(3)
    expect(store.counts.get).toBe(0)
    clock.ms = 999
    await log.head({ maxStalenessMs: 1e9 })
    expect(store.counts.get).toBe(1)
  })

  test('a time of a clock that went back is not taken for a fresh one when it comes', async () => {
    const store = new MemoryStore()
    const id = volumeId()
    const clock = { ms: 1000 }
    const reader = openAt(store, id, clock)
    const writer = openAt(store, id, { ms: 1000 })
    await appendAll(writer, 3)
    await reader.head()
    clock.ms = 500
    await reader.head()
    await writer.append(attemptOf(step([9], 50), 3))
    clock.ms = 1050
    expect((await reader.head({ maxStalenessMs: 100 }))?.lsn).toBe(4)
  })
})
