import { expect, test, vi } from 'vitest'

test('the example of the README runs', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  await import('../examples/segment.ts')
  expect(log).toHaveBeenCalledWith(expect.any(Number), expect.any(Uint32Array), 1)
  log.mockRestore()
})
