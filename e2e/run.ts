// `npm run e2e`: brings the programs that the suites need, runs the suites, and removes what they left.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Environment, environmentVariables, type Need } from './environment.ts'
import { installCeph } from './servers/ceph.ts'
import { installMinio } from './servers/minio.ts'
import { ToolChainMissing } from './servers/tool-chain.ts'
import { installVersitygw } from './servers/versitygw.ts'

const SEED_DEFAULT = 1

async function need(install: () => Promise<string>): Promise<Need> {
  try {
    return { isHere: true, program: await install() }
  } catch (error) {
    if (!(error instanceof ToolChainMissing)) throw error
    return { isHere: false, reason: error.message }
  }
}

/** Runs vitest on the suites; the servers are children of its worker, and end with it. */
async function runSuites(environment: Environment, filters: readonly string[]): Promise<number> {
  const report = ['--reporter=default', '--disable-console-intercept', '--reporter=json', '--outputFile.json=reports/e2e.json']
  const exclude = environment.minio === undefined ? ['--exclude', 'suites/minio.e2e.test.ts'] : []
  const vitest = spawn('vitest', ['run', '--config', 'vitest.e2e.config.ts', ...report, ...exclude, ...filters], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: environmentVariables(environment),
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => vitest.kill(signal))
  const [code] = (await once(vitest, 'exit')) as [number | null]
  return code ?? 1
}

const { values, positionals } = parseArgs({
  options: { minio: { type: 'boolean', default: false }, seed: { type: 'string', default: String(SEED_DEFAULT) } },
  allowPositionals: true,
})
const needs = {
  versitygw: await need(installVersitygw),
  ceph: await need(installCeph),
  ...(values.minio && { minio: await need(installMinio) }),
}
const folder = await mkdtemp(join(tmpdir(), 'graft-ts-e2e-'))
try {
  process.exitCode = await runSuites({ folder, seed: Number(values.seed), ...needs }, positionals)
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
}
for (const [name, found] of Object.entries(needs)) {
  if (!found.isHere) console.error(`\nSKIPPED, ${name}: ${found.reason}`)
}
