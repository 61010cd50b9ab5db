import { expect, test, vi } from 'vitest'

test('the example of the README runs', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  await import('../examples/commit-and-pull.ts')
  expect(log.mock.calls).toEqual([
    ['committed', 1],
    ['committed', 1],
    [1, [1, 2]],
  ])
  log.mockRestore()
})
