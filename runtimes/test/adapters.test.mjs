// The object stores on runtimes other than the current Node, where the package's own tests run them.
import { describe } from 'vitest'
import { runGuest, runtimes } from '../processes.mjs'
import { MISSING, Miniflare, startWorker } from '../workers.mjs'
import { testResults, testSkipped } from './results.mjs'

const WORKER_SUITES = [
  { suite: 'r2', atLeast: 45 },
  { suite: 'memory', atLeast: 45 },
  { suite: 'probe', atLeast: 1 },
]

for (const runtime of ['node-22', 'bun', 'deno'])
  testOn(runtime, runtimes[runtime].missing, () => runGuest(runtime, ['adapters']), 90)

const resultsOf = await runInWorker()
for (const { suite, atLeast } of WORKER_SUITES) {
  testOn(`workerd: ${suite}`, Miniflare === undefined ? MISSING : undefined, async () => resultsOf[suite], atLeast)
}

function testOn(name, missing, run, atLeast) {
  if (missing !== undefined) testSkipped(`adapters on ${name}`, missing)
  else {
    describe(`adapters on ${name}`, async () => {
      testResults(await run(), atLeast)
    })
  }
}

async function runInWorker() {
  const results = {}
  if (Miniflare === undefined) return results
  const worker = await startWorker('adapters', { r2Buckets: ['BUCKET'] })
  try {
    for (const { suite } of WORKER_SUITES) results[suite] = await worker.ask(suite)
  } finally {
    await worker.stop()
  }
  return results
}
