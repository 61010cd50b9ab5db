// Plants one violation after the other in a small project with our settings, and looks whether the gate finds it: a
// pattern that excludes too much, or a linter that sees every type as any, would otherwise pass everything.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { root } from '../packages.mjs'

const SHARED = [
  '.dependency-cruiser.cjs',
  '.oxlintrc.json',
  'tsconfig.json',
  'tsconfig.base.json',
  'internal/config/tsconfig.node.json',
  'internal/config/tsconfig.portable.json',
  'tools/lint',
]
const LINKED = ['node_modules', 'tools/node_modules']

let project
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'graft-ts-planted-'))
  for (const path of SHARED) cpSync(join(root, path), join(project, path), { recursive: true })
  for (const path of LINKED) symlinkSync(join(root, path), join(project, path))
  plant('package.json', '{ "private": true, "type": "module", "devDependencies": { "fast-check": "*", "vitest": "*" } }')
  for (const name of ['splinter', 'volume', 'client', 'storage-adapters']) {
    plant(`packages/${name}/package.json`, JSON.stringify({ name: `@graft-ts/${name}`, type: 'module' }))
    plant(`packages/${name}/tsconfig.json`, '{ "extends": "../../internal/config/tsconfig.portable.json", "include": ["src"] }')
    plant(`packages/${name}/src/index.ts`, `export const ${name.replace('-', '')} = 1\n`)
  }
})
afterEach(() => rmSync(project, { recursive: true, force: true }))

function plant(path, text) {
  mkdirSync(dirname(join(project, path)), { recursive: true })
  writeFileSync(join(project, path), text)
}

function run(bin, args) {
  const path = join(project, 'tools/node_modules/.bin')
  const env = { ...process.env, NO_COLOR: '1', PATH: `${path}:${process.env.PATH}` }
  const { status, stdout, stderr } = spawnSync(join(path, bin), args, { cwd: project, encoding: 'utf8', env, timeout: 60_000 })
  return { isPassed: status === 0, text: `${stdout}${stderr}` }
}

describe('layers', () => {
  const layers = () => run('depcruise', ['--config', '.dependency-cruiser.cjs', 'packages'])

  test('pass what keeps to them', () => {
    plant('packages/volume/src/more.ts', "import { volume } from './index.ts'\nexport const more = volume\n")
    assert.equal(layers().isPassed, true)
  })

  const violations = [
    ['layer-volume', 'volume/src/bad.ts', "export { client } from '../../client/src/index.ts'"],
    ['package-by-path', 'client/src/bad.ts', "export { volume } from '../../volume/src/index.ts'"],
    ['node-in-portable', 'volume/src/bad.ts', "export { readFile } from 'node:fs/promises'"],
    ['node-in-portable', 'storage-adapters/src/fsx.ts', "export { readFile } from 'node:fs/promises'"],
    ['unlisted-dependency', 'volume/src/bad.ts', "export { LRUCache } from 'lru-cache'"],
    ['dev-dependency-in-source', 'volume/src/bad.ts', "export { default } from 'fast-check'"],
    ['unresolvable', 'volume/src/bad.ts', "export { x } from './nowhere.ts'"],
    ['published-on-private', 'volume/src/bad.ts', "export { x } from '../test/helper.ts'"],
    ['unknown-package', 'novelty/src/index.ts', "export { x } from './x.ts'"],
  ]
  for (const [rule, path, text] of violations) {
    test(`${rule}: ${text} in ${path}`, () => {
      plant('packages/volume/test/helper.ts', 'export const x = 1\n')
      plant('packages/novelty/src/x.ts', 'export const x = 1\n')
      plant(`packages/${path}`, `${text}\n`)
      const { isPassed, text: output } = layers()
      assert.equal(isPassed, false)
      assert.match(output, new RegExp(`error ${rule}: packages/${path}`))
    })
  }

  test('cycle, of types alone too', () => {
    plant('packages/volume/src/a.ts', "import type { B } from './b.ts'\nexport type A = B | 1\n")
    plant('packages/volume/src/b.ts', "import type { A } from './a.ts'\nexport type B = A | 2\n")
    assert.match(layers().text, /error cycle/)
  })

  test('Node is for the parts that are meant for it', () => {
    plant('packages/storage-adapters/src/fs.ts', "export { readFile } from 'node:fs/promises'\n")
    assert.equal(layers().isPassed, true)
  })
})

describe('lint', () => {
  const lint = () => run('oxlint', ['--type-aware', '--deny-warnings', '--format=unix', '.'])
  const later = 'export const later = (): Promise<number> => Promise.resolve(1)\n'

  test('passes clean code', () => {
    plant('packages/volume/src/later.ts', later)
    const { isPassed, text } = lint()
    assert.equal(isPassed, true, text)
  })

  const violations = [
    ['no-floating-promises', 'volume/src/bad.ts', "import { later } from './later.ts'\nlater()"],
    ['no-floating-promises', 'volume/test/bad.test.ts', "import { later } from '../src/later.ts'\nlater()"],
    ['no-misused-promises', 'volume/src/bad.ts', "import { later } from './later.ts'\nexport const x = later() ? 1 : 2"],
    ['data-sized-spread', 'volume/src/bad.ts', 'export const most = (xs: number[]): number => Math.max(...xs)'],
    ['max-lines-per-function', 'volume/src/bad.ts', `export function f(): void {\n${'  f()\n'.repeat(70)}}`],
    ['no-restricted-imports', 'volume/src/bad.ts', "export { readFile } from 'node:fs/promises'"],
    ['no-explicit-any', 'volume/src/bad.ts', 'export const x = (y: any): unknown => y'],
    ['no-restricted-properties', 'volume/test/bad.test.ts', 'export const x = Math.random()'],
    ['no-focused-tests', 'volume/test/bad.test.ts', "import { test } from 'vitest'\ntest.only('x', () => undefined)"],
  ]
  for (const [rule, path, text] of violations) {
    test(`${rule} in ${path}`, () => {
      plant('packages/volume/src/later.ts', later)
      plant(`packages/${path}`, `${text}\n`)
      const { isPassed, text: output } = lint()
      assert.equal(isPassed, false)
      assert.match(output, new RegExp(`packages/${path}.*\\(${rule}\\)`))
    })
  }
})
