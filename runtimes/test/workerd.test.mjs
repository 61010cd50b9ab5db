// The adapters inside workerd, the runtime of Cloudflare Workers, with miniflare's R2 behind the binding.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'

let miniflare

before(async () => {
  const entry = fileURLToPath(new URL('../workerd/suite.mjs', import.meta.url))
  const bundle = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
  })
  miniflare = new Miniflare({
    modules: true,
    script: bundle.outputFiles[0].text,
    compatibilityDate: '2026-07-01',
    r2Buckets: ['BUCKET'],
  })
  await miniflare.ready
})

after(() => miniflare.dispose())

async function resultsOf(suite) {
  const response = await miniflare.dispatchFetch(`http://localhost/${suite}`)
  return response.json()
}

for (const [suite, testsMin] of [
  ['r2', 45],
  ['memory', 45],
  ['probe', 1],
]) {
  describe(`workerd: ${suite}`, () => {
    test('every test of the suite passes', async (context) => {
      const results = await resultsOf(suite)
      assert.ok(results.length >= testsMin, `only ${results.length} tests ran`)
      for (const { name, failure } of results) {
        await context.test(name, () => assert.equal(failure, undefined))
      }
    })
  })
}
