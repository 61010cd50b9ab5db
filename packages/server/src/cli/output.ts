import Table from 'cli-table3'
import type { CliContext } from './io.ts'

const NO_LINES = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '' }
const NO_FRAME = {
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/** Prints the result of a command: one JSON document, or text. */
export function printResult<T>({ io, isJson }: CliContext, result: T, text: (result: T) => string): void {
  const output = isJson ? JSON.stringify(result) : text(result)
  io.stdout.write(output.endsWith('\n') ? output : `${output}\n`)
}

/** Names and values in two columns; those without a value are left out. */
export function factsText(facts: Readonly<Record<string, string | number | undefined>>): string {
  const known = Object.entries(facts).filter(([, value]) => value !== undefined)
  const width = known.reduce((most, [name]) => Math.max(most, name.length), 0)
  return known.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}

/** A table without lines. Columns whose name begins with a space are aligned to the right. */
export function tableText(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const table = new Table({
    head: columns.map((name) => name.trim()),
    colAligns: columns.map((name) => (name.startsWith(' ') ? 'right' : 'left')),
    chars: { ...NO_LINES, ...NO_FRAME },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) table.push(row.map(String))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** Bytes for people. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 2 ** 20) return `${(bytes / 1024).toFixed(1)} KiB`
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`
}

/** A point in time for people and programs. */
export function timeText(timestampMs: number): string {
  return new Date(timestampMs).toISOString()
}
