import Table from 'cli-table3'
import { isUnderTarget } from './rows.ts'
import type { Row } from './subject.ts'

/** Three significant digits, without exponents. */
function numberText(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}

/** The rows for people; those under their target end with a mark. */
export function renderTable(rows: readonly Row[]): string {
  const table = new Table({
    head: ['case', 'unit', 'ours', 'baseline', 'compared with', 'ratio', 'target', ''],
    colAligns: ['left', 'left', 'right', 'right', 'left', 'right', 'right', 'left'],
    style: { head: [], border: [] },
  })
  for (const row of rows) {
    const target = row.target === null ? '' : numberText(row.target)
    const mark = isUnderTarget(row) ? '< target' : ''
    table.push([
      row.case,
      row.unit,
      numberText(row.ours),
      numberText(row.baseline),
      row.baselineName,
      numberText(row.ratio),
      target,
      mark,
    ])
  }
  return table.toString()
}
