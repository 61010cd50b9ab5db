import { Bench } from 'tinybench'

/** Two ways to do the same work. */
export interface Contest {
  /** Lays out what both sides need, before each round; not timed. */
  readonly before?: (round: number) => Promise<void>
  readonly ours: (round: number) => Promise<void>
  readonly baseline: (round: number) => Promise<void>
  /** How often each side runs and is timed. */
  readonly rounds: number
  /**
   * How often each side runs before that. Default 1; more where a process is measured that others only ever meet warm, since
   * whoever has more code needs longer until it is compiled.
   */
  readonly warmUpRounds?: number
}

/** The medians of both sides, in milliseconds. */
export interface SideTimes {
  readonly ours: number
  readonly baseline: number
}

/**
 * Times long operations (above some milliseconds) against each other. The sides take turns, so that a machine which
 * slows down meanwhile slows down both, and take turns in who begins.
 */
export async function timeSideBySide(contest: Contest): Promise<SideTimes> {
  const samples = { ours: [] as number[], baseline: [] as number[] }
  const { warmUpRounds = 1 } = contest
  for (let round = 0; round < warmUpRounds + contest.rounds; round++) {
    await contest.before?.(round)
    const bench = new Bench({ iterations: 1, time: 0, warmup: false, throws: true, retainSamples: true })
    // Whoever comes second may find caches warm, or a disk busy.
    const names = round % 2 === 0 ? (['ours', 'baseline'] as const) : (['baseline', 'ours'] as const)
    // Async functions are told apart by their kind; any other would be called once more to find out.
    for (const name of names) bench.add(name, async () => await contest[name](round))
    for (const task of await bench.run()) {
      const { result } = task
      if (result.state !== 'completed') throw new Error(`a benchmark did not complete: ${task.name}`)
      if (round >= warmUpRounds) samples[task.name as keyof typeof samples].push(result.latency.mean)
    }
  }
  return { ours: median(samples.ours), baseline: median(samples.baseline) }
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no values')
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}
