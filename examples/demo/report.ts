// Prints the table of the demonstrations, and fails the run when one of them does not hold.
import Table from 'cli-table3'
import type { Traffic } from './traffic.ts'

/** One line of the table. */
export interface Row {
  readonly step: string
  readonly what: string
  readonly traffic?: Traffic
  readonly milliseconds: number
  readonly note: string
}

/** Thrown when the demo does not show what it claims. */
export class DemoError extends Error {
  override readonly name = 'DemoError'
}

/** Stops the demo unless a claim holds. */
export function claim(holds: boolean, what: string): asserts holds {
  if (!holds) throw new DemoError(`this does not hold: ${what}`)
}

/** Collects the rows and prints them. */
export class Report {
  readonly #rows: Row[] = []

  /** Adds a row, and says so at once: the demo takes a while. */
  add(row: Row): void {
    this.#rows.push(row)
    process.stdout.write(`  ${row.step}  ${row.what}: ${row.note}\n`)
  }

  /** The whole table. */
  print(): void {
    const table = new Table({
      head: ['', 'what', 'requests', 'up', 'down', 'ms', 'shown'],
      colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'left'],
      style: { head: [], border: [] },
      chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
      wordWrap: true,
      colWidths: [4, 30, 26, 11, 11, 8, 52],
    })
    for (const { step, what, traffic, milliseconds, note } of this.#rows) {
      const [up, down] = [bytesText(traffic?.bytesUp), bytesText(traffic?.bytesDown)]
      table.push([step, what, requestsText(traffic), up, down, String(Math.round(milliseconds)), note])
    }
    process.stdout.write(`\n${table.toString()}\n`)
  }
}

function requestsText(traffic: Traffic | undefined): string {
  if (traffic === undefined) return ''
  const methods = Object.entries(traffic.byMethod).map(([method, count]) => `${count} ${method}`)
  return methods.length === 0 ? `${traffic.requests}` : `${traffic.requests} (${methods.join(', ')})`
}

/** Bytes for people: B, KiB or MiB. */
export function bytesText(bytes: number | undefined): string {
  if (bytes === undefined) return ''
  if (bytes < 1024) return `${bytes} B`
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
