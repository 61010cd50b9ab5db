// Runs every gate in order and counts. `npm run check` and `.ci/run` are this; each gate is also an npm script of its own.
// The last line is `N passed, N failed, N skipped`: tests one by one, and every other gate as one more.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './packages.mjs'
import { countReports, summarize } from './test-reports.mjs'

// The order is by what is cheap and by what others need: the tools before what uses them, the build within `pack:check`.
const GATES = [
  { name: 'tests', args: ['test'], reports: testedFolders().map((folder) => join(folder, 'reports/vitest.json')) },
  { name: 'tools', args: ['run', 'setup:tools'], isNeeded: () => !isInstalled('tools') },
  { name: 'tests of the tools', args: ['run', 'test:tools'] },
  { name: 'format', args: ['run', 'check:format'] },
  { name: 'lint', args: ['run', 'lint'] },
  { name: 'layers', args: ['run', 'layers'] },
  { name: 'dead code', args: ['run', 'knip'] },
  { name: 'types', args: ['run', 'typecheck'] },
  { name: 'generated code', args: ['run', 'generate:check'] },
  { name: 'docs', args: ['run', 'docs:check'] },
  { name: 'release notes', args: ['run', 'notes:check'] },
  { name: 'coverage', args: ['run', 'coverage'] },
  { name: 'package', args: ['run', 'pack:check'] },
  { name: 'size', args: ['run', 'size'] },
  {
    name: 'other runtimes',
    args: ['run', 'setup:runtimes'],
    isNeeded: () => !isInstalled('runtimes') || !isInstalled('runtimes/oldest-node'),
  },
  // Counted test by test too; a runtime that npm could not install is a skipped test that says so.
  { name: 'tests on other runtimes', args: ['run', 'test:runtimes'], reports: ['runtimes/reports/vitest.json'] },
  { name: 'examples', args: ['run', 'examples'] },
  { name: 'demo', args: ['run', 'demo'] },
  // Counted test by test; what a machine cannot run is skipped there, and says why.
  { name: 'e2e', args: ['run', 'e2e'], reports: ['e2e/reports/e2e.json'] },
]
const SECONDS_MAX = 20 * 60
const GRACE_MS = 10_000

/** Whether what a folder's lock file names is there: folders outside the workspaces are installed when they are needed. */
function isInstalled(folder) {
  const written = (path) => statSync(join(root, folder, path), { throwIfNoEntry: false })?.mtimeMs ?? 0
  return written('node_modules/.package-lock.json') > written('package-lock.json')
}

/** The folders whose tests must leave a report: every package, and whatever else has tests. */
function testedFolders() {
  const inside = (parent) => readdirSync(join(root, parent)).map((name) => join(parent, name))
  const others = [...inside('internal'), 'benchmarks', 'examples', 'e2e']
  return [...inside('packages'), ...others.filter((folder) => existsSync(join(root, folder, 'vitest.config.ts')))]
}

/** Asks a group of processes to end: turbo passes that on to its tasks, which are groups of their own. Then insists. */
function endGroup(leader) {
  const send = (signal) => {
    try {
      process.kill(-leader, signal)
    } catch {
      // It is gone already.
    }
  }
  send('SIGTERM')
  return setTimeout(send, GRACE_MS, 'SIGKILL')
}

function run(args) {
  const { promise, resolve } = Promise.withResolvers()
  const startedAt = performance.now()
  const child = spawn('npm', args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
  const timer = setTimeout(() => {
    console.error(`npm ${args.join(' ')} took longer than ${SECONDS_MAX} s`)
    endGroup(child.pid).unref()
  }, SECONDS_MAX * 1000)
  const interrupt = () => {
    endGroup(child.pid).unref()
    child.once('close', () => process.exit(1))
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, interrupt)
  const settle = (isPassed) => {
    clearTimeout(timer)
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, interrupt)
    resolve({ isPassed, seconds: (performance.now() - startedAt) / 1000 })
  }
  child.on('error', () => settle(false))
  child.on('close', (code) => settle(code === 0))
  return promise
}

/** Runs what leaves reports of vitest, and counts by them. */
async function runCounted(args, reports) {
  // What an earlier run left must not stand in for a suite that did not run.
  for (const report of reports) rmSync(join(root, report), { force: true })
  const result = await run(args)
  const counts = countReports(reports.map((report) => join(root, report)))
  if (!result.isPassed && counts.failed === 0) counts.failed = 1
  return { ...result, counts, isPassed: counts.failed === 0 }
}

const results = []
for (const { name, args, isNeeded, reports } of GATES) {
  if (isNeeded?.() === false) continue
  console.log(`\n::: ${name}`)
  results.push({ name, ...(reports === undefined ? await run(args) : await runCounted(args, reports)) })
}
const { lines, isPassed } = summarize(results)
console.log(`\n${lines.join('\n')}`)
process.exitCode = isPassed ? 0 : 1
