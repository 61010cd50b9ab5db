// Makes tests of what ran inside another runtime, and of what could not.
import { expect, test } from 'vitest'

/** One test for each result; fails if there are fewer than expected. */
export function testResults(results, atLeast) {
  test(`at least ${atLeast} tests ran`, () => expect(results.length).toBeGreaterThanOrEqual(atLeast))
  for (const { name, failure } of results) test(name, () => expect(failure).toBeUndefined())
}

/** A test that is skipped, and counted as that, with the reason in its name. */
export function testSkipped(name, reason) {
  test(`${name}: ${reason}`, (context) => context.skip(reason))
}
