import { Splinter } from '@graft-ts/splinter'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { LSN_NONE, type Lsn, newSegmentId, systemIdSource } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { type CommitLog, createCommitLogs } from '../src/index.ts'
import { attemptOf, rawCodec, volumeId } from './history.ts'
import { LongHistory, PAGES } from './long-history.ts'
import { inRounds, type RoundTally } from './rounds.ts'

/*
 * Store requests in the rounds in which they are waited for: what a call costs on a store that is far away.
 */

const MILLION = 1_000_000
// A length at which ranges come apart into the most records, one at which a record has many layers, and odd ones.
const LENGTHS = [MILLION, MILLION - 1, 2 ** 20 - 1, 2 ** 19, 2 ** 19 + 1]
const histories = new Map<number, LongHistory>()

/** A history of a length, and a process that knows nothing of it. */
function openCold(head: number, history = historyOf(head)): { history: LongHistory; log: CommitLog; tally: RoundTally } {
  const { store, tally } = inRounds(history.store)
  return { history, log: createCommitLogs({ store, nowMs: () => 7, codec: rawCodec }).volume(history.volumeId), tally }
}

function historyOf(head: number): LongHistory {
  const history = histories.get(head) ?? new LongHistory(head)
  histories.set(head, history)
  return history
}

/** LSNs everywhere in a history. */
function places(head: number, count: number): number[] {
  const edges = [0, 1, 2, head - 1000, head - 100, head - 2, head - 1, 2 ** 19 - 1]
  const others = Array.from({ length: count }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 0)
  return [...edges, ...others.map((other) => other % head)].filter((lsn) => lsn < head)
}

describe('commits', () => {
  test('a warm one is one round: its create', async () => {
    const { store, tally } = inRounds(new MemoryStore())
    const log = createCommitLogs({ store, nowMs: () => 7, codec: rawCodec }).volume(volumeId())
    for (let base = 0; base < 300; base++) {
      tally.reset()
      const pages = [1 + (base % 40)]
      expect(await log.append(attemptOf({ pages, pageCount: 40, floor: undefined }, base))).toMatchObject({ type: 'committed' })
      // The first one looks beside it whether the log has a horizon.
      expect([base, tally.reads, tally.rounds.length]).toEqual([base, base === 0 ? 1 : 0, 1])
    }
  })

  test.each([MILLION, 2 ** 19 - 1, 2 ** 20 - 1, 2 ** 19])(
    'a cold one on %i commits is two rounds once the head is known',
    async (head) => {
      const { history, log, tally } = openCold(head)
      await log.head()
      tally.reset()
      expect(await log.append(history.attempt())).toMatchObject({ type: 'committed', snapshot: { lsn: head + 1 } })
      expect(tally.rounds.length).toBeLessThanOrEqual(2)
      expect(tally.reads).toBeLessThanOrEqual(40)
      const record = await log.record((head + 1) as Lsn)
      const since = head + 1 - 2 ** record.layers.length
      const expected = history.changes(since, head).pages
      const told = new Set([...record.own, ...record.layers.flatMap(({ pages }) => [...pages])])
      expect([...told].sort((a, b) => a - b)).toEqual([...new Set([1, ...expected])].sort((a, b) => a - b))
      histories.delete(head)
    },
  )
})

test('I7: an attempt whose place is known to be taken is answered without a write', async () => {
  const { history, log, tally } = openCold(MILLION)
  await log.pull(LSN_NONE)
  tally.reset()
  const outcome = await log.append({ ...history.attempt(), baseLsn: (MILLION - 1) as Lsn })
  expect(outcome).toMatchObject({ type: 'conflict', snapshot: { lsn: MILLION } })
  expect(tally.rounds.reduce((sum, { writes }) => sum + writes, 0)).toBe(0)
  // The commits before and behind it, and the head.
  expect(tally.rounds.length).toBeLessThanOrEqual(2)
})

