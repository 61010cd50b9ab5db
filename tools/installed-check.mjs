// Unpacks tarballs into a project of their own, loads every entry there, and type-checks a program that imports them all
// with the oldest TypeScript that we support.
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isNodeEntry, root } from './packages.mjs'

const run = promisify(execFile)
const FLOOR_OPTIONS = {
  target: 'ES2022',
  module: 'NodeNext',
  lib: ['ES2022', 'WebWorker', 'WebWorker.AsyncIterable'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
}

/** `@scope/name` for `.`, `@scope/name/fs` for `./fs`; nothing for files that are not modules. */
function entriesOf(manifest) {
  const paths = Object.keys(manifest.exports).filter((path) => !path.endsWith('.json'))
  return paths.map((path) => `${manifest.name}${path.slice(1)}`)
}

async function layOut(tarballs, project) {
  const modules = join(project, 'node_modules')
  mkdirSync(modules, { recursive: true })
  for (const { manifest, tarball } of tarballs) {
    const folder = join(modules, manifest.name)
    mkdirSync(folder, { recursive: true })
    await run('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1'])
  }
  linkDependencies(modules)
}

// What others publish is taken from the workspace; our own packages only from the tarballs.
function linkDependencies(modules) {
  const installed = join(root, 'node_modules')
  for (const name of readdirSync(installed)) {
    if (name.startsWith('.') || name === '@graft-ts') continue
    if (!name.startsWith('@')) symlinkSync(join(installed, name), join(modules, name))
    else {
      mkdirSync(join(modules, name), { recursive: true })
      for (const scoped of readdirSync(join(installed, name)))
        symlinkSync(join(installed, name, scoped), join(modules, name, scoped))
    }
  }
}

async function failureOf(what, command, args, project) {
  try {
    await run(command, args, { cwd: project, env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' } })
    return []
  } catch (error) {
    return [`${what}\n${error.stdout ?? ''}${error.stderr ?? ''}`]
  }
}

// Dependencies' own declarations may be at odds with these settings, so only what is ours counts.
async function typeErrors(project, name, entries, types) {
  const imports = entries.map((entry, index) => `import * as entry${index} from ${JSON.stringify(entry)}\nvoid entry${index}`)
  writeFileSync(join(project, `${name}.ts`), `${imports.join('\n')}\n`)
  const config = { compilerOptions: { ...FLOOR_OPTIONS, types }, include: [`${name}.ts`] }
  writeFileSync(join(project, `tsconfig.${name}.json`), JSON.stringify(config))
  const tsc = join(root, 'tools/node_modules/typescript-floor/bin/tsc')
  const failures = await failureOf(name, process.execPath, [tsc, '-p', `tsconfig.${name}.json`, '--pretty', 'false'], project)
  const lines = failures.flatMap((failure) => failure.split('\n').slice(1))
  const ours = lines.filter((line) => /^(\.\.\/)*(node_modules\/@graft-ts\/|[a-z]+\.ts|error)/.test(line))
  return ours.map((line) => `under TypeScript 5.7: ${line}`)
}

/** What goes wrong in a project that installs the packages. */
export async function checkInstalled(tarballs, project) {
  await layOut(tarballs, project)
  const entries = tarballs.flatMap(({ manifest }) => entriesOf(manifest))
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }))
  const loads = entries.map((entry) => `await import(${JSON.stringify(entry)})`)
  writeFileSync(join(project, 'load.mjs'), `${loads.join('\n')}\n`)
  const requires = entries.map((entry) => `require(${JSON.stringify(entry)})`)
  writeFileSync(join(project, 'load.cjs'), `${requires.join('\n')}\n`)
  const portable = entries.filter((entry) => !isNodeEntry(entry))
  const failures = [
    await failureOf('an entry cannot be imported', process.execPath, ['load.mjs'], project),
    await failureOf('an entry cannot be required', process.execPath, ['load.cjs'], project),
    await typeErrors(project, 'portable', portable, []),
    await typeErrors(project, 'node', entries.filter(isNodeEntry), ['node']),
  ]
  return failures.flat()
}
