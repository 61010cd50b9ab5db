import { readFileSync } from 'node:fs'
import { expect, test, vi } from 'vitest'

test('the example of the README runs', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  await import('../examples/pages.ts')
  expect(log).toHaveBeenNthCalledWith(1, 103, true, 54, 100)
  expect(log).toHaveBeenNthCalledWith(2, [5, 120], new Set([7]))
  expect(log).toHaveBeenNthCalledWith(3, 2 ** 31 + 104, expect.any(Number))
  log.mockRestore()
})

test('the README shows that example', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')
  expect(read('../README.md')).toContain(read('../examples/pages.ts'))
})
