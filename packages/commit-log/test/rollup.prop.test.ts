import { Splinter } from '@graft-ts/splinter'
import { metered } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { type CommitRecord, type Lsn, layerCountMax, layerLsn } from '@graft-ts/volume'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCommitLogs } from '../src/index.ts'
import { buildLayers, decomposeRange, layerSources } from '../src/rollup.ts'
import { attemptOf, histories, naiveChanges, rawCodec, type State, type Step, statesOf, volumeId } from './history.ts'
import { parameters } from './parameters.ts'

async function logOf(steps: readonly Step[]) {
  const store = metered(new MemoryStore())
  const id = volumeId()
  const options = { store, nowMs: () => 5, codec: rawCodec }
  const log = createCommitLogs(options).volume(id)
  for (const [i, step] of steps.entries()) {
    expect(await log.append(attemptOf(step, i))).toMatchObject({ type: 'committed', snapshot: { lsn: i + 1 } })
  }
  return { log, cold: () => createCommitLogs(options).volume(id), store }
}

describe('decomposeRange', () => {
  test('covers every range once, newest first, with at most 2 log2(h) records', () => {
    for (let until = 1; until <= 130; until++) {
      for (let since = 0; since < until; since++) {
        let position = until
        const steps = decomposeRange(since as Lsn, until as Lsn)
        for (const step of steps) {
          expect(step.lsn).toBe(position)
          expect(step.layers).toBeLessThanOrEqual(layerCountMax(step.lsn))
          position -= 2 ** step.layers
        }
        expect(position).toBe(since)
        expect(steps.length).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(until + 1)))
      }
    }
  })

  test('a million commits are at most 37 records away', () => {
    let most = 0
    for (let since = 0; since < 1_000_000; since += 997)
      most = Math.max(most, decomposeRange(since as Lsn, 999_999 as Lsn).length)
    expect(most).toBeLessThanOrEqual(37)
  })
})

describe('I9: a rollup is the union of its commits less what a later floor cut off', () => {
  test('every range of random histories', async () => {
    await fc.assert(
      fc.asyncProperty(histories(20), async (steps) => {
        const { cold } = await logOf(steps)
        const log = cold()
        for (let until = 1; until <= steps.length; until++) {
          for (let since = 0; since <= until; since++) {
            const { pages, floor } = await log.changes(since as Lsn, until as Lsn)
            expect({ since, until, pages: [...pages], floor }).toEqual({ since, until, ...naiveChanges(steps, since, until) })
          }
        }
      }),
      parameters,
    )
  })

  test('I5: whoever applies any pull to the older state has the newer state', async () => {
    await fc.assert(
      fc.asyncProperty(histories(20), async (steps) => {
        const { cold } = await logOf(steps)
        const log = cold()
        const states = statesOf(steps)
        const until = steps.length
        for (let since = 0; since <= until; since++) {
          const { pages, floor } = await log.changes(since as Lsn, until as Lsn)
          const before = states[since] as State
          const after = states[until] as State
          const kept = [...before.writers].filter(([page]) => page <= (floor ?? Number.POSITIVE_INFINITY) && !pages.has(page))
          const fetched = [...pages].map((page) => [page, after.writers.get(page)] as const)
          expect(new Map([...kept, ...fetched])).toEqual(after.writers)
        }
      }),
      parameters,
    )
  })
})

describe('rollup layers', () => {
  test('every record has all layers that its LSN allows, equal to a naive recomputation from the plain commits', async () => {
    await fc.assert(
      fc.asyncProperty(histories(33), async (steps) => {
        const { cold } = await logOf(steps)
        const log = cold()
        for (let lsn = 1; lsn <= steps.length; lsn++) {
          const record = await log.record(lsn as Lsn)
          expect(record.layers).toHaveLength(layerCountMax(record.lsn))
          for (let layer = 1; layer <= record.layers.length; layer++)
            expect(layerPages(record, layer)).toEqual(naiveLayer(steps, lsn, layer))
        }
      }),
      { ...parameters, numRuns: Math.min(parameters.numRuns, 100) },
    )
  })
})

test('a layer that would take the layers over the limit is left out, with all above it', async () => {
  const steps = Array.from({ length: 8 }, (_, i) => ({ floor: undefined, pageCount: 24, pages: [3 * i + 1, 3 * i + 2] }))
  const log = (await logOf(steps)).cold()
  const record = await log.record(8 as Lsn)
  const sources = await Promise.all(layerSources(record.lsn).map((lsn) => log.record(lsn)))
  const sizes = record.layers.map((layer) => layer.pages.toBytes().length + layer.packedOffsets.length)
  let bytes = 0
  for (const [i, size] of sizes.entries()) {
    bytes += size
    expect(buildLayers(record, sources, bytes - 1)).toHaveLength(i)
    expect(buildLayers(record, sources, bytes)).toHaveLength(i + 1)
  }
  expect(sizes).toHaveLength(3)
})

function layerPages(record: CommitRecord, layer: number) {
  const rollup = record.layers[layer - 1]
  if (rollup === undefined) throw new Error('no such layer')
  const pages = [...rollup.pages].map((page, position) => [page, layerLsn(rollup, record.lsn, layer, position) as number])
  return { pages, floor: rollup.floor }
}

function naiveLayer(steps: readonly Step[], lsn: number, layer: number) {
  const newer = naiveChanges(steps, lsn - 2 ** (layer - 1), lsn)
  const whole = naiveChanges(steps, lsn - 2 ** layer, lsn)
  const writer = (page: number) => {
    for (let n = lsn - 2 ** (layer - 1); ; n--) if (steps[n - 1]?.pages.includes(page)) return n
  }
  return {
    pages: whole.pages.filter((page) => !newer.pages.includes(page)).map((page) => [page, writer(page)]),
    floor: whole.floor,
  }
}

describe('I5: locate finds the commit that wrote each page, and nothing that was cut off', () => {
  test('every page at every LSN of random histories', async () => {
    await fc.assert(
      fc.asyncProperty(histories(20), async (steps) => {
        const { cold } = await logOf(steps)
        const log = cold()
        const states = statesOf(steps)
        const everything = Splinter.fromRange(1, 40)
        for (let lsn = 1; lsn <= steps.length; lsn++) {
          const located = await log.locate(lsn as Lsn, everything)
          const writers = located.flatMap(({ pages, lsn: writer }) => [...pages].map((page) => [page, writer] as const))
          expect(writers).toHaveLength(everything.size)
          expect(new Map(writers.filter(([, writer]) => writer > 0))).toEqual((states[lsn] as State).writers)
        }
      }),
      parameters,
    )
  })
})

test('I9: records without some layers give the same answers in more rounds', async () => {
  await fc.assert(
    fc.asyncProperty(histories(24), fc.array(fc.nat(3), { minLength: 24, maxLength: 24 }), async (steps, kept) => {
      const { log } = await logOf(steps)
      const records = await Promise.all(steps.map((_, i) => log.record((i + 1) as Lsn)))
      const { sectionsOf, rollUp } = await import('../src/rollup.ts')
      const until = steps.length
      for (let since = 0; since < until; since++) {
        const sections = []
        for (let position = until; position > since; ) {
          const step = decomposeRange(since as Lsn, position as Lsn)[0] as { layers: number }
          const layers = Math.min(step.layers, kept[position - 1] as number)
          sections.push(...sectionsOf(records[position - 1] as CommitRecord, layers))
          position -= 2 ** layers
        }
        const { pages, floor } = rollUp(sections)
        expect({ pages: [...pages], floor }).toEqual(naiveChanges(steps, since, until))
      }
    }),
    parameters,
  )
})
