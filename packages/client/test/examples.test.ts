import { expect, test, vi } from 'vitest'

test('the example of the README runs', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  await import('../examples/offline.ts')
  expect(log).toHaveBeenCalledWith(1, 'pushed', 1, 1)
  log.mockRestore()
})
