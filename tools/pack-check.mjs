// Packs every published package as `npm publish` would, and checks the tarball: what is in it, its manifest (publint),
// its types (attw), and that a project which installs it can load and type-check every entry.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { checkInstalled } from './installed-check.mjs'
import { publishedPackages, report, root } from './packages.mjs'

const run = promisify(execFile)
const bin = (name) => join(root, 'tools/node_modules/.bin', name)
const REQUIRED = ['LICENSE', 'README.md', 'package.json']
const PARALLEL = 3

async function output(command, args, options) {
  try {
    const { stdout } = await run(command, args, { maxBuffer: 2 ** 26, env: { ...process.env, NO_COLOR: '1' }, ...options })
    return { failed: false, text: stdout }
  } catch (error) {
    return { failed: true, text: `${error.stdout ?? ''}${error.stderr ?? ''}` || String(error) }
  }
}

function checkFiles(paths, manifest) {
  const missing = REQUIRED.filter((path) => !paths.includes(path))
  const wanted = (path) => REQUIRED.includes(path) || path === 'CHANGELOG.md' || path.startsWith('dist/')
  const foreign = paths.filter((path) => !wanted(path))
  const bins = Object.values(manifest.bin ?? {}).map((path) => path.replace(/^\.\//, ''))
  return [
    ...missing.map((path) => `not in the tarball: ${path}`),
    ...foreign.map((path) => `should not be in the tarball: ${path}`),
    ...bins.filter((path) => !paths.includes(path)).map((path) => `bin is not in the tarball: ${path}`),
    ...(paths.some((path) => path.startsWith('dist/')) ? [] : ['dist is empty: build first']),
  ]
}

/** npm packs a file of this name whatever `files` says, and no other; so both licences are in one. */
function licenceText() {
  const [mit, apache] = ['LICENSE-MIT', 'LICENSE-APACHE'].map((name) => readFileSync(join(root, name), 'utf8').trim())
  const line = '-'.repeat(80)
  return `Licensed under the MIT License or the Apache License, Version 2.0, at your choice.\n\n${line}\n\n${mit}\n\n${line}\n\n${apache}\n`
}

function checkLicence(folder) {
  const path = join(root, folder, 'LICENSE')
  if (process.argv.includes('--write')) writeFileSync(path, licenceText())
  const isRight = existsSync(path) && readFileSync(path, 'utf8') === licenceText()
  return isRight ? [] : ['LICENSE is not made of those of the top folder: npm run pack:check -- --write']
}

/** Packs one package. Gives the tarball and everything that is wrong with it. */
async function packAndCheck({ folder, manifest }, destination) {
  const licence = checkLicence(folder)
  const packed = await output('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', destination], {
    cwd: join(root, folder),
  })
  if (packed.failed) return { problems: [`${folder}: npm pack failed\n${packed.text}`] }
  const listed = JSON.parse(packed.text)
  // npm 10 and 11 print a list; later ones an object by name.
  const { filename, files } = Array.isArray(listed) ? listed[0] : Object.values(listed)[0]
  const tarball = join(destination, filename)
  const paths = files.map(({ path }) => path)
  const [manifestLint, types] = await Promise.all([
    output(bin('publint'), ['run', '--strict', tarball]),
    output(bin('attw'), [tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-emoji']),
  ])
  const problems = [...checkFiles(paths, manifest), ...licence]
  if (manifestLint.failed) problems.push(`publint --strict\n${manifestLint.text}`)
  if (types.failed) problems.push(`attw --profile esm-only\n${types.text}`)
  return { manifest, tarball, problems: problems.map((problem) => `${folder}: ${problem}`) }
}

async function checkAll(packages, destination) {
  const queue = [...packages]
  const results = []
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) results.push(await packAndCheck(next, destination))
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
  const problems = results.flatMap((result) => result.problems)
  const tarballs = results.filter(({ tarball }) => tarball !== undefined)
  return [...problems, ...(await checkInstalled(tarballs, join(destination, 'project')))]
}

const destination = mkdtempSync(join(tmpdir(), 'graft-ts-pack-'))
try {
  const packages = publishedPackages()
  report('pack', `${packages.length} packages`, (await checkAll(packages, destination)).sort())
} finally {
  rmSync(destination, { recursive: true, force: true })
}
