import { expect } from 'vitest'
import { campaign, holesOf, replayCommand } from '../src/campaign.ts'

/** Whole numbers, both ends included. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

/** Simulates seeds, and fails with the command that replays each one that failed. */
export async function expectNoFailure(seeds: Iterable<number>): Promise<void> {
  const result = await campaign(seeds)
  const failures = result.failures.map(({ seed, message }) => `${message}\n  ${replayCommand(seed)}`)
  expect([...failures, ...holesOf(result)]).toEqual([])
}
