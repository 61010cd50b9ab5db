import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { plantBug } from './bugs/plant.ts'
import type { CampaignResult, SeedReport } from './campaign.ts'
import { keepSeed, readKeptSeeds } from './kept-seeds.ts'

const USAGE = `npm run sim -- [--from N] [--seeds K | --minutes M] [--jobs J] [--stop] [--bug NAME] [--log] [--write]

  --from N      the first seed; default 1
  --seeds K     how many; default 200
  --minutes M   as many as there is time for instead, after those that failed before
  --jobs J      in how many processes; default: one for each processor
  --stop        ends at the first seed that fails
  --bug NAME    with a mistake in the product, which has to be found: ends at the first seed that fails
  --write       puts what was survived into the README at the root, if nothing was found
  --log         prints every event of each seed, and the stack of what went wrong`

const README = fileURLToPath(new URL('../../../README.md', import.meta.url))
const PROGRESS_MS = 5_000
const MANY = 1_000_000_000

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '200' },
    minutes: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    stop: { type: 'boolean', default: false },
    bug: { type: 'string' },
    log: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    // How processes of one run speak with each other.
    json: { type: 'boolean', default: false },
  },
})

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function wholeNumber(name: 'from' | 'seeds' | 'jobs' | 'minutes'): number {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new RangeError(`--${name} takes a whole number, got=${values[name]}`)
}

function* seedsToRun(): Generator<number, void, undefined> {
  const from = wholeNumber('from')
  for (let seed = from; seed < from + wholeNumber('seeds'); seed++) yield seed
}

/** Prints everything about each seed. */
async function runWithLogs(): Promise<boolean> {
  const { simulate } = await import('./simulation.ts')
  let isWell = true
  for (const seed of seedsToRun()) {
    const { lines, violation, digest } = await simulate(seed, { isLogged: true })
    for (const line of lines) print(line)
    print(`seed ${seed}: ${digest}`)
    if (violation !== undefined) print(violation.stack ?? violation.message)
    isWell &&= violation === undefined
  }
  return isWell
}

/** Is one of several processes. */
async function runJob(): Promise<boolean> {
  const { reportsOf } = await import('./campaign.ts')
  for await (const report of reportsOf(seedsToRun())) print(JSON.stringify(report))
  return true
}

async function* allReports(): AsyncGenerator<SeedReport, void, undefined> {
  const { reportsOf } = await import('./campaign.ts')
  const { sharedReports } = await import('./jobs.ts')
  if (values.minutes !== undefined) yield* reportsOf(readKeptSeeds().map(({ seed }) => seed))
  const count = values.minutes === undefined ? wholeNumber('seeds') : MANY
  yield* sharedReports({ from: wholeNumber('from'), count, jobs: Math.max(1, wholeNumber('jobs')), bug: values.bug })
}

async function run(): Promise<boolean> {
  const { campaign, holesOf, replayCommand, summaryOf } = await import('./campaign.ts')
  const startedAt = performance.now()
  const endsAt = values.minutes === undefined ? Number.POSITIVE_INFINITY : startedAt + wholeNumber('minutes') * 60_000
  const isStopping = values.stop || values.bug !== undefined
  let [count, lastLineAt] = [0, startedAt]
  const result = await campaign(allReports(), ({ seed, failure }) => {
    count++
    const now = performance.now()
    if (failure !== undefined) {
      print(`seed ${seed}: ${failure}\n  ${replayCommand(seed)}`)
      if (values.bug === undefined) keepSeed({ seed, why: failure })
    }
    if (now - lastLineAt > PROGRESS_MS) {
      lastLineAt = now
      process.stderr.write(`${count} seeds, ${((now - startedAt) / 1000).toFixed(0)} s\n`)
    }
    return now < endsAt && !(isStopping && failure !== undefined)
  })
  print(summaryOf(result))
  for (const { seed, message } of result.failures) print(`failed: seed ${seed}: ${message}\n  ${replayCommand(seed)}`)
  const holes = values.bug === undefined ? holesOf(result) : []
  for (const hole of holes) print(hole)
  const isWell = result.failures.length === 0 && holes.length === 0
  if (values.write && isWell) await writeTable(result)
  return isWell
}

async function writeTable(result: CampaignResult): Promise<void> {
  const { faultTable, withFaultTable } = await import('./fault-table.ts')
  const share = values.minutes === undefined ? `--seeds ${values.seeds}` : `--minutes ${values.minutes}`
  const command = `npm run sim -- --from ${values.from} ${share}`
  const table = faultTable(result, command, new Date().toISOString().slice(0, 10))
  writeFileSync(README, withFaultTable(readFileSync(README, 'utf8'), table))
}

async function main(): Promise<boolean> {
  if (values.log) return runWithLogs()
  return values.json ? runJob() : run()
}

// Before anything of the product is loaded.
if (values.bug !== undefined) plantBug(values.bug)
if (values.help) print(USAGE)
else process.exitCode = (await main()) ? 0 : 1
