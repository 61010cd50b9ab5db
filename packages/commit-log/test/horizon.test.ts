import { Splinter } from '@graft-ts/splinter'
import { type GetOptions, metered, type ObjectStore, StoreError } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { type Lsn, storeKeys, type VolumeId } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { type CommitLog, createCommitLogs } from '../src/index.ts'
import { attemptOf, rawCodec, type Step, volumeId } from './history.ts'

/*
 * No version of a horizon is defined yet. A log that has one may lack its older commits, so whoever cannot read it must
 * neither read nor write the log.
 */

const UNSUPPORTED = { kind: 'unsupported', code: 'HORIZON_UNSUPPORTED' }
const step: Step = { pages: [1], pageCount: 1, floor: undefined }
const open = (store: ObjectStore, id: VolumeId): CommitLog =>
  createCommitLogs({ store, nowMs: () => 5, codec: rawCodec }).volume(id)

/** A log of eight commits whose first ones were deleted, with a horizon. */
async function collected(deleted: number) {
  const store = metered(new MemoryStore())
  const id = volumeId()
  const log = open(store, id)
  for (let base = 0; base < 8; base++) await log.append(attemptOf(step, base))
  await store.put(storeKeys.horizon(id), Uint8Array.of(1, 2, 3))
  for (let lsn = 1; lsn <= deleted; lsn++) await store.delete(storeKeys.commit(id, lsn as Lsn))
  return { store, id, log }
}

describe('I10: a log with a horizon is refused by who starts cold', () => {
  test.each([
    ['head', (log: CommitLog) => log.head()],
    ['pull', (log: CommitLog) => log.pull(0 as Lsn)],
    ['recordAt', (log: CommitLog) => log.recordAt(9)],
    ['record, of one that was deleted', (log: CommitLog) => log.record(2 as Lsn)],
    ['locate', (log: CommitLog) => log.locate(8 as Lsn, Splinter.from([1]))],
    ['changes', (log: CommitLog) => log.changes(0 as Lsn, 8 as Lsn)],
    ['append on the head', (log: CommitLog) => log.append(attemptOf(step, 8))],
  ] as const)('%s', async (_, call) => {
    // The eighth record alone tells all that changed before it.
    const { store, id } = await collected(8)
    await expect(call(open(store, id))).rejects.toMatchObject(UNSUPPORTED)
  })

  test('locate and changes behind a gap, up to a commit that is there', async () => {
    const { store, id } = await collected(6)
    await expect(open(store, id).locate(7 as Lsn, Splinter.from([1]))).rejects.toMatchObject(UNSUPPORTED)
    await expect(open(store, id).changes(0 as Lsn, 7 as Lsn)).rejects.toMatchObject(UNSUPPORTED)
  })

  test('the first commit of a volume whose first commits were deleted is none', async () => {
    for (const deleted of [7, 8]) {
      const { store, id } = await collected(deleted)
      await expect(open(store, id).append(attemptOf(step, 0))).rejects.toMatchObject(UNSUPPORTED)
    }
  })

  test('it is asked once, in a round that is waited for anyway', async () => {
    const store = metered(new MemoryStore())
    const log = open(store, volumeId())
    await log.append(attemptOf(step, 0))
    expect(store.counts.get).toBe(1)
    await log.head()
    expect(store.counts.get).toBe(2)
  })
})

test('I6: a commit is undecided while nobody can say whether the log has a horizon', async () => {
  const inner = new MemoryStore()
  let isDown = true
  const store: ObjectStore = Object.assign(Object.create(inner) as ObjectStore, {
    capabilities: inner.capabilities,
    create: inner.create.bind(inner),
    get: async (key: string, options?: GetOptions) => {
      if (isDown) throw new StoreError('STORE_UNAVAILABLE', 'down')
      return inner.get(key, options)
    },
  })
  const log = open(store, volumeId())
  const attempt = attemptOf(step, 0)
  await expect(log.append(attempt)).rejects.toMatchObject({ kind: 'unknown', code: 'COMMIT_UNDECIDED' })
  isDown = false
  expect(await log.append(attempt)).toMatchObject({ type: 'committed', snapshot: { lsn: 1 } })
  expect((await log.head())?.lsn).toBe(1)
})
