// Runs suites inside Node, Bun or Deno, and prints the results as JSON on the last line: `guest.mjs SUITE…`, with the server
// in `GRAFT_SERVER`.
import process from 'node:process'
import { collecting, runAll } from './collect.mjs'
import { testAdapters } from './suites/adapters.mjs'
import { portableSuites } from './suites/portable.mjs'

const suites = { ...portableSuites, adapters: (_server, runner) => testAdapters(runner) }
const { runner, tests } = collecting()
for (const name of process.argv.slice(2)) suites[name](JSON.parse(process.env.GRAFT_SERVER), runner)
const results = JSON.stringify(await runAll(tests))
// Calls that tests have left would keep the process until their time is over.
process.stdout.write(`${results}\n`, () => process.exit(0))
