// Runs every example that is a program of its own: those of the packages, and those in examples/ (the demo apart).
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { publishedPackages, report, root } from './packages.mjs'

const SECONDS_MAX = 120
const PARALLEL = 2

const isProgram = (name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && !name.endsWith('.config.ts')
const programsIn = (folder) => (existsSync(join(root, folder)) ? readdirSync(join(root, folder)).filter(isProgram) : [])

function run(path) {
  const { promise, resolve } = Promise.withResolvers()
  // Without the condition an example would need a build.
  const child = spawn(process.execPath, ['--conditions=@graft-ts/source', path], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk))
  const timer = setTimeout(() => child.kill('SIGKILL'), SECONDS_MAX * 1000)
  child.on('close', (code, signal) => {
    clearTimeout(timer)
    resolve(code === 0 ? [] : [`${path}: ${signal === null ? `exit code ${code}` : `ended by ${signal}`}\n${text}`])
  })
  return promise
}

const packages = publishedPackages()
const folders = [...packages.map(({ folder }) => join(folder, 'examples')), 'examples']
const programs = folders.flatMap((folder) => programsIn(folder).map((name) => join(folder, name)))
const withoutExample = packages.filter(({ folder }) => programsIn(join(folder, 'examples')).length === 0)
const problems = withoutExample.map(({ folder }) => `${folder}: has no example`)
const queue = [...programs]
const worker = async () => {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) problems.push(...(await run(next)))
}
await Promise.all(Array.from({ length: PARALLEL }, worker))
report('examples', `${programs.length} programs`, problems)
