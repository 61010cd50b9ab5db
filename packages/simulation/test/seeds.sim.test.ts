import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { campaign, holesOf, replayCommand, reportsOf, type SeedReport } from '../src/campaign.ts'
import { sharedReports } from '../src/jobs.ts'
import { readKeptSeeds } from '../src/kept-seeds.ts'

const SEEDS = 200
const TIMEOUT_MS = 900_000

async function expectNoFailure(reports: AsyncIterable<SeedReport>): Promise<void> {
  const result = await campaign(reports)
  const failures = result.failures.map(({ seed, message }) => `${message}\n  ${replayCommand(seed)}`)
  expect([...failures, ...holesOf(result)]).toEqual([])
}

test('every seed that ever failed', () => expectNoFailure(reportsOf(readKeptSeeds().map(({ seed }) => seed))), TIMEOUT_MS)

test(
  `I1 to I9, I11, I12: ${SEEDS} seeds`,
  () => expectNoFailure(sharedReports({ from: 1, count: SEEDS, jobs: availableParallelism() })),
  TIMEOUT_MS,
)
