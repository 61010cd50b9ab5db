// `npm run bench -- NAME` measures what the folder NAME is about.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { bench } from './harness/bench.ts'
import type { Subject } from './harness/subject.ts'

const here = import.meta.dirname

process.exitCode = await bench({
  args: process.argv.slice(2),
  names: readdirSync(here).filter((name) => existsSync(join(here, name, 'index.ts'))),
  load: async (name) => ((await import(join(here, name, 'index.ts'))) as { subject: Subject }).subject,
  resultsFolder: join(here, 'results'),
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
  now: () => new Date(),
})
