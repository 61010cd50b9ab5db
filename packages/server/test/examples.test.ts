import { readFile } from 'node:fs/promises'
import { expect, test, vi } from 'vitest'
import { EXIT_CODE_OF, EXIT_CODES_HELP } from '../src/cli/exit-codes.ts'

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

test('the example of the README runs, and is the one in the README', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  await import('../examples/serve.ts')
  expect(log).toHaveBeenCalledWith('lsn', 1, 'pages', 1)
  log.mockRestore()
  expect(readme).toContain(await readFile(new URL('../examples/serve.ts', import.meta.url), 'utf8'))
})

test('the README lists every exit code as the help does', () => {
  for (const exitCode of new Set([0, ...Object.values(EXIT_CODE_OF)])) {
    const [, meaning] = new RegExp(`\\n  ${exitCode} +(.*)`).exec(EXIT_CODES_HELP) as RegExpExecArray
    expect(readme).toContain(`| ${exitCode} | ${meaning} |`)
  }
})
