// Every published package that changed since its last release has a note for its users in .changeset.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { publishedPackages, report, root } from './packages.mjs'

const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()

// A clone made for a test run may have no branch `main`, no tags and no history, so changesets' own default of comparing
// with a branch does not serve: the last release is the newest tag, or there was none and everything is new.
function lastRelease() {
  const tag = spawnSync('git', ['describe', '--tags', '--abbrev=0', '--match', '@graft-ts/*'], { cwd: root, encoding: 'utf8' })
  if (tag.status === 0) return { since: tag.stdout.trim(), isFirst: false }
  return { since: git('rev-list', '--max-parents=0', 'HEAD').split('\n').at(-1), isFirst: true }
}

function status(since, folder) {
  const output = join(folder, 'status.json')
  const bin = join(root, 'node_modules/@changesets/cli/bin.js')
  // The path is taken relative to the top folder, whatever it looks like.
  const args = [bin, 'status', `--since=${since}`, `--output=${relative(root, output)}`]
  const run = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
  const isMissingNotes = /no changesets were found/i.test(run.stdout + run.stderr)
  if (!existsSync(output) || isMissingNotes) return { text: run.stdout + run.stderr }
  return JSON.parse(readFileSync(output, 'utf8'))
}

/** The packages that some note of this folder names, whatever the history of this clone shows of when it was written. */
function notedPackages() {
  const files = readdirSync(join(root, '.changeset')).filter((name) => name.endsWith('.md') && name !== 'README.md')
  const heads = files.map(
    (name) => /^---\n([\s\S]*?)\n---\n\s*\S/.exec(readFileSync(join(root, '.changeset', name), 'utf8'))?.[1],
  )
  return new Set(
    heads.flatMap((head = '') => [...head.matchAll(/^['"](.+)['"]: (?:major|minor|patch)$/gm)].map((line) => line[1])),
  )
}

const folder = mkdtempSync(join(tmpdir(), 'graft-ts-status-'))
try {
  const { since, isFirst } = lastRelease()
  const found = status(since, folder)
  const problems = []
  if (found.text !== undefined) problems.push(`changeset status --since=${since} failed:\n${found.text}`)
  const noted = notedPackages()
  const names = new Set(publishedPackages().map(({ manifest }) => manifest.name))
  problems.push(...[...noted].filter((name) => !names.has(name)).map((name) => `a note names ${name}, which is not published`))
  // Before its first release every package is a change that its users will notice.
  if (isFirst) {
    const fresh = publishedPackages().filter(({ folder: path }) => !existsSync(join(root, path, 'CHANGELOG.md')))
    const silent = fresh.filter(({ manifest }) => !noted.has(manifest.name))
    problems.push(...silent.map(({ manifest }) => `${manifest.name} was never released and has no note: run npx changeset`))
  }
  report('release notes', `${noted.size} packages with notes since ${isFirst ? 'the beginning' : since}`, problems)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
