import { Splinter } from '@graft-ts/splinter'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { type CommitRecord, LSN_NONE, type Lsn, nextLsn, type RollupLayer } from '@graft-ts/volume'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CommitLog, createCommitLogs } from '../../src/index.ts'
import { ChangeOrder, oldestLayerStart } from '../../src/order/change-order.ts'
import { buildLayers, decomposeRange, layerSources, type RangeSection, sectionsOf } from '../../src/rollup.ts'
import { attemptOf, histories, naiveChanges, rawCodec, type Step, volumeId } from '../history.ts'
import { parameters } from '../parameters.ts'

const BYTES_MAX = 2 ** 24

async function recordsOf(steps: readonly Step[]): Promise<CommitRecord[]> {
  const log = createCommitLogs({ store: new MemoryStore(), nowMs: () => 5, codec: rawCodec }).volume(volumeId())
  for (const [i, step] of steps.entries()) await log.append(attemptOf(step, i))
  return Promise.all(steps.map((_, i) => log.record((i + 1) as Lsn)))
}

function sectionsBetween(records: readonly CommitRecord[], since: number, until: number): RangeSection[] {
  const steps = decomposeRange(since as Lsn, until as Lsn)
  return steps.flatMap(({ lsn, layers }) => sectionsOf(records[lsn - 1] as CommitRecord, layers))
}

/** Where an order begins, and how far it goes in each step: up, or down. */
const journeys = fc.array(fc.record({ isUp: fc.boolean(), by: fc.integer({ min: 1, max: 24 }) }), { maxLength: 12, size: 'max' })

