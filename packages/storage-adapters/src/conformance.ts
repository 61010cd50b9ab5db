import { abortChecks } from './conformance/aborts.ts'
import { capabilityChecks } from './conformance/capabilities.ts'
import { deletionChecks } from './conformance/deletions.ts'
import { keyChecks } from './conformance/keys.ts'
import { listingChecks } from './conformance/listings.ts'
import { objectChecks } from './conformance/objects.ts'
import { raceChecks } from './conformance/races.ts'
import { rangeChecks } from './conformance/ranges.ts'
import { streamChecks } from './conformance/streams.ts'
import { type CheckGroup, equal, type Trial } from './conformance/trial.ts'
import { unknownOutcomeChecks } from './conformance/unknown-outcomes.ts'
import type { ObjectStore, StoreCapabilities } from './object-store.ts'

/** The two functions of a test framework that the suite needs; vitest, node:test, Deno and others have them. */
export interface ConformanceRunner {
  /** Groups tests; calls `body` at once. */
  readonly describe: (name: string, body: () => void) => void
  /** Registers a test that fails when its promise rejects. */
  readonly test: (name: string, body: () => Promise<void>) => void
}

/** What {@link testObjectStore} needs to know. */
export interface ConformanceOptions<S extends ObjectStore = ObjectStore> {
  /** Names the group of tests. */
  readonly name: string
  /** Opens a store with no objects in it, once per test: a new folder, prefix or bucket. */
  readonly open: () => Promise<S>
  /** Opens another handle on the storage of a store, as another process would; races then run across both. */
  readonly openPeer?: (store: S) => Promise<S>
  /** Lets go of a store that `open` or `openPeer` gave. */
  readonly close?: (store: S) => Promise<void>
  readonly runner: ConformanceRunner
  /**
   * What the store has to declare. Worth giving: an ability that is off by mistake would only be tested for being off.
   */
  readonly capabilities?: Partial<StoreCapabilities>
  /** How many callers race; default 8. */
  readonly racers?: number
  /** How often each race runs; default 10. */
  readonly rounds?: number
  /** Lengths of racing bodies; default 20 and 100,000. For servers add several MiB: some are racy only there. */
  readonly raceBytes?: readonly number[]
}

const GROUPS: readonly CheckGroup[] = [
  objectChecks,
  rangeChecks,
  streamChecks,
  keyChecks,
  listingChecks,
  deletionChecks,
  abortChecks,
  capabilityChecks,
  raceChecks,
  unknownOutcomeChecks,
]

/**
 * Registers the tests that every {@link ObjectStore} has to pass, adapter or wrapper.
 *
 * About 45 tests with 3,000 small objects; the longest waits for 1,003 writes. Depends on no test framework.
 *
 * @example
 * ```ts
 * import { describe, test } from 'node:test'
 * testObjectStore({ name: 'memory', open: async () => new MemoryStore(), runner: { describe, test } })
 * ```
 */
export function testObjectStore<S extends ObjectStore>(options: ConformanceOptions<S>): void {
  const { describe, test } = options.runner
  describe(`ObjectStore contract: ${options.name}`, () => {
    test('declares what is expected of it', () => runTrial(options, (trial) => checkCapabilities(trial, options.capabilities)))
    for (const group of GROUPS) {
      describe(group.name, () => {
        for (const check of group.checks) test(check.name, () => runTrial(options, check.run))
      })
    }
  })
}

async function runTrial<S extends ObjectStore>(
  options: ConformanceOptions<S>,
  run: (trial: Trial) => Promise<void>,
): Promise<void> {
  const store = await options.open()
  const opened = [store]
  try {
    const peer = options.openPeer === undefined ? store : await options.openPeer(store)
    if (peer !== store) opened.push(peer)
    const { racers = 8, rounds = 10, raceBytes = [20, 100_000] } = options
    await run({ store, peer, racers, rounds, raceBytes })
  } finally {
    for (const handle of opened.reverse()) await options.close?.(handle)
  }
}

async function checkCapabilities(trial: Trial, expected: Partial<StoreCapabilities> | undefined): Promise<void> {
  for (const [name, value] of Object.entries(expected ?? {})) {
    equal(trial.store.capabilities[name as keyof StoreCapabilities], value, name)
  }
}
