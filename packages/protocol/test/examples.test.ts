import { expect, test, vi } from 'vitest'

test.each([
  ['typed-errors', [[7], ['invalid', 'LSN_RANGE']]],
  ['tokens', [['https://login.example#user-17'], ['ACCESS_DENIED']]],
])('the example %s of the README runs', async (name, lines) => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  await import(`../examples/${name}.ts`)
  expect(log.mock.calls).toEqual(lines)
  log.mockRestore()
})
