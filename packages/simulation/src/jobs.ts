import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { SeedReport } from './campaign.ts'
import { Inbox } from './inbox.ts'

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url))

/** Seeds of one process: enough for its start not to count, and few enough for all processes to end at about the same time. */
const CHUNK = 100

/** Seeds that several processes share. */
export interface SharedSeeds {
  readonly from: number
  readonly count: number
  /** How many processes at a time. */
  readonly jobs: number
  /** A mistake in the product that they are to find. */
  readonly bug?: string | undefined
}

/**
 * Simulates seeds in processes of their own. Leaving early ends them.
 *
 * @throws Error if one ends without having simulated its share.
 */
export async function* sharedReports({ from, count, jobs, bug }: SharedSeeds): AsyncGenerator<SeedReport, void, undefined> {
  if (count === 0) return
  const inbox = new Inbox<SeedReport>()
  const running = new Set<ChildProcess>()
  let next = 0
  const startNext = (): void => {
    if (next >= count) return
    const seeds = Math.min(CHUNK, Math.ceil(count / jobs), count - next)
    const args = ['--from', String(from + next), '--seeds', String(seeds), ...(bug === undefined ? [] : ['--bug', bug])]
    next += seeds
    const child = startJob(args, inbox, () => {
      running.delete(child)
      startNext()
    })
    running.add(child)
  }
  for (let i = 0; i < jobs; i++) startNext()
  try {
    let left = count
    for await (const report of inbox) {
      yield report
      if (--left === 0) return
    }
  } finally {
    next = count
    for (const child of running) child.kill()
  }
}

/** Starts a process that puts its reports into the inbox. */
function startJob(args: readonly string[], inbox: Inbox<SeedReport>, onDone: () => void): ChildProcess {
  // Nearly all that a run makes is garbage soon.
  const flags = ['--min-semi-space-size=64', '--max-semi-space-size=64', '--conditions=@graft-ts/source', CLI, '--json']
  const child = spawn(process.execPath, [...flags, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  createInterface({ input: child.stdout }).on('line', (line) => inbox.put(JSON.parse(line) as SeedReport))
  child.on('error', (error) => inbox.fail(error))
  child.on('close', (code) => {
    if (code === 0) onDone()
    else inbox.fail(new Error(`a process of the simulation ended with ${code}: ${errors}`))
  })
  return child
}
