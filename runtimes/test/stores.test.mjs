// Both stores on every runtime, asked from Node; then every other runtime asking stores on Node.
import { describe } from 'vitest'
import { runGuest, runtimes, startHost } from '../processes.mjs'
import { newSettings } from '../settings.mjs'
import { SUITES } from '../suites/portable.mjs'
import { MISSING, Miniflare, startWorker } from '../workers.mjs'
import { testResults, testSkipped } from './results.mjs'

// All tests of the suites; one that registers fewer has lost some.
const TESTS = 35
// A Worker cannot ask for what comes before the end of its own request.
const TESTS_FROM_WORKERS = TESTS - 1
// Without `enable_request_signal` a Worker is not told that a reader has gone, and a watch would be kept for ever.
const ON_R2 = { r2Buckets: ['BUCKET'], compatibilityFlags: ['enable_request_signal'] }
const DURABLE_OBJECT = { ...ON_R2, durableObjects: { STORES: 'Stores' } }

const settings = await newSettings()
const missingOf = (runtime) => (runtime === 'workerd' ? Miniflare === undefined && MISSING : runtimes[runtime].missing)
const startStores = (name, options) => startWorker(name, { ...options, bindings: { SETTINGS: settings.server } })

const HOSTS = [
  { name: 'node', runtime: 'node', start: () => startHost('node', settings) },
  { name: 'the oldest Node', runtime: 'node-22', start: () => startHost('node-22', settings) },
  { name: 'bun', runtime: 'bun', start: () => startHost('bun', settings) },
  { name: 'deno', runtime: 'deno', start: () => startHost('deno', settings) },
  { name: 'workerd, made for each request', runtime: 'workerd', start: () => startStores('per-request', ON_R2) },
  { name: 'workerd, in a Durable Object', runtime: 'workerd', start: () => startStores('durable-object', DURABLE_OBJECT) },
]
for (const { name, runtime, start } of HOSTS) testBetween(`stores on ${name}`, runtime, start, askFromProcess('node'))

for (const runtime of ['node-22', 'bun', 'deno']) {
  testBetween(`stores asked from ${runtime}`, runtime, () => startHost('node', settings), askFromProcess(runtime))
}
testBetween('stores asked from workerd', 'workerd', () => startHost('node', settings), askFromWorker, TESTS_FROM_WORKERS)

/** Starts a host, runs all suites against it, and stops it whatever came of them; then one test for each result. */
function testBetween(name, runtime, start, ask, atLeast = TESTS) {
  const missing = missingOf(runtime)
  if (missing) {
    testSkipped(name, missing)
    return
  }
  describe(name, async () => {
    const host = await start()
    try {
      testResults(await ask({ baseUrl: host.baseUrl, caller: settings.caller }), atLeast)
    } finally {
      await host.stop()
    }
  })
}

function askFromProcess(runtime) {
  return (server) => runGuest(runtime, SUITES, server)
}

async function askFromWorker(server) {
  const worker = await startWorker('guest', { compatibilityFlags: ['nodejs_compat'] })
  try {
    return await worker.ask('', server)
  } finally {
    await worker.stop()
  }
}