describe('I9: an order of change tells what the commits tell', () => {
  test('for every range that it covers, however it came to cover it; what it cannot tell it does not', async () => {
    let told = 0
    let untold = 0
    await fc.assert(
      fc.asyncProperty(histories(40), fc.nat(40), journeys, async (steps, startAt, journey) => {
        const records = await recordsOf(steps)
        const start = Math.min(startAt, steps.length)
        const order = new ChangeOrder(records[start - 1], BYTES_MAX)
        for (const { isUp, by } of [...journey, { isUp: true, by: 1 }]) {
          if (isUp) {
            const to = Math.min(order.lsn + by, steps.length)
            if (to > order.lsn) order.advance(sectionsBetween(records, order.lsn, to), records[to - 1] as CommitRecord)
          } else {
            const to = Math.max(order.origin - by, 0)
            if (to < order.origin) order.extend(sectionsBetween(records, to, order.origin), to as Lsn)
          }
          for (let since: number = order.origin; since <= order.lsn; since++) {
            const changes = order.changesSince(since as Lsn)
            if (changes === undefined) untold++
            else {
              told++
              const { pages, floor } = changes
              const expected = { since, ...naiveChanges(steps, since, order.lsn) }
              expect({ since, pages: [...pages], floor }).toEqual(expected)
            }
          }
        }
      }),
      parameters,
    )
    // Truncations are frequent here; without them nothing is ever untold.
    expect(untold).toBeGreaterThan(0)
    expect(told).toBeGreaterThan(10 * untold)
  })

  test('commit by commit it can always tell', async () => {
    await fc.assert(
      fc.asyncProperty(histories(40), async (steps) => {
        const records = await recordsOf(steps)
        const order = new ChangeOrder(undefined, BYTES_MAX)
        for (const record of records) {
          order.advance(sectionsOf(record, 0), record)
          for (let since = 0; since <= record.lsn; since++) {
            const { pages, floor } = order.changesSince(since as Lsn) ?? {}
            expect({ pages: [...(pages ?? [])], floor }).toEqual(naiveChanges(steps, since, record.lsn))
          }
        }
      }),
      parameters,
    )
  })

  test('it cuts no layers of ranges that it does not cover whole', async () => {
    const step: Step = { pages: [1], pageCount: 1, floor: undefined }
    const records = await recordsOf(Array.from({ length: 15 }, () => step))
    for (let origin = 0; origin < 15; origin++) {
      const order = new ChangeOrder(records[origin - 1], BYTES_MAX)
      order.advance(sectionsBetween(records, origin, 15), records[14] as CommitRecord)
      const layers = order.layersOf({ lsn: 16 as Lsn, own: Splinter.from([2]), floor: undefined }, BYTES_MAX)
      expect([origin, layers?.length]).toEqual([origin, origin === 0 ? 4 : undefined])
    }
  })

  test('the layers that it cuts are those made from records', async () => {
    const plain = (layers: readonly RollupLayer[]) => layers.map((layer) => ({ ...layer, pages: [...layer.pages] }))
    await fc.assert(
      fc.asyncProperty(histories(40), fc.nat(40), async (steps, startAt) => {
        const records = await recordsOf(steps)
        for (let base = 0; base < steps.length; base++) {
          const step = steps[base] as Step
          const lsn = nextLsn(base as Lsn)
          const start = Math.min(startAt, base)
          const order = new ChangeOrder(records[start - 1], BYTES_MAX)
          if (base > start) order.advance(sectionsBetween(records, start, base), records[base - 1] as CommitRecord)
          const oldest = oldestLayerStart(lsn)
          if (oldest < order.origin) order.extend(sectionsBetween(records, oldest, order.origin), oldest)
          const commit = { lsn, own: Splinter.from(step.pages), floor: step.floor }
          const sources = layerSources(lsn).map((source) => records[source - 1] as CommitRecord)
          const layers = order.layersOf(commit, BYTES_MAX)
          if (layers !== undefined) expect(plain(layers)).toEqual(plain(buildLayers(commit, sources, BYTES_MAX)))
        }
      }),
      parameters,
    )
  })

  test('layers that would be too large are left out, with all above them', async () => {
    const steps = Array.from({ length: 15 }, (_, i) => ({ floor: undefined, pageCount: 1000, pages: [i + 1, 500 + 3 * i] }))
    const records = await recordsOf(steps)
    const order = new ChangeOrder(undefined, BYTES_MAX)
    for (const record of records) order.advance(sectionsOf(record, 0), record)
    const commit = { lsn: 16 as Lsn, own: Splinter.from([1]), floor: undefined }
    const whole = order.layersOf(commit, BYTES_MAX) as RollupLayer[]
    expect(whole).toHaveLength(4)
    const sources = layerSources(16 as Lsn).map((source) => records[source - 1] as CommitRecord)
    for (let bytes = 0; bytes < 400; bytes += 7) {
      expect(order.layersOf(commit, bytes)).toHaveLength(buildLayers(commit, sources, bytes).length)
    }
  })

  test('an order that outgrows its memory says so and stops', () => {
    const order = new ChangeOrder(undefined, 200_000)
    const record = { lsn: 1, own: Splinter.fromRange(1, 50_000), layers: [] } as unknown as CommitRecord
    order.advance(sectionsOf(record, 0), record)
    expect(order.isOverfull).toBe(true)
  })

  test('it does not reach further than its clock', () => {
    const far = { lsn: 2 ** 40 } as CommitRecord
    const order = new ChangeOrder(far, BYTES_MAX)
    expect(order.couldCover((2 ** 40 - 2 ** 31) as Lsn, (2 ** 40 + 2 ** 31 - 1) as Lsn)).toBe(true)
    expect(order.couldCover((2 ** 40 - 2 ** 31 - 1) as Lsn, (2 ** 40) as Lsn)).toBe(false)
    expect(order.couldCover((2 ** 40) as Lsn, (2 ** 40 + 2 ** 31) as Lsn)).toBe(false)
  })
})

