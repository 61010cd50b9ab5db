import { listAll, type ObjectStore } from '@graft-ts/storage-adapters'
import { Ledger } from './ledger.ts'
import type { LoadPlan } from './plan.ts'
import { decodeVersion, type Version } from './version.ts'
import { type Workplace, Writer } from './writer.ts'

/** Something that is done to the server while writers are at work. */
export interface Fault {
  readonly name: string
  /** Share of all versions that have been acknowledged when it happens, from 0 to below 1; in ascending order. */
  readonly after: number
  readonly run: () => Promise<void>
}

/** Options of {@link runLoad}. */
export interface LoadOptions extends Omit<Workplace, 'ledger'> {
  readonly plan: LoadPlan
  /** One after the other. Everything has to be up again at the end. */
  readonly faults: readonly Fault[]
  readonly progress: (text: string) => void
}

/**
 * Lets all writers go through a plan while faults happen, then reads everything back through every store.
 *
 * @returns What went wrong: nothing, if every acknowledged write is there and each version has one winner.
 */
export async function runLoad(options: LoadOptions): Promise<string[]> {
  const { plan, stores, faults, progress } = options
  const ledger = new Ledger()
  let isOver = false
  const pause = async (): Promise<void> => {
    // One writer has failed: the others must not go on behind the back of the caller.
    if (isOver) throw new Error('the load is over')
    await options.pause()
  }
  const place: Workplace = { ...options, pause, ledger }
  const writers = plan.steps.map((steps, number) => new Writer(place, number).run(steps))
  try {
    await Promise.all([...writers, ...faultsInTurn(ledger, plan, faults, progress)])
  } finally {
    isOver = true
  }
  progress(ledger.summary)
  const problems = ledger.won === plan.versionCount ? [] : [`${ledger.won} versions of ${plan.versionCount} were written`]
  for (const store of stores) problems.push(...(await checkStore(store, ledger, plan)))
  return problems
}

function faultsInTurn(
  ledger: Ledger,
  plan: LoadPlan,
  faults: readonly Fault[],
  progress: LoadOptions['progress'],
): Promise<void>[] {
  let earlier = Promise.resolve()
  return faults.map(({ name, after, run }) => {
    const before = earlier
    earlier = (async () => {
      await before
      await ledger.reached(Math.ceil(after * plan.versionCount))
      progress(`${name}, after ${ledger.won} of ${plan.versionCount} writes`)
      await run()
    })()
    return earlier
  })
}

async function checkStore(store: ObjectStore, ledger: Ledger, plan: LoadPlan): Promise<string[]> {
  const stored = new Map<string, Version>()
  for (const key of plan.keys) {
    const found = await store.get(key)
    if (found !== undefined) stored.set(key, decodeVersion(found.bytes))
  }
  const problems = ledger.check((key) => stored.get(key))
  const listed: string[] = []
  for await (const { key } of listAll(store, { prefix: '' })) listed.push(key)
  const missing = plan.keys.filter((key) => !listed.includes(key))
  if (missing.length > 0 || listed.length !== plan.keys.length) {
    problems.push(`listed are ${listed.length} of ${plan.keys.length} objects, missing: ${missing.slice(0, 5).join(' ')}`)
  }
  return problems
}
