import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import type { CommitRecord, Lsn } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { createCommitLogs } from '../../src/index.ts'
import { LogMemory } from '../../src/log-memory.ts'
import type { ChangeOrder } from '../../src/order/change-order.ts'
import { OrderKeeper } from '../../src/order/order-keeper.ts'
import type { RecordCache } from '../../src/record-cache.ts'
import type { StoredCommit } from '../../src/stored-commit.ts'
import { attemptOf, naiveChanges, rawCodec, type Step, volumeId } from '../history.ts'

const steps: Step[] = Array.from({ length: 12 }, (_, i) => ({ floor: undefined, pageCount: 50, pages: [1 + i, 40 - i] }))

/** A keeper whose record reads are answered by hand. */
async function openKeeper(memoryBytes = 2 ** 24) {
  const id = volumeId()
  const log = createCommitLogs({ store: new MemoryStore(), nowMs: () => 5, codec: rawCodec }).volume(id)
  for (const [i, step] of steps.entries()) await log.append(attemptOf(step, i))
  const records = await Promise.all(steps.map((_, i) => log.record((i + 1) as Lsn)))
  const reads: { lsn: Lsn; answer: () => void }[] = []
  const cache = {
    get: (_: unknown, lsn: Lsn) =>
      new Promise<StoredCommit>((resolve) => {
        const record = records[lsn - 1] as CommitRecord
        reads.push({ lsn, answer: () => resolve({ record, sealed: new Uint8Array(0) }) })
      }),
  }
  const keeper = new OrderKeeper(id, { memory: new LogMemory(memoryBytes), records: cache as unknown as RecordCache })
  const recordAt = (lsn: number) => records[lsn - 1] as CommitRecord
  function answerAll(some: typeof reads = reads): void {
    for (const { answer } of some.splice(0)) answer()
  }
  return { keeper, reads, recordAt, answerAll }
}

describe('an order that several calls bring up to date', () => {
  test('is not moved back by the one whose reads came last', async () => {
    const { keeper, reads, recordAt, answerAll } = await openKeeper()
    const first = keeper.cover(0 as Lsn, recordAt(2))
    answerAll()
    await first
    const slow = keeper.cover(0 as Lsn, recordAt(7))
    const slowReads = reads.splice(0)
    const quick = keeper.cover(0 as Lsn, recordAt(11))
    answerAll()
    expect((await quick)?.lsn).toBe(11)
    answerAll(slowReads)
    const order = await slow
    expect(order?.lsn).toBe(11)
    for (let since = 0; since <= 11; since++) {
      const { pages, floor } = order?.changesSince(since as Lsn) ?? {}
      expect({ since, pages: [...(pages ?? [])], floor }).toEqual({ since, ...naiveChanges(steps, since, 11) })
    }
  })

  test('is not moved back by a commit of its own that it has taken in already', async () => {
    const { keeper, recordAt, answerAll } = await openKeeper()
    const first = keeper.cover(0 as Lsn, recordAt(11))
    answerAll()
    const order = (await first) as ChangeOrder
    keeper.addCommit(order, recordAt(9))
    expect(order.lsn).toBe(11)
    keeper.addCommit(order, recordAt(12))
    expect(order.lsn).toBe(12)
    expect([...(order.changesSince(8 as Lsn)?.pages ?? [])]).toEqual(naiveChanges(steps, 8, 12).pages)
  })

  test('reads what is newer and what is older in one round', async () => {
    const { keeper, reads, recordAt, answerAll } = await openKeeper()
    const first = keeper.cover(6 as Lsn, recordAt(8))
    answerAll()
    await first
    const wider = keeper.cover(0 as Lsn, recordAt(10))
    expect(reads.map(({ lsn }) => lsn)).toEqual([10, 6, 4])
    answerAll()
    expect([...((await wider)?.changesSince(0 as Lsn)?.pages ?? [])]).toEqual(naiveChanges(steps, 0, 10).pages)
  })

  test('a volume that needs more than its share has none, and is not asked again', async () => {
    const { keeper, reads, recordAt, answerAll } = await openKeeper(100)
    const first = keeper.cover(0 as Lsn, recordAt(8))
    answerAll()
    expect(await first).toBeUndefined()
    expect(await keeper.cover(0 as Lsn, recordAt(8))).toBeUndefined()
    expect(reads).toHaveLength(0)
  })
})