describe('I9: pulls of processes that take turns', () => {
  test('are the union of the commits, whoever made them and whatever each process knew', async () => {
    const turns = fc.array(fc.record({ who: fc.nat(2), since: fc.nat(60), commits: fc.integer({ min: 0, max: 5 }) }), {
      minLength: 1,
      maxLength: 20,
      size: 'max',
    })
    await fc.assert(
      fc.asyncProperty(histories(60), turns, fc.constantFrom(2000, 20_000, 2 ** 26), async (steps, plan, cacheBytesMax) => {
        const store = new MemoryStore()
        const id = volumeId()
        const logs = [0, 1, 2].map(() => createCommitLogs({ store, nowMs: () => 5, codec: rawCodec, cacheBytesMax }).volume(id))
        let head = 0
        for (const { who, since, commits } of plan) {
          const log = logs[who] as CommitLog
          for (let i = 0; i < commits && head < steps.length; i++, head++) {
            const outcome = await log.append(attemptOf(steps[head] as Step, head))
            expect(outcome).toMatchObject({ type: 'committed', snapshot: { lsn: head + 1 } })
          }
          if (head === 0) continue
          const from = since % (head + 1)
          const pulled = await log.pull(from as Lsn)
          const { pages, floor } = pulled.changes
          const expected = { lsn: head, from, ...naiveChanges(steps, from, head) }
          expect({ lsn: pulled.head.lsn, from, pages: [...pages], floor }).toEqual(expected)
        }
        const cold = createCommitLogs({ store, nowMs: () => 5, codec: rawCodec }).volume(id)
        for (let until = 1; until <= head; until++) {
          const { pages, floor } = await cold.changes(LSN_NONE, until as Lsn)
          expect({ pages: [...pages], floor }).toEqual(naiveChanges(steps, 0, until))
        }
      }),
      parameters,
    )
  })
})

describe('I4, I9: calls of one process in any interleaving with the store', () => {
  test('every pull is the union of the commits up to the head that it names, which is not older than the call', async () => {
    const call = fc.oneof(fc.constant('append' as const), fc.constant('append elsewhere' as const), fc.nat(30))
    const callers = fc.array(fc.array(call, { minLength: 3, maxLength: 10, size: 'max' }), { minLength: 2, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(
        histories(30),
        callers,
        fc.constantFrom(5000, 2 ** 26),
        fc.scheduler(),
        async (steps, plans, cacheBytesMax, scheduler) => {
          const inner = new MemoryStore()
          const id = volumeId()
          // The request may wait, and so may its answer.
          async function slow<T>(call: () => Promise<T>): Promise<T> {
            await scheduler.schedule(Promise.resolve())
            const answer = await call()
            await scheduler.schedule(Promise.resolve())
            return answer
          }
          const store = Object.assign(Object.create(inner) as MemoryStore, {
            capabilities: inner.capabilities,
            put: inner.put.bind(inner),
            get: (...call: Parameters<MemoryStore['get']>) => slow(() => inner.get(...call)),
            create: (...call: Parameters<MemoryStore['create']>) => slow(() => inner.create(...call)),
          })
          // With little memory records are read again, and others come in between.
          const log = createCommitLogs({ store, nowMs: () => 5, codec: rawCodec, cacheBytesMax }).volume(id)
          const elsewhere = createCommitLogs({ store: inner, nowMs: () => 5, codec: rawCodec }).volume(id)
          await elsewhere.append(attemptOf(steps[0] as Step, 0))
          let acknowledged = 1
          async function append(maker: CommitLog): Promise<void> {
            // The other process is not slow, and may build on a commit whose maker waits for the answer.
            const base = maker === log ? acknowledged : ((await elsewhere.head())?.lsn ?? 0)
            if (base === steps.length) return
            const outcome = await maker.append(attemptOf(steps[base] as Step, base))
            if (outcome.type === 'committed') acknowledged = Math.max(acknowledged, base + 1)
          }
          async function pull(wish: number): Promise<void> {
            const least = acknowledged
            const since = wish % (least + 1)
            const { head, changes } = await log.pull(since as Lsn)
            expect(head.lsn).toBeGreaterThanOrEqual(least)
            const told = { since, pages: [...changes.pages], floor: changes.floor }
            expect(told).toEqual({ since, ...naiveChanges(steps, since, head.lsn) })
          }
          const all = Promise.all(
            plans.map(async (plan) => {
              for (const next of plan) {
                await scheduler.schedule(Promise.resolve())
                if (typeof next === 'number') await pull(next)
                else await append(next === 'append' ? log : elsewhere)
              }
            }),
          )
          await scheduler.waitFor(all)
          // What was written is right too: a process that knows nothing reads it.
          const cold = createCommitLogs({ store: inner, nowMs: () => 5, codec: rawCodec }).volume(id)
          for (let until = 1; until <= acknowledged; until++) {
            for (let since = 0; since < until; since++) {
              const { pages, floor } = await cold.changes(since as Lsn, until as Lsn)
              expect({ since, until, pages: [...pages], floor }).toEqual({ since, until, ...naiveChanges(steps, since, until) })
            }
          }
        },
      ),
      parameters,
    )
  })
})
