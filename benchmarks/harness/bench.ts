import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeMachine } from './machine.ts'
import { isUnderTarget, rowOf } from './rows.ts'
import type { Subject } from './subject.ts'
import { renderTable } from './table.ts'

/** What the harness needs from outside. */
export interface BenchOptions {
  /** Command line after the program's name. */
  readonly args: readonly string[]
  /** Names of all subjects. */
  readonly names: readonly string[]
  readonly load: (name: string) => Promise<Subject>
  /** Where `NAME.json` goes; made if absent. */
  readonly resultsFolder: string
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly now: () => Date
}

/**
 * Runs one subject, prints its table and writes its results.
 *
 * @returns The exit code: 0, also when a row is under its target; 1 if the benchmark failed; 2 if the call is wrong.
 */
export async function bench(options: BenchOptions): Promise<number> {
  const { args, names, out, err } = options
  const name = args[0]
  if (name === undefined || args.length !== 1 || !names.includes(name)) {
    if (name !== undefined) err(args.length === 1 ? `no such benchmark: ${name}` : 'one benchmark at a time')
    err(`usage: npm run bench -- NAME, where NAME is one of: ${names.join(', ')}`)
    return 2
  }
  const scratch = mkdtempSync(join(tmpdir(), `graft-ts-bench-${name}-`))
  try {
    const subject = await options.load(name)
    out(`${name}: ${subject.description}`)
    const measurements = await subject.run({ scratch, progress: (text) => out(`  ${text}`) })
    if (measurements.length === 0) throw new Error(`the benchmark measured nothing: ${name}`)
    const rows = measurements.map(rowOf)
    const machine = describeMachine(options.now())
    mkdirSync(options.resultsFolder, { recursive: true })
    writeFileSync(join(options.resultsFolder, `${name}.json`), `${JSON.stringify({ name, machine, rows }, null, 2)}\n`)
    const missed = rows.filter(isUnderTarget).length
    out(`\n${(subject.render ?? renderTable)(rows)}`)
    out(`ratio: above 1 we are better. ${missed} of ${rows.length} rows under their target.`)
    out(`${machine.processor}, ${machine.processors} processors, ${machine.platform}, Node ${machine.node}, ${machine.date}`)
    return 0
  } catch (error) {
    err(`the benchmark failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    return 1
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
