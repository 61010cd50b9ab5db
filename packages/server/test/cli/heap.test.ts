import { join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'
import { temporaryFolder } from '../temporary.ts'
import { graft } from './harness.ts'

const { flags } = vi.hoisted(() => ({ flags: [] as string[] }))
vi.mock('node:v8', async (load) => ({ ...(await load<object>()), setFlagsFromString: (flag: string) => void flags.push(flag) }))

beforeEach(() => {
  flags.length = 0
})

test('graft-ts serve lets its process collect less often, and no other command does', async () => {
  const folder = await temporaryFolder()
  const interrupt = new AbortController()
  const onTerminal = (text: string): void => {
    if (text.includes('"listening"')) interrupt.abort()
  }
  const serve = ['serve', '--store', join(folder, 'store'), '--port', '0', '--no-fsync', '--allow-everybody', '--verbose']
  expect((await graft(serve, { signal: interrupt.signal, onTerminal })).exitCode).toBe(0)
  expect(flags).toEqual(['--heap-growing-percent=300'])
  await graft(['key', join(folder, 'signing')])
  expect(flags).toHaveLength(1)
})
