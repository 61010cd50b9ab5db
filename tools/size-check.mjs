// Measures what each portable entry costs whoever bundles it, dependencies included, and compares it with its budget.
// `--write` sets the budgets anew: a tenth above what was measured, so that a growth is a decision.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { isNodeEntry, publishedPackages, report, root } from './packages.mjs'

const BUDGETS = join(root, 'tools/size-budgets.json')
const SDK = /node_modules\/(@aws-sdk|@smithy|@google-cloud|@azure)\//

function entriesOf({ folder, manifest }) {
  const paths = Object.entries(manifest.exports).filter(([, target]) => typeof target === 'object')
  // What the caller brings along is not part of the price.
  const peers = Object.keys(manifest.peerDependencies ?? {})
  const entries = paths.map(([path, target]) => ({
    name: `${manifest.name}${path.slice(1)}`,
    file: join(root, folder, target.default),
    peers,
  }))
  return entries.filter(({ name }) => !isNodeEntry(name))
}

async function measure({ name, file, peers }) {
  if (!existsSync(file)) return { name, problems: [`${name}: not built`] }
  const bundle = await build({
    entryPoints: [file],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external: ['node:*', ...peers],
    logLevel: 'silent',
  })
  const output = Object.values(bundle.metafile.outputs)[0]
  const builtIns = output.imports.filter(({ path }) => path.startsWith('node:')).map(({ path }) => path)
  const sdks = Object.keys(output.inputs).filter((path) => SDK.test(path))
  return {
    name,
    bytes: gzipSync(bundle.outputFiles[0].contents, { level: 9 }).length,
    problems: [
      ...builtIns.map((path) => `${name}: imports ${path}`),
      ...sdks.slice(0, 1).map((path) => `${name}: contains ${path}`),
    ],
  }
}

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`

function compare(measured, budgets) {
  const problems = measured.flatMap((entry) => entry.problems)
  for (const { name, bytes } of measured) {
    const budget = budgets[name]
    console.log(
      `${name.padEnd(40)} ${bytes === undefined ? '?' : kilobytes(bytes).padStart(9)} of ${budget === undefined ? 'nothing' : kilobytes(budget)}`,
    )
    if (budget === undefined) problems.push(`${name}: has no budget, set one with npm run size -- --write`)
    else if (bytes > budget) problems.push(`${name}: ${kilobytes(bytes)} is over its budget of ${kilobytes(budget)}`)
  }
  const names = new Set(measured.map(({ name }) => name))
  for (const name of Object.keys(budgets)) if (!names.has(name)) problems.push(`${name}: has a budget but is no entry`)
  return problems
}

const measured = []
for (const entry of publishedPackages().flatMap(entriesOf)) {
  measured.push(await measure(entry).catch((error) => ({ name: entry.name, problems: [`${entry.name}: ${error.message}`] })))
}
if (process.argv.includes('--write')) {
  const known = measured.filter(({ bytes }) => bytes !== undefined)
  const budgets = Object.fromEntries(known.map(({ name, bytes }) => [name, Math.ceil((bytes * 1.1) / 100) * 100]))
  writeFileSync(BUDGETS, `${JSON.stringify(budgets, null, 2)}\n`)
}
const budgets = existsSync(BUDGETS) ? JSON.parse(readFileSync(BUDGETS, 'utf8')) : {}
report('size', `${measured.length} entries, minified and gzipped`, compare(measured, budgets))
