// Checks what people read: the READMEs of the packages, links between documents, and docs on what is exported.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { undocumentedExports } from './exported-docs.mjs'
import { publishedPackages, report, root } from './packages.mjs'

/** The sections of a package's README, in this order; others may stand between them. */
const SECTIONS = [/^runtimes$/i, /^by task$/i, /^errors/i, /^limits/i, /^guarantees$/i, /^neighbours$/i, /licence$/i]

const read = (path) => readFileSync(join(root, path), 'utf8')
const withoutCode = (text) => text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '')
const headingsOf = (text) => [...withoutCodeBlocks(text).matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, heading]) => heading)
const withoutCodeBlocks = (text) => text.replace(/^```[\s\S]*?^```/gm, '')

function missingSection(headings) {
  let at = 0
  for (const section of SECTIONS) {
    const found = headings.findIndex((heading, index) => index >= at && section.test(heading))
    if (found === -1) return section.source.replace(/[\^$]/g, '')
    at = found + 1
  }
  return undefined
}

// The formatter may break a line in the file that the README keeps whole.
const withoutLayout = (code) => code.replace(/\s+/g, '').replace(/,([)\]}])/g, '$1')

function checkExamples(folder, readme) {
  const names = existsSync(join(root, folder, 'examples')) ? readdirSync(join(root, folder, 'examples')) : []
  const sources = names.filter((name) => name.endsWith('.ts')).map((name) => withoutLayout(read(join(folder, 'examples', name))))
  const programs = [...readme.matchAll(/^```ts\n([\s\S]*?)^```/gm)]
    .map(([, code]) => code)
    .filter((code) => /^import /m.test(code))
  if (programs.length === 0) return ['README.md shows no example that imports the package']
  const unknown = programs.filter((code) => !sources.includes(withoutLayout(code)))
  return unknown.map((code) => `an example of README.md is no file of examples/: ${code.split('\n', 1)[0]}`)
}

function checkReadme({ folder, manifest }) {
  const path = join(folder, 'README.md')
  if (!existsSync(join(root, path))) return [`${folder}: README.md is missing`]
  const readme = read(path)
  const problems = checkExamples(folder, readme)
  const missing = missingSection(headingsOf(readme))
  if (missing !== undefined) problems.push(`README.md has no section "${missing}", or not in this order`)
  if (!readme.startsWith(`# ${manifest.name}\n`)) problems.push('README.md does not begin with the name of the package')
  if (!/^npm install .*$/m.test(readme)) problems.push('README.md does not say how to install the package')
  return problems.map((problem) => `${folder}: ${problem}`)
}

// As code hosts make them: lower case, punctuation dropped, spaces to hyphens.
const anchorOf = (heading) =>
  heading
    .replace(/`/g, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/ /g, '-')

function checkLinks(path) {
  const text = withoutCode(read(path))
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target)
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .flatMap((target) => {
      const [file, anchor] = target.split('#')
      const resolved = file === '' ? path : normalize(join(dirname(path), file))
      if (resolved.startsWith('..') || !existsSync(join(root, resolved))) return [`${path}: dead link ${target}`]
      if (anchor === undefined || !resolved.endsWith('.md')) return []
      return headingsOf(read(resolved)).some((heading) => anchorOf(heading) === anchor)
        ? []
        : [`${path}: no such section ${target}`]
    })
}

const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { cwd: root, encoding: 'utf8' })
const documents = listed.split('\n').filter((path) => path !== '' && existsSync(join(root, path)))
const packages = publishedPackages()
const { checked, undocumented } = undocumentedExports(packages)
const problems = [...packages.flatMap(checkReadme), ...documents.flatMap(checkLinks), ...undocumented]
if (documents.length === 0 || checked === 0) problems.push('found nothing to check')
report('docs', `${packages.length} READMEs, ${documents.length} documents, ${checked} exports`, problems)
