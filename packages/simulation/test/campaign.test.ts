import { describe, expect, test } from 'vitest'
import { campaign, failureOf, holesOf, type SeedReport, summaryOf } from '../src/campaign.ts'
import { neverMet } from '../src/coverage.ts'
import { Tally } from '../src/tally.ts'
import { Violation } from '../src/violation.ts'

const report = (seed: number, counts: SeedReport['counts'], failure?: string): SeedReport => {
  return { seed, failure, counts, virtualMs: 3_600_000, events: 10, digest: '' }
}

async function* given(...reports: readonly SeedReport[]): AsyncGenerator<SeedReport, void, undefined> {
  yield* reports
}

function tallyOf(counts: Readonly<Record<string, number>>): Tally {
  const tally = new Tally()
  for (const [name, count] of Object.entries(counts)) tally.add(name, count)
  return tally
}

describe('a seed', () => {
  test('is worth something from 500 operations and 30 faults on', () => {
    const outcome = (operations: number, faults: number) =>
      failureOf({ violation: undefined, tally: tallyOf({ 'operations: push': operations, 'disk: read failed': faults }) })
    expect(outcome(500, 30)).toBeUndefined()
    expect(outcome(499, 30)).toBe('too little happened, operations=499 faults=30')
    expect(outcome(500, 29)).toBe('too little happened, operations=500 faults=29')
  })

  test('is worth no more for what happens all the time', () => {
    const tally = tallyOf({ 'operations: push': 500, 'network: overtaken': 100, 'disk: read failed': 29 })
    expect(failureOf({ violation: undefined, tally })).toContain('faults=29')
  })

  test('tells what it has found', () => {
    expect(failureOf({ violation: new Violation('I4', 'a page is gone'), tally: new Tally() })).toBe('I4: a page is gone')
  })
})

describe('many seeds', () => {
  test('fail if a class was never met, each by its name', () => {
    const all = tallyOf(Object.fromEntries(neverMet(new Tally()).map((name) => [name, 1])))
    expect(holesOf({ seeds: 200, tally: all })).toEqual([])
    for (const missing of neverMet(new Tally())) {
      const tally = tallyOf(Object.fromEntries(all.entries().filter(([name]) => name !== missing)))
      expect(holesOf({ seeds: 200, tally })).toEqual([`never met: ${missing}`])
      expect(holesOf({ seeds: 199, tally })).toEqual([])
    }
  })

  test('must have met faults, recoveries, checks, worlds and work', () => {
    const classes = ['disk: read failed', 'recovery: conflict answered', 'checks: commits', 'world: late joiners', 'work: append']
    expect(neverMet(new Tally())).toEqual(expect.arrayContaining(classes))
    expect(neverMet(tallyOf({ 'work: append': 1 }))).not.toContain('work: append')
  })

  test('fail, however few they are, if there was a fault that no list has', () => {
    const holes = holesOf({ seeds: 1, tally: tallyOf({ 'disk: on fire': 1 }) })
    expect(holes).toEqual(['a fault that no list has: disk: on fire'])
  })

  test('are added up, and left when it is enough', async () => {
    const reports = [report(1, [['operations: push', 2]]), report(2, [['operations: push', 3]], 'I1: x'), report(3, [])]
    const result = await campaign(given(...reports), ({ failure }) => failure === undefined)
    expect(result).toMatchObject({ seeds: 2, virtualMs: 7_200_000, events: 20, failures: [{ seed: 2, message: 'I1: x' }] })
    expect(result.tally.entries()).toEqual([['operations: push', 5]])
    expect(summaryOf(result)).toContain(
      '2 seeds, 5 operations, 0 faults, 0 checks, 20 events, 2.0 hours of virtual time, 1 failures',
    )
  })
})
