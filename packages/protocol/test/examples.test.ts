import { expect, test, vi } from 'vitest'

test('the example of the README runs', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  await import('../examples/typed-errors.ts')
  expect(log.mock.calls).toEqual([[7], ['invalid', 'LSN_RANGE']])
  log.mockRestore()
})
