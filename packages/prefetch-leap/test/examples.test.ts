import { expect, test, vi } from 'vitest'

test('the example of the README runs', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  await import('../examples/stride.ts')
  expect(log.mock.calls.flat()).toEqual([
    'leap: 121 fetches, 1000 pages for 1000',
    'group: 94 fetches, 3000 pages for 1000',
    'none: 1000 fetches, 1000 pages for 1000',
  ])
  log.mockRestore()
})
