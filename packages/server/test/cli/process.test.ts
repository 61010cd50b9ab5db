import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../temporary.ts'
import { makeDatabase, sha256 } from './harness.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const children: ChildProcessWithoutNullStreams[] = []

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  }
})

function start(...args: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, ['--conditions=@graft-ts/source', cli, ...args])
  children.push(child)
  return child
}

async function run(...args: readonly string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const child = start(...args)
  const [stdout, stderr, [exitCode]] = await Promise.all([child.stdout.toArray(), child.stderr.toArray(), once(child, 'exit')])
  return { exitCode: exitCode as number, stdout: stdout.join(''), stderr: stderr.join('') }
}

async function serve(folder: string, ...args: readonly string[]) {
  const child = start('serve', '--store', join(folder, 'store'), '--port', '0', '--json', '--allow-everybody', ...args)
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { child, ...(JSON.parse(line) as { url: string }) }
}

describe('the program as a process', () => {
  test('serves, imports, exports, and stops on SIGTERM with exit code 0', async () => {
    const folder = await temporaryFolder()
    const source = join(folder, 'words.db')
    makeDatabase(source).close()
    const { child, url } = await serve(folder)
    const where = ['--server', url, '--json', '--local']
    const imported = await run('import', source, ...where, join(folder, 'a'))
    expect(imported).toMatchObject({ exitCode: 0, stderr: '' })
    const { volumeId } = JSON.parse(imported.stdout) as { volumeId: string }
    expect(await run('export', volumeId, join(folder, 'out.db'), ...where, join(folder, 'b'))).toMatchObject({ exitCode: 0 })
    expect(await sha256(join(folder, 'out.db'))).toBe(await sha256(source))
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('two stores in two processes share their keys through a file', async () => {
    const folder = await temporaryFolder()
    const [source, keys] = [join(folder, 'words.db'), join(folder, 'keys')]
    makeDatabase(source).close()
    await writeFile(keys, `k1 ${Buffer.alloc(32, 5).toString('base64')}\n`)
    const [meta, pages] = await Promise.all(['meta', 'pages'].map((role) => serve(folder, '--role', role, '--ref-keys', keys)))
    const where = ['--server', meta?.url as string, '--pages-server', pages?.url as string, '--local', join(folder, 'a')]
    expect(await run('import', source, ...where)).toMatchObject({ exitCode: 0, stderr: '' })
  })

  test('stops on Ctrl-C with exit code 0, and reports what it did when asked', async () => {
    const folder = await temporaryFolder()
    const { child, url } = await serve(folder, '--verbose', '--no-fsync')
    await (await fetch(`${url}/healthz`)).text()
    child.kill('SIGINT')
    const [reports, exit] = await Promise.all([child.stderr.toArray(), once(child, 'exit')])
    expect(exit).toEqual([0, null])
    const types = reports
      .join('')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type?: string; warning?: { code: string } })
      .map(({ type, warning }) => type ?? warning?.code)
    expect(types).toEqual(['listening', 'OPEN_TO_EVERYBODY', 'open-to-everybody', 'request', 'stopping', 'stopped'])
  })

  test('a failure is its exit code, on standard error', async () => {
    const { exitCode, stdout, stderr } = await run('import', '/nowhere/words.db', '--store', '/nowhere/store')
    expect([exitCode, stdout]).toEqual([3, ''])
    expect(stderr).toMatch(/^error FILE_MISSING: /)
  })

  test('a reader that leaves early is no failure', async () => {
    const child = start('--help')
    child.stdout.destroy()
    expect(await once(child, 'exit')).toEqual([0, null])
  })
})
