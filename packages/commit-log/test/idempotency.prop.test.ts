import { type GetOptions, type ObjectStore, StoreError } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { isTypedError, type Lsn, type PageSize, parsePageSize } from '@graft-ts/volume'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AppendOutcome, type CommitAttempt, type CommitLog, createCommitLogs } from '../src/index.ts'
import { attemptOf, clientId, naiveChanges, PAGE_SIZE, rawCodec, type Step, volumeId } from './history.ts'
import { parameters } from './parameters.ts'

/** What becomes of a create: it and its answer go well, the answer is lost after or before the effect, or nothing is done. */
type Fate = 'well' | 'lost after' | 'lost before' | 'refused'
const fates = fc.array(fc.constantFrom<Fate>('well', 'lost after', 'lost after', 'lost before', 'refused'), {
  maxLength: 12,
  size: 'max',
})
/** Which of the reads that look for what became of a create fail. */
const readFailures = fc.array(fc.boolean(), { maxLength: 12, size: 'max' })

/** A way to a store on which creates and reads-back meet their fates, in turn. */
function lossy(inner: ObjectStore, fateOf: () => Fate, failsRead: () => boolean, pause: () => Promise<unknown>): ObjectStore {
  const doubtful = new Set<string>()
  return Object.assign(Object.create(inner) as ObjectStore, {
    capabilities: inner.capabilities,
    put: inner.put.bind(inner),
    get: async (key: string, options?: GetOptions) => {
      await pause()
      if (doubtful.delete(key) && failsRead()) throw new StoreError('STORE_UNAVAILABLE', 'no answer')
      return inner.get(key, options)
    },
    create: async (key: string, body: Uint8Array) => {
      await pause()
      const fate = fateOf()
      if (fate === 'refused') throw new StoreError('STORE_UNAVAILABLE', 'somebody else is writing: nothing was done')
      if (fate !== 'well') doubtful.add(key)
      if (fate === 'lost before') throw new StoreError('STORE_OUTCOME_UNKNOWN', 'the request was lost')
      // That somebody else has it is an answer like any other, and can be lost.
      const created = await inner.create(key, body).catch((error: unknown) => {
        if (fate === 'well') throw error
      })
      await pause()
      if (fate === 'lost after' || created === undefined) throw new StoreError('STORE_OUTCOME_UNKNOWN', 'the answer was lost')
      return created
    },
  })
}

const steps = fc.record({
  pages: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
  floor: fc.option(fc.nat(11), { freq: 3, nil: undefined }),
})

/** An attempt that is right on any base: the volume keeps its length, and may be shorter for a moment. */
function attemptFor(
  { pages, floor }: { pages: number[]; floor: number | undefined },
  base: number,
  pageSize: PageSize,
): CommitAttempt {
  const attempt = attemptOf({ pages: pages.toSorted((a, b) => a - b), floor, pageCount: 12 }, base, { client })
  const data = new Uint8Array(pages.length * pageSize)
  return { ...attempt, pageSize, inline: { pages: attempt.own, data } }
}
const client = clientId()

/** Sends an attempt, to any of some processes, until it is decided. */
async function decide(logs: () => CommitLog, attempt: CommitAttempt): Promise<AppendOutcome> {
  for (;;) {
    try {
      return await logs().append(attempt)
    } catch (error) {
      if (!isTypedError(error) || (error.kind !== 'unknown' && error.kind !== 'unavailable')) throw error
    }
  }
}