describe('pulls', () => {
  test('a warm one is one read, or none within the staleness that is allowed', async () => {
    const { history, log, tally } = openCold(MILLION, new LongHistory(MILLION, Number.POSITIVE_INFINITY))
    await log.pull(LSN_NONE)
    for (const since of places(MILLION, 12)) {
      tally.reset()
      const { changes } = await log.pull(since as Lsn)
      expect(tally.rounds).toEqual([{ reads: 1, writes: 0 }])
      expect({ pages: [...changes.pages], floor: changes.floor }).toEqual(history.changes(since, MILLION))
      tally.reset()
      await log.pull(since as Lsn, { maxStalenessMs: 1000 })
      expect(tally.rounds).toEqual([])
    }
  })

  test('a warm one from within a range in which something was cut off reads what tells when, once', async () => {
    const { history, log, tally } = openCold(MILLION)
    await log.pull(LSN_NONE)
    for (const since of places(MILLION, 6)) {
      tally.reset()
      const { changes } = await log.pull(since as Lsn)
      expect(tally.rounds.length).toBeLessThanOrEqual(2)
      expect({ pages: [...changes.pages], floor: changes.floor }).toEqual(history.changes(since, MILLION))
      tally.reset()
      await log.pull(since as Lsn)
      expect(tally.rounds).toEqual([{ reads: 1, writes: 0 }])
    }
  })

  test.each(LENGTHS)('a cold one over any part of %i commits is one round once the head is known', async (head) => {
    for (const since of places(head, 6)) {
      const { history, log, tally } = openCold(head)
      await log.head()
      tally.reset()
      const { changes } = await log.pull(since as Lsn, { maxStalenessMs: 1000 })
      expect(tally.rounds.length).toBeLessThanOrEqual(1)
      expect(tally.reads).toBeLessThanOrEqual(40)
      expect({ since, pages: [...changes.pages], floor: changes.floor }).toEqual({ since, ...history.changes(since, head) })
    }
  })

  test('a cold one over records that are longer than their first read is one round more', async () => {
    const { store, tally } = inRounds(new MemoryStore())
    const id = volumeId()
    const open = () => createCommitLogs({ store, nowMs: () => 7, codec: rawCodec }).volume(id)
    const writer = open()
    const pages = Array.from({ length: 5000 }, (_, i) => 7 * i + 1)
    for (let base = 0; base < 7; base++) {
      const { inline: _, ...attempt } = attemptOf({ pages: [], pageCount: 50_000, floor: undefined }, base)
      const own = Splinter.from(pages.map((page) => page + base))
      const frames = { lengths: new Uint32Array(79).fill(100), checksums: new BigUint64Array(79) }
      await writer.append({ ...attempt, own, refs: [{ segmentId: newSegmentId(systemIdSource), pages: own, offset: 0, frames }] })
    }
    const log = open()
    await log.head()
    tally.reset()
    expect((await log.pull(LSN_NONE, { maxStalenessMs: 1000 })).changes.pages.size).toBe(35_000)
    expect(tally.rounds).toHaveLength(2)
  })

  test('costs the same rounds after ten thousand commits and after a million', async () => {
    for (const head of [10_000, MILLION]) {
      const { log, tally } = openCold(head)
      await log.pull(LSN_NONE)
      // The hint, the commit that it names together with what may come behind it, and the records.
      expect(tally.rounds).toHaveLength(3)
    }
  })
})

describe('the head', () => {
  test('whose record there is no room for is read again in the round that finds out that nothing is new', async () => {
    const history = historyOf(MILLION)
    const { store, tally } = inRounds(history.store)
    const log = createCommitLogs({ store, nowMs: () => 7, codec: rawCodec, cacheBytesMax: 1 }).volume(history.volumeId)
    await log.head()
    tally.reset()
    expect((await log.head())?.lsn).toBe(MILLION)
    expect(tally.rounds).toEqual([{ reads: 2, writes: 0 }])
  })

  test('is found within three rounds of a hint that is up to a thousand commits old', async () => {
    for (let age = 0; age <= 1000; age += age < 70 ? 1 : 31) {
      const { history, log, tally } = openCold(MILLION)
      history.hint = MILLION - age
      expect((await log.head())?.lsn).toBe(MILLION)
      history.hint = MILLION
      // The hint itself comes first.
      expect([age, Math.max(4, tally.rounds.length)]).toEqual([age, 4])
    }
  })

  test('is found from a hint of long ago in rounds that hardly grow', async () => {
    for (const [age, rounds] of [
      [2000, 5],
      [100_000, 8],
    ] as const) {
      const { history, log, tally } = openCold(MILLION)
      history.hint = MILLION - age
      expect((await log.head())?.lsn).toBe(MILLION)
      history.hint = MILLION
      expect([age, tally.rounds.length]).toEqual([age, rounds])
    }
  })

  test('is found without a hint in rounds that hardly grow', async () => {
    const { history, log, tally } = openCold(MILLION)
    history.hint = undefined
    expect((await log.head())?.lsn).toBe(MILLION)
    expect(tally.rounds.length).toBeLessThanOrEqual(8)
    history.hint = MILLION
  })
})

describe('locating pages', () => {
  test.each(LENGTHS)('any page of %i commits, cold, is one round more than a pull', async (head) => {
    for (const [i, page] of [1, 2, 777, PAGES - 500, PAGES].entries()) {
      const { history, log, tally } = openCold(head)
      const lsn = head - i * 1003
      const located = await log.locate(lsn as Lsn, Splinter.from([page]))
      expect([page, Math.max(2, tally.rounds.length)]).toEqual([page, 2])
      expect(tally.reads).toBeLessThanOrEqual(42)
      let writer = 0
      history.walk(0, lsn, (found, by) => {
        if (found === page) writer = by
      })
      expect(located.map(({ lsn: by }) => by)).toEqual([writer])
    }
  })
})
