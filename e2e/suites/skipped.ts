import { test } from 'vitest'

/** Registers a test that is skipped, and counted as that, with the reason in its name. */
export function skipped(name: string, reason: string): void {
  test(`${name}: ${reason}`, (context) => context.skip(reason))
}
