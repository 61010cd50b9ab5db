// The conformance suite under Deno, run by Deno's own test runner.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const DENO = fileURLToPath(new URL('../node_modules/.bin/deno', import.meta.url))
const SUITE = fileURLToPath(new URL('../deno/suite.test.mjs', import.meta.url))
// Nothing is fetched: packages come from the folders that npm made.
const ARGS = ['test', '--no-remote', '--no-lock', '--node-modules-dir=manual', '--no-check', '--allow-all', SUITE]

test('deno: the suite passes on memory and on files', async () => {
  const env = { ...process.env, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1', NODE_TEST_CONTEXT: undefined }
  const { stdout } = await promisify(execFile)(DENO, ARGS, { env, maxBuffer: 10_000_000 }).catch((error) => {
    throw new Error(`${error.stdout}\n${error.stderr}`)
  })
  const [, passed, failed] = /(\d+) passed \| (\d+) failed/.exec(stdout) ?? []
  assert.ok(Number(passed) > 90, `only ${passed} tests passed`)
  assert.equal(failed, '0')
})
