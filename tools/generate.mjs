// Writes the TypeScript of every .proto file; with `--check` only compares it with what is there, and lints the files.
// Each package has its own files, so buf runs once per package.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publishedPackages, report, root } from './packages.mjs'

const buf = (...args) => execFileSync('tools/node_modules/.bin/buf', args, { cwd: root, stdio: 'inherit' })

function generate(folder, out) {
  const plugin = { local: 'tools/node_modules/.bin/protoc-gen-es', out, opt: ['target=ts', 'import_extension=ts'] }
  buf('generate', join(folder, 'proto'), '--template', JSON.stringify({ version: 'v2', clean: true, plugins: [plugin] }))
}

function filesOf(folder) {
  const entries = existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : []
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]))
}

function differences(folder, fresh) {
  const [committed, wanted] = [join(root, folder, 'src/gen'), fresh].map(filesOf)
  const names = new Set([...committed.keys(), ...wanted.keys()])
  const stale = [...names].filter((name) => committed.get(name) !== wanted.get(name))
  return stale.map((name) => `${join(folder, 'src/gen', name)} is not what its .proto gives: run npm run generate`)
}

const folders = publishedPackages()
  .map(({ folder }) => folder)
  .filter((folder) => existsSync(join(root, folder, 'proto')))
if (process.argv.includes('--check')) {
  const scratch = mkdtempSync(join(tmpdir(), 'graft-ts-generate-'))
  try {
    buf('lint')
    for (const folder of folders) generate(folder, join(scratch, folder))
    report(
      'generated code',
      `${folders.length} packages`,
      folders.flatMap((folder) => differences(folder, join(scratch, folder))),
    )
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
} else {
  for (const folder of folders) generate(folder, join(folder, 'src/gen'))
}
