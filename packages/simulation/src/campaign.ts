import { checksIn, faultsIn, neverMet, operationsIn, SEEDS_FOR_COVERAGE, unlistedFaults } from './coverage.ts'
import { FAULTS_MIN, OPERATIONS_MIN } from './scenario.ts'
import { type SeedResult, simulate } from './simulation.ts'
import { Tally } from './tally.ts'

/** A seed that failed, and how. */
export interface Failure {
  readonly seed: number
  readonly message: string
}

/** What came of many seeds. */
export interface CampaignResult {
  readonly seeds: number
  readonly tally: Tally
  readonly virtualMs: number
  readonly events: number
  readonly failures: readonly Failure[]
}

/**
 * Simulates seeds one after the other.
 *
 * @param seeds As many as are wanted; what is drawn from it is simulated.
 * @param onSeed Told after each; `false`: that is enough.
 */
export async function campaign(seeds: Iterable<number>, onSeed?: (result: SeedResult) => boolean): Promise<CampaignResult> {
  const tally = new Tally()
  const failures: Failure[] = []
  let [count, virtualMs, events] = [0, 0, 0]
  for (const seed of seeds) {
    const result = await simulate(seed)
    count++
    virtualMs += result.virtualMs
    events += result.events
    tally.addAll(result.tally)
    const message = failureOf(result)
    if (message !== undefined) failures.push({ seed, message })
    if (onSeed?.(result) === false) break
  }
  return { seeds: count, tally, virtualMs, events, failures: [...failures] }
}

/** Why a seed counts as failed: what it found, or that it was not worth its time. */
function failureOf({ violation, tally }: SeedResult): string | undefined {
  if (violation !== undefined) return violation.message
  const [operations, faults] = [operationsIn(tally), faultsIn(tally)]
  if (operations >= OPERATIONS_MIN && faults >= FAULTS_MIN) return undefined
  return `too little happened, operations=${operations} faults=${faults}`
}

/** What many seeds together must have met and have not. Empty for a few seeds, of which nothing can be asked. */
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
  const hours = (virtualMs / 3_600_000).toFixed(1)
  const total = `${seeds} seeds, ${operationsIn(tally)} operations, ${faultsIn(tally)} faults, ${checksIn(tally)} checks, ${events} events, ${hours} hours of virtual time, ${failures.length} failures`
  return [...rows, total].join('\n')
}
