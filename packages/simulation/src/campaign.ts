import { checksIn, faultsIn, neverMet, operationsIn, SEEDS_FOR_COVERAGE, unlistedFaults } from './coverage.ts'
import { FAULTS_MIN, OPERATIONS_MIN } from './scenario.ts'
import { type SeedResult, simulate } from './simulation.ts'
import { Tally } from './tally.ts'

/** What one seed came to, in a form that can be handed from process to process. */
export interface SeedReport {
  readonly seed: number
  /** What it found, or that it was not worth its time; `undefined`: all is well. */
  readonly failure: string | undefined
  readonly counts: readonly (readonly [name: string, count: number])[]
  readonly virtualMs: number
  readonly events: number
  /** Of everything that happened, in order. */
  readonly digest: string
}

/** What came of many seeds. */
export interface CampaignResult {
  readonly seeds: number
  readonly tally: Tally
  readonly virtualMs: number
  readonly events: number
  readonly failures: readonly { readonly seed: number; readonly message: string }[]
}

/** Simulates seeds one after the other. */
export async function* reportsOf(seeds: Iterable<number>): AsyncGenerator<SeedReport, void, undefined> {
  for (const seed of seeds) {
    const result = await simulate(seed)
    const { tally, virtualMs, events, digest } = result
    yield { seed, failure: failureOf(result), counts: tally.entries(), virtualMs, events, digest }
  }
}

/**
 * Adds reports up.
 *
 * @param onSeed Told of each; `false`: that is enough.
 */
export async function campaign(
  reports: AsyncIterable<SeedReport>,
  onSeed?: (report: SeedReport) => boolean,
): Promise<CampaignResult> {
  const tally = new Tally()
  const failures: { seed: number; message: string }[] = []
  let [seeds, virtualMs, events] = [0, 0, 0]
  for await (const report of reports) {
    seeds++
    virtualMs += report.virtualMs
    events += report.events
    for (const [name, count] of report.counts) tally.add(name, count)
    if (report.failure !== undefined) failures.push({ seed: report.seed, message: report.failure })
    if (onSeed?.(report) === false) break
  }
  return { seeds, tally, virtualMs, events, failures }
}

/** What a seed has found, or that too little happened in it for it to be worth anything; `undefined`: neither. */
export function failureOf({ violation, tally }: Pick<SeedResult, 'violation' | 'tally'>): string | undefined {
  if (violation !== undefined) return violation.message
  const [operations, faults] = [operationsIn(tally), faultsIn(tally)]
  if (operations >= OPERATIONS_MIN && faults >= FAULTS_MIN) return undefined
  return `too little happened, operations=${operations} faults=${faults}`
}

/** What many seeds together must have met and have not. Of a few seeds nothing can be asked. */
export function holesOf({ seeds, tally }: Pick<CampaignResult, 'seeds' | 'tally'>): string[] {
  const unlisted = unlistedFaults(tally).map((name) => `a fault that no list has: ${name}`)
  return seeds < SEEDS_FOR_COVERAGE ? unlisted : [...unlisted, ...neverMet(tally).map((name) => `never met: ${name}`)]
}

/** The command that replays a seed. */
export function replayCommand(seed: number): string {
  return `npm run sim -- --from ${seed} --seeds 1 --log`
}

/** A table of what was done, by name, and a line that says how much in all. */
export function summaryOf({ seeds, tally, virtualMs, events, failures }: CampaignResult): string {
  const rows = tally.entries().map(([name, count]) => `${String(count).padStart(10)}  ${name}`)
  const done = `${operationsIn(tally)} operations, ${faultsIn(tally)} faults, ${checksIn(tally)} checks, ${events} events`
  const hours = (virtualMs / 3_600_000).toFixed(1)
  return [...rows, `${seeds} seeds, ${done}, ${hours} hours of virtual time, ${failures.length} failures`].join('\n')
}
