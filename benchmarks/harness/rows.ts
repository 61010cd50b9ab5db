import type { Measurement } from './subject.ts'

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

/** Puts both numbers of a measurement into one ratio. */
export function rowOf(measurement: Measurement): Row {
  const { ours, baseline, better } = measurement
  for (const value of [ours, baseline]) {
    if (!Number.isFinite(value) || value <= 0)
      throw new RangeError(`not a measurement: ${value} ${measurement.unit}, case=${measurement.case}`)
  }
  return {
    case: measurement.case,
    unit: measurement.unit,
    ours,
    baseline,
    baselineName: measurement.baselineName,
    ratio: better === 'less' ? baseline / ours : ours / baseline,
    target: measurement.target ?? null,
  }
}

/** Whether a row has a target and misses it. */
export function isUnderTarget(row: Row): boolean {
  return row.target !== null && row.ratio < row.target
}
