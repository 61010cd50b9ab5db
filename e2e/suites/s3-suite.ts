// What every S3 server is put through.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { probe, type StoreCapabilities } from '@graft-ts/storage-adapters'
import { type ConformanceRunner, testObjectStore } from '@graft-ts/storage-adapters/conformance'
import type { S3Store } from '@graft-ts/storage-adapters/s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Need, readEnvironment } from '../environment.ts'
import { type LoadSize, planLoad } from '../load/plan.ts'
import { type Fault, runLoad } from '../load/run-load.ts'
import type { S3Server } from '../servers/s3-server.ts'
import { ServerStores } from '../servers/server-stores.ts'
import { skipped } from './skipped.ts'

const LOAD_MS_MAX = 240_000
const TEST_MS_MAX = LOAD_MS_MAX + 60_000
const CALL_MS_MAX = 20_000
const PAUSE_MS = 100

/** What {@link s3Suite} needs to know. */
export interface S3SuiteOptions<S extends S3Server> {
  readonly name: string
  readonly need: Need
  /** Starts it in an existing, empty folder. */
  readonly start: (program: string, folder: string) => Promise<S>
  /** What it can do, written down here a second time: an ability that is off by mistake is not tested. */
  readonly capabilities: Partial<StoreCapabilities>
  /** Tests of the contract, by name, that the server is known not to pass, and why: they are skipped and say so. */
  readonly deviations?: Readonly<Record<string, string>>
  /** Lengths of bodies that race, and how often. */
  readonly raceBytes: readonly number[]
  readonly rounds: number
  readonly load: LoadSize
  /** What happens under load. */
  readonly faults: (server: S) => readonly Fault[]
}

/** Registers the tests of one server; if it is not here, a skipped one that says why. */
export function s3Suite<S extends S3Server>(options: S3SuiteOptions<S>): void {
  const { need, name } = options
  if (!need.isHere) {
    skipped(name, need.reason)
    return
  }
  const { program } = need
  describe(name, () => {
    let server: S
    let stores: ServerStores
    beforeAll(async () => {
      const folder = join(readEnvironment().folder, name.replaceAll(' ', '-'))
      await mkdir(folder)
      server = await options.start(program, folder)
      stores = await ServerStores.open(server)
    })
    afterAll(async () => {
      stores?.close()
      await server?.stop()
    })
    registerContract(options, () => stores)
    test('the probe finds that it keeps its conditions', () => probe(stores.newStore()))
    test(
      'every acknowledged write survives what happens under load, and each version has one winner',
      { timeout: TEST_MS_MAX },
      () => testLoad(options, server, stores),
    )
  })
}

function registerContract<S extends S3Server>(options: S3SuiteOptions<S>, stores: () => ServerStores): void {
  const deviations = new Map(Object.entries(options.deviations ?? {}))
  const contractTest: ConformanceRunner['test'] = (name, body) => {
    const reason = deviations.get(name)
    deviations.delete(name)
    if (reason === undefined) test(name, body)
    else skipped(name, reason)
  }
  testObjectStore({
    name: `${options.name} through the s3 adapter, across its gateways`,
    runner: { describe, test: contractTest },
    open: async () => stores().newStore(),
    openPeer: async () => stores().handles().at(-1) as S3Store,
    capabilities: { create: true, compareAndSwap: true, uniqueEtags: false, ...options.capabilities },
    raceBytes: options.raceBytes,
    rounds: options.rounds,
  })
  test('every known deviation is one from a test of the contract', () => {
    expect([...deviations.keys()]).toEqual([])
  })
}

async function testLoad<S extends S3Server>(options: S3SuiteOptions<S>, server: S, stores: ServerStores): Promise<void> {
  const { seed } = readEnvironment()
  stores.newStore()
  const startedMs = performance.now()
  const elapsedMs = (): number => performance.now() - startedMs
  const progress = (text: string): void => console.log(`${(elapsedMs() / 1000).toFixed(1)} s: ${text}`)
  progress(`load of seed ${seed} on ${options.name}`)
  const problems = await runLoad({
    plan: planLoad(seed, options.load),
    stores: stores.handles(),
    faults: options.faults(server),
    callSignal: () => AbortSignal.timeout(CALL_MS_MAX),
    pause: async () => {
      if (elapsedMs() > LOAD_MS_MAX) throw new Error('the load takes too long')
      await delay(PAUSE_MS)
    },
    progress,
  })
  expect(problems).toEqual([])
}
