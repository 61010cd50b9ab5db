import { expect, test, vi } from 'vitest'

test('the example of the README runs', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  await import('../examples/append.ts')
  expect(log).toHaveBeenCalledWith('committed', [1, 2])
  log.mockRestore()
})
