// What the gates need to know of the published packages.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The top folder of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** Every package that is published: its folder below the root, and its manifest. */
export function publishedPackages() {
  const folders = readdirSync(join(root, 'packages')).map((name) => join('packages', name))
  const packages = folders.map((folder) => ({
    folder,
    manifest: JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')),
  }))
  const published = packages.filter(({ manifest }) => manifest.private !== true)
  if (published.length === 0) throw new Error('no package to check')
  return published
}

/** Entries for Node alone: nobody bundles them for a browser, and their types need those of Node. */
const NODE_ENTRIES = ['@graft-ts/server', '@graft-ts/storage-adapters/fs']

/** Whether an entry, by the name that one imports, is for Node alone. */
export function isNodeEntry(name) {
  return name.endsWith('/node') || NODE_ENTRIES.some((entry) => name === entry || name.startsWith(`${entry}/`))
}

/** Prints what is wrong, or that nothing is, and sets the exit code. */
export function report(gate, checked, problems) {
  for (const problem of problems) console.error(problem)
  console.log(`${gate}: ${checked}, ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`)
  if (problems.length > 0) process.exitCode = 1
}
