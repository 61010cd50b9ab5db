import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { BUGS, type Bug } from '../src/bugs/bugs.ts'
import { withBug } from '../src/bugs/plant.ts'
import { campaign } from '../src/campaign.ts'
import { type SharedSeeds, sharedReports } from '../src/jobs.ts'

const SEEDS = 200
const TIMEOUT_MS = 900_000

/** What the first seed says that finds a bug. */
async function finding({ name }: Bug, seeds: Pick<SharedSeeds, 'from' | 'count' | 'jobs'>): Promise<string | undefined> {
  const result = await campaign(sharedReports({ ...seeds, bug: name }), ({ failure }) => failure === undefined)
  return result.failures[0]?.message
}

describe('a mistake in the product', () => {
  test.each(BUGS)('has its place, $name', (bug) => {
    const source = readFileSync(new URL(`../../${bug.file}`, import.meta.url), 'utf8')
    expect(withBug(source, bug)).not.toBe(source)
  })

  test.each(BUGS)('is found, $name', { timeout: TIMEOUT_MS }, async (bug) => {
    // Mostly by the seed that found it last; the product changes, and so does what a seed leads to.
    const found =
      (await finding(bug, { from: bug.seed, count: 1, jobs: 1 })) ?? (await finding(bug, { from: 1, count: SEEDS, jobs: 2 }))
    expect(found).toBeDefined()
  })

  test('that has lost its place is told', () => {
    const bug: Bug = { name: 'x', breaks: 'I1', file: 'x.ts', from: 'a', to: 'b', seed: 1 }
    expect(() => withBug('no such thing', { ...bug, from: 'z' })).toThrow('0 times')
    expect(() => withBug('a, a', bug)).toThrow('2 times')
  })
})