describe('I3, I6, I7: every attempt is decided once, whatever is lost', () => {
  test('several clients, each by way of several processes, also on the first commit of a volume', async () => {
    const sizes = [PAGE_SIZE, parsePageSize(1024), parsePageSize(4096)]
    const clients = fc.array(
      fc.record({ size: fc.constantFrom(...sizes), plan: fc.array(steps, { minLength: 1, maxLength: 3 }) }),
      {
        minLength: 2,
        maxLength: 3,
      },
    )
    let conflicts = 0
    await fc.assert(
      fc.asyncProperty(
        clients,
        fates,
        readFailures,
        fc.array(fc.nat(1), { minLength: 4 }),
        fc.scheduler(),
        async (plans, fateList, failures, turns, scheduler) => {
          const inner = new MemoryStore()
          const id = volumeId()
          const queue = [...fateList]
          const reads = [...failures]
          const open = (store: ObjectStore) => createCommitLogs({ store, nowMs: () => 5, codec: rawCodec }).volume(id)
          const pause = () => scheduler.schedule(Promise.resolve())
          const processes = [0, 1].map(() =>
            open(
              lossy(
                inner,
                () => queue.shift() ?? 'well',
                () => reads.shift() ?? false,
                pause,
              ),
            ),
          )
          let turn = 0
          const anyProcess = () => processes[turns[turn++ % turns.length] as number] as CommitLog
          const told: { attempt: CommitAttempt; outcome: AppendOutcome }[] = []
          async function run(plan: (typeof plans)[0]): Promise<void> {
            let base = 0
            let pageSize = plan.size
            for (const step of plan.plan) {
              for (;;) {
                const attempt = attemptFor(step, base, pageSize)
                // The same attempt twice at once: a client that gave up waiting and asked another process.
                const both = await Promise.all([decide(anyProcess, attempt), decide(anyProcess, attempt)])
                for (const outcome of both) told.push({ attempt, outcome })
                const [{ type, snapshot }] = both
                base = snapshot.lsn
                pageSize = snapshot.pageSize
                if (type === 'committed') break
                conflicts++
              }
            }
          }
          await scheduler.waitFor(Promise.all(plans.map(run)))
          await checkHistory(open(inner), told)
        },
      ),
      { ...parameters, numRuns: Math.min(parameters.numRuns, 1000) },
    )
    expect(conflicts).toBeGreaterThan(parameters.numRuns / 10)
  })
})

/** That the log holds exactly what was told, and that conflict answers were complete. */
async function checkHistory(log: CommitLog, told: readonly { attempt: CommitAttempt; outcome: AppendOutcome }[]): Promise<void> {
  const head = (await log.head())?.lsn ?? 0
  const records = await Promise.all(Array.from({ length: head }, (_, i) => log.record((i + 1) as Lsn)))
  const history: Step[] = records.map(({ own, floor, pageCount }) => ({ pages: [...own], floor, pageCount }))
  expect(new Set(records.map((record) => record.commitId)).size).toBe(head)
  expect(new Set(records.map((record) => record.pageSize)).size).toBe(1)
  for (const { attempt, outcome } of told) {
    const place = records.findIndex((record) => record.commitId === attempt.commitId)
    expect({ ...outcome, place }).toMatchObject({
      type: place < 0 ? 'conflict' : 'committed',
      place: place < 0 ? -1 : attempt.baseLsn,
    })
    const { snapshot } = outcome
    expect(snapshot).toMatchObject({ pageCount: 12, pageSize: records[0]?.pageSize })
    if (outcome.type === 'conflict') {
      expect(snapshot.lsn).toBeGreaterThan(attempt.baseLsn)
      expect(outcome.commitIdAfterBase).toBe(records[attempt.baseLsn]?.commitId)
      const { pages, floor } = outcome.changes
      expect({ pages: [...pages], floor }).toEqual(naiveChanges(history, attempt.baseLsn, snapshot.lsn))
    } else expect(snapshot.lsn).toBe(attempt.baseLsn + 1)
    // And so it is told for ever after.
    expect((await log.append(attempt)).type).toBe(outcome.type)
  }
  expect(new Set(told.filter(({ outcome }) => outcome.type === 'committed').map(({ attempt }) => attempt.commitId)).size).toBe(
    head,
  )
}

test('I6: whoever gives up on an attempt leaves it undecided, and it may land later', async () => {
  const inner = new MemoryStore()
  const id = volumeId()
  const late: (() => Promise<unknown>)[] = []
  const store: ObjectStore = Object.assign(Object.create(inner) as ObjectStore, {
    capabilities: inner.capabilities,
    get: inner.get.bind(inner),
    create: async (key: string, body: Uint8Array) => {
      late.push(() => inner.create(key, body))
      throw new StoreError('STORE_OUTCOME_UNKNOWN', 'it is under way')
    },
  })
  const [slow, other] = [store, inner].map((each) =>
    createCommitLogs({ store: each, nowMs: () => 5, codec: rawCodec }).volume(id),
  )
  const attempt = attemptFor({ pages: [1], floor: undefined }, 0, PAGE_SIZE)
  await expect(slow?.append(attempt)).rejects.toMatchObject({ code: 'COMMIT_UNDECIDED', kind: 'unknown' })
  expect(await slow?.outcomeOf(attempt)).toBeUndefined()
  await late[0]?.()
  expect(await other?.append(attemptFor({ pages: [2], floor: undefined }, 0, PAGE_SIZE))).toMatchObject({
    type: 'conflict',
    commitIdAfterBase: attempt.commitId,
  })
  expect(await slow?.outcomeOf(attempt)).toMatchObject({ type: 'committed', snapshot: { lsn: 1 } })
})
