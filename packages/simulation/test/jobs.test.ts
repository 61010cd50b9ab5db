import { expect, test } from 'vitest'
import { campaign, type SeedReport } from '../src/campaign.ts'
import { sharedReports } from '../src/jobs.ts'
import { simulate } from '../src/simulation.ts'

test('processes that share seeds come to what one process comes to', async () => {
  const reports: SeedReport[] = []
  const { seeds } = await campaign(sharedReports({ from: 1, count: 3, jobs: 2 }), (report) => {
    reports.push(report)
    return true
  })
  expect(seeds).toBe(3)
  expect(reports.map(({ seed }) => seed).sort()).toEqual([1, 2, 3])
  const alone = await simulate(2)
  const { events, digest } = alone
  expect(reports.find(({ seed }) => seed === 2)).toMatchObject({ events, digest, counts: alone.tally.entries() })
})

test('a process that fails is told', async () => {
  const reports = sharedReports({ from: 1, count: 1, jobs: 1, bug: 'no-such-bug' })
  await expect(campaign(reports)).rejects.toThrow('no such bug')
})
