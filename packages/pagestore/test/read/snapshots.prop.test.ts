import type { SegmentRef } from '@graft-ts/volume'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { noisePage, openHarness, type PageRead, type Pages, pagesOf, range } from '../harness.ts'

const parameters = {
  numRuns: Number(process.env['FAST_CHECK_RUNS'] ?? 40),
  ...(process.env['FAST_CHECK_SEED'] !== undefined && { seed: Number(process.env['FAST_CHECK_SEED']) }),
}
const PAGES_MAX = 150

/** One transaction: what it cuts off, then what it writes, and how far it grows beyond that. */
interface Step {
  readonly cutTo: number | null
  readonly written: readonly number[]
  readonly grow: number
  /** How its pages travel. */
  readonly way: 'inline' | 'one ref' | 'two refs' | 'a ref with more'
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    cutTo: fc.option(fc.nat(PAGES_MAX), { freq: 2 }),
    written: fc.oneof(
      fc.uniqueArray(fc.integer({ min: 1, max: PAGES_MAX }), { maxLength: 20 }),
      fc.integer({ min: 1, max: PAGES_MAX }).map((last) => range(1, last)),
    ),
    grow: fc.nat(10),
    way: fc.constantFrom('inline', 'one ref', 'two refs', 'a ref with more'),
  }),
  { minLength: 1, maxLength: 10 },
)

/** A whole volume at one LSN, as simple as can be: each page with its bytes and who wrote it. */
interface State {
  readonly pageCount: number
  readonly pages: ReadonlyMap<number, { lsn: number; bytes: Uint8Array }>
}

function stateAfter(previous: State, step: Step, lsn: number): State & { floor: number | undefined; written: Pages } {
  const floor = step.cutTo === null ? undefined : Math.min(step.cutTo, previous.pageCount)
  const kept = [...previous.pages].filter(([index]) => floor === undefined || index <= floor)
  const written = pagesOf(step.written, lsn, noisePage)
  const pages = new Map([...kept, ...[...written].map(([index, bytes]) => [index, { lsn, bytes }] as const)])
  const pageCount = Math.max(floor ?? previous.pageCount, ...step.written) + step.grow
  return { pageCount, pages, floor, written }
}

async function refsOf(
  step: Step,
  lsn: number,
  written: Pages,
  write: (pages: Pages) => Promise<SegmentRef>,
): Promise<SegmentRef[]> {
  if (step.way === 'inline' || written.size === 0) return []
  if (step.way === 'one ref') return [await write(written)]
  const [odd, even] = [1, 0].map((rest) => new Map([...written].filter(([index]) => index % 2 === rest)))
  if (step.way === 'two refs')
    return Promise.all([odd, even].filter((pages) => pages !== undefined && pages.size > 0).map((pages) => write(pages as Pages)))
  // Pages that the commit does not own are ignored, and where refs overlap the later one wins.
  return [await write(pagesOf(range(1, PAGES_MAX + 20), 500 + lsn, noisePage)), await write(written)]
}

/** Pages that are missing, extra, or not what the state says; compared by hand, for there are many. */
function differences(answer: ReadonlyMap<number, PageRead>, pages: State['pages'], pageCount: number): number[] {
  return range(1, Math.max(pageCount, ...answer.keys())).filter((index) => {
    const [got, expected] = [answer.get(index), pages.get(index)]
    if (got === undefined || index > pageCount) return true
    if (expected === undefined) return got.lsn !== 0 || got.bytes !== undefined
    return got.lsn !== expected.lsn || got.bytes === undefined || Buffer.compare(got.bytes, expected.bytes) !== 0
  })
}

test('I4, I5: every page at every LSN is what a list of whole states says, from warm and from cold page stores', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const warm = openHarness()
      const volumeId = warm.newVolume()
      const states: State[] = [{ pageCount: 0, pages: new Map() }]
      for (const step of history) {
        const lsn = states.length
        const state = stateAfter(states.at(-1) as State, step, lsn)
        const { floor, pageCount, written } = state
        const refs = await refsOf(step, lsn, written, (pages) => warm.write(volumeId, pages))
        const inline = step.way === 'inline' && written.size > 0 ? { inline: written } : {}
        await warm.commit(volumeId, {
          base: lsn - 1,
          pageCount,
          refs,
          own: written.keys(),
          ...inline,
          ...(floor !== undefined && { floor }),
        })
        states.push(state)
      }
      const cold = openHarness({ wrap: () => warm.memory, cacheBytesMax: 0 })
      for (const [lsn, { pageCount, pages }] of states.entries()) {
        if (lsn === 0 || pageCount === 0) continue
        for (const { read } of [warm, cold]) {
          const answer = await read(volumeId, lsn, range(1, pageCount))
          expect({ lsn, wrong: differences(answer, pages, pageCount) }).toEqual({ lsn, wrong: [] })
        }
      }
    }),
    parameters,
  )
})
