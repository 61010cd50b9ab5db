import type { Measurement, Row } from './subject.ts'

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
