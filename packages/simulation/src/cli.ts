import { parseArgs } from 'node:util'
import { campaign, holesOf, replayCommand, summaryOf } from './campaign.ts'
import { keepSeed, readKeptSeeds } from './kept-seeds.ts'
import { simulate } from './simulation.ts'

const USAGE = `npm run sim -- [--from N] [--seeds K | --minutes M] [--log] [--kept] [--stop]

  --from N      the first seed; default 1
  --seeds K     how many; default 200
  --minutes M   as many as there is time for instead
  --kept        the seeds that failed before come first; so they do with --minutes
  --stop        ends at the first seed that fails
  --log         prints every event of each seed, and the stack of what went wrong`

/** Standard output is what this program is for. */
function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

const PROGRESS_MS = 5_000

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '200' },
    minutes: { type: 'string' },
    log: { type: 'boolean', default: false },
    kept: { type: 'boolean', default: false },
    stop: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

/** The seeds to run: those that failed before, then one after the other. */
function* seedsToRun(): Generator<number, void, undefined> {
  const from = wholeNumber('from', values.from)
  if (values.kept || values.minutes !== undefined) for (const { seed } of readKeptSeeds()) yield seed
  const count = values.minutes === undefined ? wholeNumber('seeds', values.seeds) : Number.POSITIVE_INFINITY
  for (let seed = from; seed < from + count; seed++) yield seed
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new RangeError(`--${name} takes a whole number, got=${text}`)
}

async function printLogs(): Promise<boolean> {
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

async function run(): Promise<boolean> {
  const startedAt = performance.now()
  const endsAt = values.minutes === undefined ? Number.POSITIVE_INFINITY : startedAt + Number(values.minutes) * 60_000
  let [count, lastLineAt] = [0, startedAt]
  const result = await campaign(seedsToRun(), ({ seed, violation }) => {
    count++
    const now = performance.now()
    if (violation !== undefined) {
      print(`seed ${seed}: ${violation.message}\n  ${replayCommand(seed)}`)
      keepSeed({ seed, why: violation.message })
    }
    if (now - lastLineAt > PROGRESS_MS) {
      lastLineAt = now
      process.stderr.write(`${count} seeds, up to ${seed}, ${((now - startedAt) / 1000).toFixed(0)} s\n`)
    }
    return now < endsAt && !(values.stop && violation !== undefined)
  })
  print(summaryOf(result))
  for (const { seed, message } of result.failures) print(`failed: seed ${seed}: ${message}\n  ${replayCommand(seed)}`)
  const holes = holesOf(result)
  for (const hole of holes) print(hole)
  return result.failures.length === 0 && holes.length === 0
}

if (values.help) print(USAGE)
else process.exitCode = (await (values.log ? printLogs() : run())) ? 0 : 1
