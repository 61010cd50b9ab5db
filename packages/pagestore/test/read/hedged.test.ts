import { metered } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { seededRandom } from '@graft-ts/storage-adapters/testing'
import { expect, test } from 'vitest'
import { hedgedStores } from '../../src/read/hedged-stores.ts'
import { openHarness, outcomeOf, range, VirtualTimers } from '../harness.ts'
import { ScriptedStore } from '../scripted-store.ts'
import { withVolume } from './with-volume.ts'

const READS = 600
const GET_MS = 25

/** Point reads, one after another, of a store where 3 % of GETs are ten times slower; sorted latencies, and the GETs they cost. */
async function latencies(isHedged: boolean): Promise<{ median: number; p99: number; gets: number }> {
  const { memory, volumeId, lsn } = await withVolume(64)
  const timers = new VirtualTimers()
  const random = seededRandom(41)
  const slow = new ScriptedStore(memory)
  let gets = 0
  slow.onGet = async (forward, key, options) => {
    gets += 1
    const ms = random() < 0.03 ? 10 * GET_MS : GET_MS
    await new Promise<void>((resolve) => {
      const cancel = timers.start(resolve, ms)
      options?.signal?.addEventListener('abort', () => {
        cancel()
        resolve()
      })
    })
    return forward(key, options)
  }
  const clock = {
    nowMs: () => timers.nowMs,
    delay: (ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        const cancel = timers.start(resolve, ms)
        signal.addEventListener('abort', () => cancel())
      }),
  }
  const { read, pagestore } = openHarness({
    wrap: () => slow,
    cacheBytesMax: 0,
    ...(isHedged && { hedge: { budget: 0.05, clock } }),
  })
  const took: number[] = []
  for (const i of range(0, READS)) {
    if (i === 1) gets = 0
    const startMs = timers.nowMs
    let isOver = false
    const reading = read(volumeId, lsn, [(i % 64) + 1]).then(() => {
      isOver = true
      took.push(timers.nowMs - startMs)
    })
    while (!isOver) await timers.advance(GET_MS)
    await reading
  }
  // The first one reads the commit, too.
  const { hedgesSent, hedgesWon } = pagestore.metrics()
  expect(hedgesSent).toBe(gets - READS)
  expect(hedgesWon > 0).toBe(isHedged)
  const sorted = took.slice(1).sort((a, b) => a - b)
  return { median: sorted[READS / 2] as number, p99: sorted[Math.floor(READS * 0.99)] as number, gets }
}

test('a hedged store: p99 of reads at most 3 times the median, for at most 5 % more GETs', { timeout: 60_000 }, async () => {
  const [without, within] = [await latencies(false), await latencies(true)]
  console.log(`point reads, ${READS} each, 3 % of GETs ten times slower: without hedging`, without, 'with', within)
  expect(without.gets).toBe(READS)
  expect(without.p99).toBe(10 * GET_MS)
  expect(within.p99).toBeLessThanOrEqual(3 * within.median)
  expect(within.gets).toBeLessThanOrEqual(1.05 * READS)
  expect(within.gets).toBeGreaterThan(READS)
})

test('a budget that makes no sense is refused', async () => {
  for (const budget of [-0.1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(await outcomeOf((async () => openHarness({ hedge: { budget } }))())).toBe('invalid PAGESTORE_OPTIONS')
  }
})

test('one store stays one with one budget, two have one each', () => {
  const [segments, commits] = [metered(new MemoryStore()), metered(new MemoryStore())]
  const one = hedgedStores({ segments, commits: segments }, { budget: 0.05 })
  expect(one.commits).toBe(one.segments)
  const two = hedgedStores({ segments, commits }, { budget: 0.05 })
  expect(two.commits).not.toBe(two.segments)
  const none = hedgedStores({ segments, commits }, undefined)
  expect([none.segments, none.commits]).toEqual([segments, commits])
  expect(none.segments).toBe(segments)
})
