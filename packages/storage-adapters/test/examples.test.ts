import { execFile } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test, vi } from 'vitest'
import worker from '../examples/r2.ts'
import { tenantKeys } from '../examples/s3.ts'
import { testObjectStore } from '../src/conformance.ts'
import { MemoryStore } from '../src/memory.ts'
import { R2Double } from './r2/r2-double.ts'
import { S3Double } from './s3/s3-double.ts'

function spyOnLog(): ReturnType<typeof vi.spyOn> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  onTestFinished(() => log.mockRestore())
  return log
}

test('the example of the contract runs: all callers agree on one owner', async () => {
  const log = spyOnLog()
  await import('../examples/memory.ts')
  expect(log).toHaveBeenCalledWith(['ann', 'ann', 'ann'])
})

test('the example of the fs store runs', async () => {
  const log = spyOnLog()
  await import('../examples/fs.ts')
  expect(log).toHaveBeenCalledWith('20')
})

test('the example of the S3 store runs', async () => {
  const double = await S3Double.start('shop')
  onTestFinished(() => double.stop())
  for (const key of ['tenants/7/a', 'tenants/7/b/c', 'tenants/8/a']) {
    double.objects.set(key, { bytes: Buffer.from('x'), etag: 'e' })
  }
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test-secret')
  onTestFinished(() => void vi.unstubAllEnvs())
  expect(await tenantKeys(double.endpoint, 'shop', '7')).toEqual(['a', 'b/c'])
})

test('the example of the R2 store runs', async () => {
  const env = { BUCKET: new R2Double() }
  const ask = async (name: string): Promise<string> => (await worker.fetch(new Request(`http://names/${name}`), env)).text()
  expect([await ask('ann'), await ask('bob'), await ask('ann')]).toEqual(['yours', 'yours', 'taken'])
})

test('the conformance suite runs under node:test', async () => {
  const path = fileURLToPath(new URL('../examples/conformance.ts', import.meta.url))
  const options = ['--conditions=@graft-ts/source', '--test-reporter=tap', path]
  // Else the runner above would be taken for the parent of this one.
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: undefined }
  const { stdout } = await promisify(execFile)(process.execPath, options, { env, maxBuffer: 10_000_000 })
  let registered = 0
  const runner = { describe: (_: string, body: () => void) => body(), test: () => void registered++ }
  testObjectStore({ name: 'counted', open: async () => new MemoryStore(), runner })
  expect(registered).toBeGreaterThan(45)
  expect(Number(/^# pass (\d+)$/m.exec(stdout)?.[1])).toBe(registered)
  expect(stdout).toMatch(/^# fail 0$/m)
})
