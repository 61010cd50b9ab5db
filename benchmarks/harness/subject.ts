/** One thing measured on both sides, in the same run and on the same data. */
export interface Measurement {
  /** What was measured, with everything that bears on it: sizes, and whether both sides sync to disk. */
  readonly case: string
  /** Unit of `ours` and `baseline`, for example `ms` or `MB/s`. */
  readonly unit: string
  /** Whether less or more of the unit is better. */
  readonly better: 'less' | 'more'
  readonly ours: number
  readonly baseline: number
  /** What we compare with. */
  readonly baselineName: string
  /** The ratio to reach, at least; absent where there is none. */
  readonly target?: number | undefined
}

/** One line of the results. */
export interface Row {
  readonly case: string
  readonly unit: string
  readonly ours: number
  readonly baseline: number
  readonly baselineName: string
  /** How much better we are: above 1 better, below 1 worse, whatever the unit. */
  readonly ratio: number
  /** The ratio to reach; `null` where there is none. */
  readonly target: number | null
}

/** What a subject is handed. */
export interface BenchmarkContext {
  /** An empty folder for this run, deleted after it. */
  readonly scratch: string
  /** Says what is going on; not part of the results. */
  readonly progress: (text: string) => void
}

/** A folder of `benchmarks/` exports one as `subject` from its `index.ts`. */
export interface Subject {
  /** One sentence: what is compared with what. */
  readonly description: string
  readonly run: (context: BenchmarkContext) => Promise<readonly Measurement[]>
  /** Shows the rows, if a line for each of them would be too many. */
  readonly render?: (rows: readonly Row[]) => string
}
